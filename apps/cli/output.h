// Results on stdout.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace gradus {

/// Writes text to stdout.
void print(const std::string& text);
/// Writes text to stderr at once. What cannot be written (a full disk, a terminal that is gone) is lost, silently:
/// nothing that is worth a result depends on it.
void note(const std::string& text);
/// Writes one JSON object and a newline; numbers that are not finite become null, bytes that are not UTF-8 become
/// U+FFFD.
void print_json(const nlohmann::ordered_json& json);

}  // namespace gradus
