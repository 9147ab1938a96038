#include "core/json_file.h"

#include "core/atomic_file.h"
#include "core/byte_source.h"
#include "core/error.h"

namespace gradus {

nlohmann::json read_json(const std::string& path) {
  const std::string text = read_text_file(path);
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& e) {
    fail<DataError>("{}: at offset {}: expected JSON: {}", path, e.byte, e.what());
  }
}

void write_json(const std::string& path, const nlohmann::json& value) {
  write_file(path, value.dump(2) + "\n");
}

}  // namespace gradus
