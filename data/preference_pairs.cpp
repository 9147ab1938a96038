#include "data/preference_pairs.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/utf8.h"
#include "data/text.h"
#include "data/text_lines.h"

namespace gradus {
namespace {

PreferencePair pair_of(const TextLine& line) {
  const auto texts = json_texts(line, {"prompt", "chosen", "rejected"});
  PreferencePair pair{texts.at("prompt"), texts.at("chosen"), texts.at("rejected")};
  if (pair.chosen.empty() || pair.rejected.empty()) fail<DataError>("{}: a response is empty", line.where);
  if (pair.chosen == pair.rejected) fail<DataError>("{}: chosen and rejected are the same", line.where);
  return pair;
}

}  // namespace

bool is_preference_data(const std::string& spec) { return parse_spec(spec).name == kPairsData; }

PreferenceDataOptions preference_data_options(const std::string& spec) {
  PreferenceDataOptions options;
  set_options(options, parse_spec(spec).options, "data set pairs");
  if (options.path.empty()) fail<UsageError>("--data pairs: which file? 'pairs:path=FILE.jsonl'");
  return options;
}

std::vector<PreferencePair> read_preference_pairs(const PreferenceDataOptions& options) {
  std::vector<PreferencePair> pairs = read_preference_pairs(options.path);
  if (options.limit && *options.limit < std::ssize(pairs)) pairs.resize(static_cast<size_t>(*options.limit));
  return pairs;
}

std::vector<PreferencePair> read_preference_pairs(const std::string& path) {
  std::vector<PreferencePair> pairs;
  for (const TextLine& line : read_text_lines(path)) pairs.push_back(pair_of(line));
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
