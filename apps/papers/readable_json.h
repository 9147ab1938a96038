// JSON for files that people read and compare.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace gradus {

/// Objects and lists of objects indented by two, lists of plain values on one line; ends in a newline.
std::string readable_json(const nlohmann::ordered_json& json);

}  // namespace gradus
