#include "data/text.h"

#include <algorithm>

#include "core/byte_source.h"
#include "core/error.h"
#include "core/md5.h"
#include "core/utf8.h"
#include "data/fitted.h"

namespace gradus {
namespace {

class TextSet : public Dataset {
 public:
  TextSet(DatasetInfo info, std::vector<std::uint32_t> tokens)
      : Dataset(std::move(info)), tokens_(std::move(tokens)) {}

  int64 size() const override { return (count() - 1) / info_.example[0]; }
  int64 starts() const override { return count() - info_.example[0]; }
  void read_window(int64 start, int64* tokens, int64* next) const override {
    const std::uint32_t* from = tokens_.data() + start;
    const int64 n = info_.example[0];
    std::copy_n(from, n, tokens);
    std::copy_n(from + 1, n, next);
  }

 private:
  int64 count() const { return static_cast<int64>(tokens_.size()); }
  std::vector<std::uint32_t> tokens_;
};

constexpr char32_t kCodePoints = 0x110000;

std::string encode_utf8(char32_t c) {
  const auto tail = [c](int shift) { return static_cast<char>(0x80 | (c >> shift & 0x3f)); };
  const auto head = [c](unsigned mark, int shift) { return static_cast<char>(mark | c >> shift); };
  if (c < 0x80) return {head(0, 0)};
  if (c < 0x800) return {head(0xc0, 6), tail(0)};
  if (c < 0x10000) return {head(0xe0, 12), tail(6), tail(0)};
  return {head(0xf0, 18), tail(12), tail(6), tail(0)};
}

// Fills in the vocabulary and returns the tokens of the text.
std::vector<std::uint32_t> tokenize(const std::string& text, bool bytes, const std::string& path,
                                    DatasetInfo& info) {
  std::vector<std::uint32_t> tokens;
  tokens.reserve(text.size());
  if (bytes) {
    for (int b = 0; b < 256; ++b) info.vocabulary.emplace_back(1, static_cast<char>(b));
    for (char ch : text) tokens.push_back(static_cast<unsigned char>(ch));
    return tokens;
  }
  const std::vector<char32_t> characters = decode_utf8(text, path);
  std::vector<std::uint32_t> id(kCodePoints, 0);
  for (char32_t c : characters) id[c] = 1;
  for (char32_t c = 0; c < kCodePoints; ++c)
    if (id[c]) {
      id[c] = static_cast<std::uint32_t>(info.vocabulary.size());
      info.vocabulary.push_back(encode_utf8(c));
    }
  for (char32_t c : characters) tokens.push_back(id[c]);
  return tokens;
}

constexpr double kUsualVal = 0.1;

bool is_byte_level(const TextOptions& options, const DatasetInfo* fitted) {
  if (options.level != "auto") return options.level == "byte";
  constexpr std::size_t kBytes = 256;
  return fitted && fitted->vocabulary.size() == kBytes &&
         std::all_of(fitted->vocabulary.begin(), fitted->vocabulary.end(),
                     [](const std::string& token) { return token.size() == 1; });
}

}  // namespace

Data open_text(const std::string& name, const std::string& path, const TextOptions& options,
               const DataPlaces& places) {
  DatasetInfo info;
  info.name = name;
  info.kind = DataKind::kText;
  const int64 block = options.block.value_or(places.block);
  info.example = {block};
  const std::string text = read_text_file(path);
  const std::vector<std::uint32_t> tokens = tokenize(text, is_byte_level(options, places.fitted), path, info);
  Md5 digest;
  digest.update(text.data(), text.size());
  info.digest = digest.hex();
  info.classes = static_cast<int64>(info.vocabulary.size());
  const auto n = static_cast<int64>(tokens.size());
  const auto set = [&](int64 from, int64 to) {
    return std::make_shared<TextSet>(info,
                                     std::vector<std::uint32_t>(tokens.begin() + from, tokens.begin() + to));
  };
  const double part = test_part(options.val, kUsualVal, places, info.digest);
  if (part >= 1) {
    if (n <= block)
      fail<DataError>("{}: expected more than {} tokens for windows of {}, found {}", path, block, block, n);
    return {nullptr, set(0, n)};
  }
  // 1 - 0.1 is a little above 0.9; the floor must not feel it.
  const auto cut = static_cast<int64>(static_cast<double>(n) * (1 - part) + 1e-6);
  for (const int64 size : {cut, n - cut})
    if (size <= block)
      fail<DataError>(
          "{}: expected more than {} tokens in the training part and in the test part for windows of {}, "
          "found {} and {}",
          path, block, block, cut, n - cut);
  return {set(0, cut), set(cut, n)};
}

Vocabulary::Vocabulary(const std::vector<std::string>& tokens) : tokens_(tokens) {
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    ids_.emplace(tokens_[i], static_cast<int64>(i));
    longest_ = std::max(longest_, tokens_[i].size());
  }
}

std::vector<int64> Vocabulary::encode(std::string_view text) const {
  std::vector<int64> tokens;
  while (!text.empty()) {
    std::size_t length = std::min(longest_, text.size());
    auto found = ids_.end();
    for (; length > 0 && (found = ids_.find(text.substr(0, length))) == ids_.end(); --length) {
    }
    if (length == 0) fail<UsageError>("the vocabulary has no token for '{}'", text.substr(0, 4));
    tokens.push_back(found->second);
    text.remove_prefix(length);
  }
  return tokens;
}

std::string Vocabulary::decode(std::span<const int64> tokens) const {
  std::string text;
  for (int64 t : tokens) {
    if (t < 0 || t >= static_cast<int64>(tokens_.size()))
      fail<UsageError>("token {} is outside of the vocabulary of {}", t, tokens_.size());
    text += tokens_[static_cast<std::size_t>(t)];
  }
  return text;
}

std::vector<char32_t> decode_utf8(std::string_view text, const std::string& name) {
  std::vector<char32_t> characters;
  characters.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto c = next_code_point(text, at);
    if (!c) fail<DataError>("{}: at offset {}: expected UTF-8 (level=byte takes any file)", name, at);
    characters.push_back(*c);
  }
  return characters;
}

}  // namespace gradus
