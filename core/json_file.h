// JSON files.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "core/options.h"

namespace gradus {

/// Throws DataError naming the file, and the place where it is not JSON.
nlohmann::json read_json(const std::string& path);
/// Indented by two, with a final newline; whole or not at all. Throws DataError.
void write_json(const std::string& path, const nlohmann::json& value);
/// {"lr": 0.01, "nesterov": true, "hidden": [8, 4]} as an option list: lr=0.01, nesterov=true, hidden=8-4; null is "none".
OptionList options_from_json(const nlohmann::ordered_json& object);

}  // namespace gradus
