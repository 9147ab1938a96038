// Pairs of responses to a prompt, one preferred to the other: files of JSON lines
//   {"prompt": "2+2=", "chosen": "4", "rejected": "5"}
// and their batches of tokens.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/options.h"
#include "core/tensor.h"

namespace gradus {

struct PreferencePair {
  std::string prompt, chosen, rejected;
};

/// What "pairs:path=FILE" takes as --data.
inline constexpr const char* kPairsData = "pairs";
struct PreferenceDataOptions {
  std::string path;
  std::optional<int64> limit;
  void visit(auto&& f) {
    f("path", path, "the file: lines of {\"prompt\": ..., \"chosen\": ..., \"rejected\": ...}");
    f("limit", limit, "the first N pairs only", at_least(1));
  }
};
/// Whether a specification of data is of pairs.
bool is_preference_data(const std::string& spec);
/// Of such a specification. Throws UsageError for unknown options, and where it names no file.
PreferenceDataOptions preference_data_options(const std::string& spec);

/// Reads a file of JSON lines; empty lines are passed over. Throws DataError naming file and line for what is no JSON object,
/// lacks a text or has another key, holds an empty response or two equal ones; and where there is no pair.
std::vector<PreferencePair> read_preference_pairs(const std::string& path);
/// The first of them, where there is a limit.
std::vector<PreferencePair> read_preference_pairs(const PreferenceDataOptions& options);

/// The distinct characters (UTF-8) of all texts, sorted: a vocabulary where there is none.
std::vector<std::string> characters_of(std::span<const PreferencePair> pairs);

/// A pair as tokens.
struct PairTokens {
  std::vector<int64> prompt, chosen, rejected;
};
/// Throws DataError naming the pair (its number from 1 and `path`) for a character without a token, and for a response that does
/// not fit a context of `block` tokens behind one token. A prompt that is too long loses its beginning; an empty one becomes
/// the token of a line break, where there is one, else the first.
std::vector<PairTokens> tokenise_pairs(std::span<const PreferencePair> pairs,
                                       const std::vector<std::string>& vocabulary, int64 block,
                                       const std::string& path);

/// Responses of B pairs behind their prompts, padded at the end to the longest: targets[t] follows ids[t], the mask is 1 where
/// the target is of the response. All (B,T).
struct ResponseBatch {
  IntTensor ids, targets, mask;
};
enum class PairSide { kChosen, kRejected };
ResponseBatch response_batch(const std::vector<PairTokens>& pairs, std::span<const int64> rows,
                             PairSide side);

}  // namespace gradus
