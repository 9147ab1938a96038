#include "apps/decoding/text_reward.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "data/text.h"
#include "data/text_lines.h"

namespace gradus {

std::vector<RewardedPrompt> read_rewarded_prompts(const std::string& path,
                                                  const std::vector<std::string>& vocabulary,
                                                  const std::string& stop) {
  const Vocabulary tokens(vocabulary);
  const auto end = std::find(vocabulary.begin(), vocabulary.end(), stop);
  std::vector<RewardedPrompt> prompts;
  for (const TextLine& line : read_text_lines(path)) {
    const auto texts = json_texts(line, {"prompt"}, {"answer"});
    RewardedPrompt p;
    try {
      p.prompt.tokens = tokens.encode(texts.at("prompt"));
      if (const auto answer = texts.find("answer"); answer != texts.end()) {
        if (answer->second.empty()) fail<DataError>("{}: the answer is empty", line.where);
        if (end == vocabulary.end())
          fail<UsageError>("--stop: the model has no token for it, by which an answer could end");
        p.answer = tokens.encode(answer->second);
        p.prompt.stop = end - vocabulary.begin();
        p.answer.push_back(p.prompt.stop);
      }
    } catch (const UsageError& e) {
      fail<DataError>("{}: {}", line.where, e.what());
    }
    if (p.prompt.tokens.empty()) fail<DataError>("{}: the prompt is empty", line.where);
    prompts.push_back(std::move(p));
  }
  if (prompts.empty()) fail<DataError>("{}: holds no prompts", path);
  return prompts;
}

double response_reward(const RewardedPrompt& prompt, const HeadSample& response, double plausible) {
  if (!prompt.answer.empty()) return response.tokens == prompt.answer ? 1 : 0;
  if (response.tokens.size() < 2) return 0;
  std::set<std::pair<int64, int64>> pairs;
  for (size_t i = 1; i < response.tokens.size(); ++i)
    pairs.emplace(response.tokens[i - 1], response.tokens[i]);
  const double distinct = static_cast<double>(pairs.size()) / static_cast<double>(response.tokens.size() - 1);
  return distinct - 0.3 * std::max(0.0, response.loss - plausible);
}

}  // namespace gradus
