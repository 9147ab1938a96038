#include "apps/cli/output.h"

#include <cstdio>

namespace gradus {

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void print_json(const nlohmann::ordered_json& json) {
  // Text that is not UTF-8 (file names, byte-level samples) gets replacement characters.
  print(json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

}  // namespace gradus
