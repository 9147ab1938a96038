// Rewards of responses to prompts from a file of JSON lines: {"prompt": "2+2=", "answer": "4"} or {"prompt": "Once "}.
//   with an answer   1 where the response is the answer and the stop character, else 0
//   without          distinct - 0.3*max(0, loss - plausible): the share of distinct pairs of neighbours among all, less what the model's
//                    own loss a token exceeds a bound by (diverse, yet plausible; the free-text reward of nn/alignment/adaptive_decoding.h's
//                    experiment)
#pragma once

#include <string>
#include <vector>

#include "apps/decoding/head_training.h"

namespace gradus {

struct RewardedPrompt {
  HeadPrompt prompt;
  std::vector<int64> answer;  ///< with the stop token; empty: free text
};
/// Throws DataError naming file and line for what is no such object, has no prompt or a character without a token, and for an answer
/// where the stop character has none.
std::vector<RewardedPrompt> read_rewarded_prompts(const std::string& path,
                                                  const std::vector<std::string>& vocabulary,
                                                  const std::string& stop);

double response_reward(const RewardedPrompt& prompt, const HeadSample& response, double plausible);

}  // namespace gradus
