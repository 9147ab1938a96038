// The table of ranking losses: "neuralndcg:temperature=0.1", "lambdarank:sigma=2", ...
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/options.h"
#include "core/rng.h"
#include "core/tensor.h"

namespace gradus {

/// Loss of scores (B,n) with labels (B,n), padding -1 last; what is drawn at random comes from the generator.
using RankingLoss = std::function<Tensor(const Tensor& scores, const IntTensor& labels, Rng& rng)>;

struct RankingLossEntry {
  std::string name, summary;
  std::vector<OptionInfo> options;
  RankingLoss (*make)(const OptionList& options);
};
const std::vector<RankingLossEntry>& ranking_losses();
/// Throws UsageError for unknown names, options and values.
RankingLoss make_ranking_loss(const std::string& spec);

}  // namespace gradus
