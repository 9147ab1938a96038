#include "data/preference_pairs.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/byte_source.h"
#include "core/error.h"
#include "core/utf8.h"
#include "data/text.h"

namespace gradus {
namespace {

// The texts of one line.
PreferencePair pair_of(const std::string& line, const std::string& where) {
  nlohmann::json json;
  try {
    json = nlohmann::json::parse(line);
  } catch (const nlohmann::json::exception&) {
    fail<DataError>("{}: is no JSON", where);
  }
  if (!json.is_object()) fail<DataError>("{}: expected an object with prompt, chosen and rejected", where);
  PreferencePair pair;
  std::map<std::string, std::string*> fields{
      {"prompt", &pair.prompt}, {"chosen", &pair.chosen}, {"rejected", &pair.rejected}};
  for (const auto& [key, value] : json.items()) {
    const auto field = fields.find(key);
    if (field == fields.end()) {
      const std::string near = nearest(key, {"prompt", "chosen", "rejected"});
      fail<DataError>("{}: unknown key '{}'{}; valid: prompt, chosen, rejected", where, key,
                      near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
    }
    if (!value.is_string()) fail<DataError>("{}: {} is {}, expected text", where, key, value.type_name());
    *field->second = value.get<std::string>();
    fields.erase(field);
  }
  if (!fields.empty()) fail<DataError>("{}: '{}' is missing", where, fields.begin()->first);
  if (pair.chosen.empty() || pair.rejected.empty()) fail<DataError>("{}: a response is empty", where);
  if (pair.chosen == pair.rejected) fail<DataError>("{}: chosen and rejected are the same", where);
  return pair;
}

}  // namespace

std::vector<PreferencePair> read_preference_pairs(const std::string& path) {
  const std::string text = read_text_file(path);
  std::vector<PreferencePair> pairs;
  size_t number = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    at = end + 1;
    ++number;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.find_first_not_of(" \t") == line.npos) continue;
    pairs.push_back(pair_of(line, fmt::format("{}, line {}", path, number)));
  }
  if (pairs.empty()) fail<DataError>("{}: holds no pairs", path);
  return pairs;
}

std::vector<std::string> characters_of(std::span<const PreferencePair> pairs) {
  std::set<std::string> all;  // bytes of UTF-8 sort as the characters do
  for (const PreferencePair& p : pairs)
    for (const std::string* text : {&p.prompt, &p.chosen, &p.rejected})
      for (size_t at = 0, from = 0; at < text->size(); from = at) {
        if (!next_code_point(*text, at))
          fail<DataError>("preference pairs: a text is no UTF-8 at byte {}", at);
        all.insert(text->substr(from, at - from));
      }
  return {all.begin(), all.end()};
}

std::vector<PairTokens> tokenise_pairs(std::span<const PreferencePair> pairs,
                                       const std::vector<std::string>& vocabulary, int64 block,
                                       const std::string& path) {
  const Vocabulary tokens(vocabulary);
  const auto line_break = std::find(vocabulary.begin(), vocabulary.end(), "\n");
  const int64 start = line_break == vocabulary.end() ? 0 : line_break - vocabulary.begin();
  std::vector<PairTokens> out;
  for (size_t i = 0; i < pairs.size(); ++i) {
    PairTokens p;
    try {
      p = {tokens.encode(pairs[i].prompt), tokens.encode(pairs[i].chosen), tokens.encode(pairs[i].rejected)};
    } catch (const UsageError& e) {
      fail<DataError>("{}: pair {}: {}", path, i + 1, e.what());
    }
    if (p.prompt.empty()) p.prompt.push_back(start);
    // The last token is a target alone.
    const int64 longest = std::max(std::ssize(p.chosen), std::ssize(p.rejected)), room = block + 1 - longest;
    if (room < 1)
      fail<DataError>("{}: pair {}: a response of {} tokens does not fit a context of {}", path, i + 1,
                      longest, block);
    if (std::ssize(p.prompt) > room) p.prompt.erase(p.prompt.begin(), p.prompt.end() - room);
    out.push_back(std::move(p));
  }
  return out;
}

ResponseBatch response_batch(const std::vector<PairTokens>& pairs, std::span<const int64> rows,
                             PairSide side) {
  const auto response = [&](int64 row) -> const std::vector<int64>& {
    const PairTokens& p = pairs.at(static_cast<size_t>(row));
    return side == PairSide::kChosen ? p.chosen : p.rejected;
  };
  int64 width = 1;
  for (const int64 row : rows)
    width = std::max(width,
                     std::ssize(pairs.at(static_cast<size_t>(row)).prompt) + std::ssize(response(row)) - 1);
  const Shape shape{std::ssize(rows), width};
  ResponseBatch batch{IntTensor::full(shape, 0), IntTensor::full(shape, 0), IntTensor::full(shape, 0)};
  int64 from = 0;
  for (const int64 row : rows) {
    std::vector<int64> all = pairs[static_cast<size_t>(row)].prompt;
    const int64 prompt = std::ssize(all);
    all.insert(all.end(), response(row).begin(), response(row).end());
    for (int64 t = 0; t + 1 < std::ssize(all); ++t) {
      batch.ids.mutable_data()[from + t] = all[static_cast<size_t>(t)];
      batch.targets.mutable_data()[from + t] = all[static_cast<size_t>(t + 1)];
      batch.mask.mutable_data()[from + t] = t + 1 >= prompt;
    }
    from += width;
  }
  return batch;
}

}  // namespace gradus
