// Results on stdout.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace gradus {

/// Writes text to stdout.
void print(const std::string& text);
/// Writes one JSON object and a newline; numbers that are not finite become null, bytes that are not UTF-8 become
/// U+FFFD.
void print_json(const nlohmann::ordered_json& json);

}  // namespace gradus
