// JSON files.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace gradus {

/// Throws DataError naming the file, and the place where it is not JSON.
nlohmann::json read_json(const std::string& path);
/// Indented by two, with a final newline; whole or not at all. Throws DataError.
void write_json(const std::string& path, const nlohmann::json& value);

}  // namespace gradus
