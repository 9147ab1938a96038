#include "nn/ranking/ranking_losses.h"

#include "nn/ranking/approx_ndcg.h"
#include "nn/ranking/list_losses.h"
#include "nn/ranking/neuralndcg.h"

namespace gradus {
namespace {

/// NeuralNDCG with the number of samples of its stochastic form, which draws for itself.
struct SampledNeuralNdcg : NeuralNdcgOptions {
  int64 samples = 32;
  void visit(auto&& f) {
    NeuralNdcgOptions::visit(f);
    f("samples", samples, "of the stochastic form", at_least(1));
  }
};

Tensor sampled_neuralndcg(const Tensor& scores, const IntTensor& labels, const SampledNeuralNdcg& o,
                          Rng& rng) {
  if (!o.stochastic) return neuralndcg(scores, labels, o);
  const Tensor uniform = rng.uniform_tensor({o.samples, scores.dim(0), scores.dim(1)});
  return neuralndcg(scores, labels, o, uniform);
}

template <class O, Tensor (*loss)(const Tensor&, const IntTensor&, const O&)>
Tensor without_draws(const Tensor& scores, const IntTensor& labels, const O& options, Rng&) {
  return loss(scores, labels, options);
}

template <class O, Tensor (*loss)(const Tensor&, const IntTensor&, const O&, Rng&)>
RankingLossEntry ranking_entry(const char* name, const char* summary) {
  return {name, summary, describe_options<O>(), [](const OptionList& list) -> RankingLoss {
            O options;
            set_options(options, list, "ranking loss");
            return [options](const Tensor& scores, const IntTensor& labels, Rng& rng) {
              return loss(scores, labels, options, rng);
            };
          }};
}

}  // namespace

const std::vector<RankingLossEntry>& ranking_losses() {
  static const std::vector<RankingLossEntry> table = {
      ranking_entry<SampledNeuralNdcg, sampled_neuralndcg>("neuralndcg", "NDCG of a relaxed sort"),
      ranking_entry<ApproxNdcgOptions, without_draws<ApproxNdcgOptions, approx_ndcg>>(
          "approxndcg", "NDCG with ranks counted by sigmoids"),
      ranking_entry<ListNetOptions, without_draws<ListNetOptions, listnet>>(
          "listnet", "cross-entropy of the chances to stand first"),
      ranking_entry<LambdaRankOptions, without_draws<LambdaRankOptions, lambdarank>>(
          "lambdarank", "logistic loss of pairs, weighted by their exchange's effect on NDCG"),
      ranking_entry<PointwiseMseOptions, without_draws<PointwiseMseOptions, pointwise_mse>>(
          "mse", "squared error of each item's label"),
  };
  return table;
}

RankingLoss make_ranking_loss(const std::string& spec_text) {
  const Spec spec = parse_spec(spec_text);
  std::vector<std::string> names;
  for (const RankingLossEntry& entry : ranking_losses()) {
    if (entry.name == spec.name) return entry.make(spec.options);
    names.push_back(entry.name);
  }
  throw UsageError(unknown_name("ranking loss", spec.name, names));
}

}  // namespace gradus
