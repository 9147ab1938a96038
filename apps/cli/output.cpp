#include "apps/cli/output.h"

#include <cstdio>

namespace gradus {

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void print_json(const nlohmann::ordered_json& json) { print(json.dump() + "\n"); }

}  // namespace gradus
