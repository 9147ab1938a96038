#include "apps/book/sources.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/error.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMark = "optim/rules/adam.cpp";  // what a folder of sources holds
constexpr const char* kRooms[] = {"core", "autograd", "nn", "optim", "data", "apps"};

std::string find_root(const std::string& given) {
  std::vector<fs::path> places;
  std::error_code ignored;
  if (!given.empty()) {
    places.emplace_back(given);
  } else {
    const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
    if (!program.empty()) places.push_back(program.parent_path().parent_path() / "share/gradus/sources");
    places.emplace_back(GRADUS_SOURCE_DIR);
  }
  std::string looked;
  for (const fs::path& place : places) {
    if (fs::is_regular_file(place / kMark, ignored)) return place.string();
    looked += (looked.empty() ? "" : ", ") + place.string();
  }
  fail<DataError>(
      "book: no sources of gradus in {} (expected {} there); name their folder with --sources DIR", looked,
      kMark);
}

}  // namespace

Sources::Sources(const std::string& given) : root_(find_root(given)) {
  const fs::path root(root_);
  for (const char* room : kRooms) {
    if (!fs::is_directory(root / room)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / room)) {
      if (!entry.is_regular_file()) continue;
      const fs::path& file = entry.path();
      const std::string ending = file.extension().string();
      if (ending == ".h" || ending == ".cpp" || file.filename() == "README.md")
        files_.push_back(fs::relative(file, root).generic_string());
    }
  }
  if (fs::is_regular_file(root / "README.md")) files_.emplace_back("README.md");
  std::sort(files_.begin(), files_.end());
  known_.insert(files_.begin(), files_.end());

  const fs::path goldens = root / "tests/goldens";
  if (!fs::is_directory(goldens)) return;
  for (const auto& entry : fs::directory_iterator(goldens)) {
    if (entry.path().extension() != ".json") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    std::string head(400, '\0');
    in.read(head.data(), static_cast<std::streamsize>(head.size()));
    const size_t key = head.find("\"optimizer\"");
    if (key == std::string::npos) continue;
    const size_t from = head.find('"', head.find(':', key)) + 1;
    const std::string spec = head.substr(from, head.find('"', from) - from);
    goldens_[spec.substr(0, spec.find_first_of("(:"))].push_back(entry.path().stem().string());
  }
  for (auto& [name, files] : goldens_) std::sort(files.begin(), files.end());
}

const std::string& Sources::text(const std::string& path) const {
  if (const auto found = texts_.find(path); found != texts_.end()) return found->second;
  std::ifstream in(fs::path(root_) / path, std::ios::binary);
  if (!in) fail<DataError>("book: cannot read {}", (fs::path(root_) / path).string());
  return texts_.emplace(path, std::string(std::istreambuf_iterator<char>(in), {})).first->second;
}

std::string opening_comment(const std::string& text) {
  std::string out;
  for (size_t at = 0; text.compare(at, 2, "//") == 0;) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    out += line.size() > 3 ? line.substr(3) + "\n" : "\n";
    at = std::min(end + 1, text.size());
    if (at >= text.size()) break;
  }
  return out;
}

}  // namespace gradus
