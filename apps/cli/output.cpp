#include "apps/cli/output.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace gradus {

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void note(const std::string& text) {
  std::fflush(stderr);
  for (size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(STDERR_FILENO, text.data() + done, text.size() - done);
    if (n > 0)
      done += static_cast<size_t>(n);
    else if (n == 0 || errno != EINTR)
      return;
  }
}

void print_json(const nlohmann::ordered_json& json) {
  // Text that is not UTF-8 (file names, byte-level samples) gets replacement characters.
  print(json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

}  // namespace gradus
