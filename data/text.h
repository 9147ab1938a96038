// Text corpora: a file as a stream of tokens, characters or bytes, for language modelling.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/registry.h"

namespace gradus {

struct TextOptions {
  std::string level = "auto";
  std::optional<double> val;
  std::optional<int64> block;

  void visit(auto&& f) {
    f("level", level,
      "tokens are the distinct characters (UTF-8) of the file, sorted, or the 256 bytes; auto: those of the "
      "weights, else characters",
      choices({"auto", "char", "byte"}));
    f("val", val,
      "part at the end of the file that is the test set, 1 all of it; none: 0.1, but to evaluate weights of "
      "another file 1",
      Limits{0, 1, true});
    f("block", block, "window length T; none: what the model asks for", at_least(1));
  }
};
struct TextFileOptions : TextOptions {
  std::string path;
  void visit(auto&& f) {
    f("path", path, "the file; plain or .gz");
    TextOptions::visit(f);
  }
};

/// Training set: the first floor((1 - val) n) of n tokens; test set: the rest (val = 1: no training set). Throws DataError if the file
/// is missing, not UTF-8 at character level, or too short for one window in each.
Data open_text(const std::string& name, const std::string& path, const TextOptions& options,
               const DataPlaces& places);

/// The way between text and tokens, by DatasetInfo::vocabulary.
class Vocabulary {
 public:
  explicit Vocabulary(const std::vector<std::string>& tokens);
  /// The tokens of a text, longest match first. Throws UsageError naming the first character that has none.
  std::vector<int64> encode(std::string_view text) const;
  std::string decode(std::span<const int64> tokens) const;

 private:
  std::vector<std::string> tokens_;
  std::map<std::string, int64, std::less<>> ids_;
  std::size_t longest_ = 1;
};

/// The characters (code points) of a UTF-8 text. Throws DataError naming `name` and the offset of a byte that
/// is not UTF-8.
std::vector<char32_t> decode_utf8(std::string_view text, const std::string& name);

}  // namespace gradus
