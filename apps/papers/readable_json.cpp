#include "apps/papers/readable_json.h"

#include <algorithm>

namespace gradus {
namespace {

void write_value(const nlohmann::ordered_json& value, const std::string& indent, std::string& out) {
  const auto nested = [](const auto& v) { return v.is_structured() && !v.empty(); };
  if (!value.is_structured() || std::none_of(value.begin(), value.end(), nested)) {
    // (An object of plain values only where it is short.)
    const std::string line = value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    if (!value.is_object() || line.size() + indent.size() <= 110) {
      out += line;
      return;
    }
  }
  out += value.is_array() ? "[" : "{";
  const char* separator = "\n";
  for (const auto& [key, member] : value.items()) {
    out += separator + indent + "  ";
    if (value.is_object()) out += nlohmann::ordered_json(key).dump() + ": ";
    write_value(member, indent + "  ", out);
    separator = ",\n";
  }
  out += "\n" + indent + (value.is_array() ? "]" : "}");
}

}  // namespace

std::string readable_json(const nlohmann::ordered_json& json) {
  std::string out;
  write_value(json, "", out);
  return out + "\n";
}

}  // namespace gradus
