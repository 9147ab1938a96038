// The sources that the book shows: the folder they were built from, or the copy that is installed with the program.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace gradus {

class Sources {
 public:
  /// The folder `given`, or if that is "" the first that holds the sources of: share/gradus/sources beside the program's
  /// folder, the source tree known when it was built. Throws DataError that names where it looked.
  explicit Sources(const std::string& given);

  const std::string& root() const { return root_; }
  /// Paths below the root, sorted: code (.h, .cpp) and README.md of core, autograd, nn, optim, data, apps, and the README.md on top.
  const std::vector<std::string>& files() const { return files_; }
  bool has(const std::string& path) const { return known_.contains(path); }
  /// A file of files(), or any other below the root. Throws DataError. The result is kept.
  const std::string& text(const std::string& path) const;
  /// Of tests/goldens: the trajectories recorded for an optimizer, by file name without .json.
  const std::map<std::string, std::vector<std::string>>& goldens() const { return goldens_; }

 private:
  std::string root_;
  std::vector<std::string> files_;
  std::set<std::string> known_;
  std::map<std::string, std::vector<std::string>> goldens_;
  mutable std::map<std::string, std::string> texts_;
};

/// The comment a file opens with, without "// ".
std::string opening_comment(const std::string& text);

}  // namespace gradus
