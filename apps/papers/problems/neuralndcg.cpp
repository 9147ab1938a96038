// NeuralNDCG.
// Paper: Pobrotyn, Bialobrzeski, "NeuralNDCG: Direct Optimisation of a Ranking Metric via Differentiable Relaxation of
//        Sorting", 2021, arXiv 2102.07831.
//   A[j,k] = |s_j - s_k|,  B_j = sum over k of A[j,k],  P[i,:] = softmax over j of ((n + 1 - 2i) s_j - B_j)/temperature
//   P = sinkhorn(P),  NDCG~ = sum over i <= k of (P g)_i/log2(i+1) / IDCG@k,  loss = - mean of NDCG~
#include "nn/ranking/neuralndcg.h"

#include "apps/papers/entries.h"
#include "autograd/grad.h"
#include "autograd/graph.h"
#include "core/error.h"
#include "nn/ranking/approx_ndcg.h"
#include "nn/ranking/ndcg.h"
#include "nn/ranking/neural_sort.h"

namespace gradus::paper_entries {
namespace {

const CaseSlot kScores{"scores", "b,n"},
    kListMask{"mask", "b,n", CaseType::kInt, "1: padding, which stands last"},
    kListLabels{"labels", "b,n", CaseType::kInt, "0, 1, ...; -1: padding, which stands last"};

struct NeuralSortCase {
  double temperature = 1;
  void visit(auto&& f) { f("temperature", temperature, "of the softmax", positive()); }
};
struct NdcgCase {
  int64 k = 0;
  void visit(auto&& f) { f("k", k, "ranks that count; 0: all", at_least(0)); }
};

void set_loss_and_gradient(CaseValues& out, const Tensor& loss, const Tensor& scores) {
  out.set("loss", loss);
  out.set("grad_scores", grad(loss, {scores})[0]);
}

std::vector<CaseFunction> neuralndcg_functions() {
  return {
      case_function<NeuralSortCase>(
          {"neural-sort",
           "relaxed permutation matrix that sorts scores in descending order",
           {kScores, kListMask},
           {{"permutation", "b,n,n", CaseType::kReal, "row i: what stands at rank i"}}},
          [](const NeuralSortCase& o, const CaseValues& in, CaseValues& out) {
            out.set("permutation",
                    neural_sort(in.tensor("scores"), ListMask(in.ints("mask")), o.temperature));
          }),
      case_function<SinkhornOptions>(
          {"sinkhorn",
           "columns and rows divided by their sums in turn",
           {{"matrix", "b,n,n"}, kListMask},
           {{"matrix", "b,n,n"}, {"iterations", "", CaseType::kInt, "rounds done"}}},
          [](const SinkhornOptions& o, const CaseValues& in, CaseValues& out) {
            const SinkhornResult result = sinkhorn(in.tensor("matrix"), ListMask(in.ints("mask")), o);
            out.set("matrix", result.matrix);
            out.set("iterations", IntTensor::full({}, result.iterations));
          }),
      case_function<NeuralNdcgOptions>(
          {"neuralndcg",
           "the loss, minus NDCG of the relaxed sort, and its gradient",
           {kScores,
            kListLabels,
            {"uniform", "samples,b,n", CaseType::kReal, "draws from [0,1), if stochastic", true}},
           {{"loss", ""}, {"grad_scores", "b,n"}}},
          [](const NeuralNdcgOptions& o, const CaseValues& in, CaseValues& out) {
            if (o.stochastic != in.has("uniform"))
              fail<DataError>("inputs.uniform: {}",
                              o.stochastic ? "is missing" : "is for stochastic=true alone");
            const Tensor s = variable(in.tensor("scores"));
            set_loss_and_gradient(
                out, neuralndcg(s, in.ints("labels"), o, o.stochastic ? in.tensor("uniform") : Tensor()), s);
          }),
      case_function<NdcgCase>(
          {"ndcg",
           "normalised discounted cumulative gain of each list; 1 where no item is relevant",
           {kScores, kListLabels},
           {{"ndcg", "b"}}},
          [](const NdcgCase& o, const CaseValues& in, CaseValues& out) {
            out.set("ndcg", ndcg(in.tensor("scores"), in.ints("labels"), o.k));
          }),
      case_function<ApproxNdcgOptions>({"approx-ndcg",
                                        "minus NDCG with ranks counted by sigmoids, and its gradient",
                                        {kScores, kListLabels},
                                        {{"loss", ""}, {"grad_scores", "b,n"}}},
                                       [](const ApproxNdcgOptions& o, const CaseValues& in, CaseValues& out) {
                                         const Tensor s = variable(in.tensor("scores"));
                                         set_loss_and_gradient(out, approx_ndcg(s, in.ints("labels"), o), s);
                                       }),
  };
}

}  // namespace

Paper neuralndcg() {
  return {
      .slug = "neuralndcg",
      .family = "problems",
      .title = "NeuralNDCG: Direct Optimisation of a Ranking Metric via Differentiable Relaxation of Sorting",
      .authors = "Pobrotyn, Bialobrzeski",
      .venue = "arXiv",
      .year = 2021,
      .arxiv = "2102.07831",
      .idea =
          "NDCG needs a sort, whose gradient is zero or undefined. A relaxed permutation matrix, made doubly "
          "stochastic, "
          "takes the sort's place. Claimed: rankings as good as or better than with surrogate losses.",
      .equations =
          "A[j,k] = |s_j - s_k|\n"
          "B_j = sum over k of A[j,k]\n"
          "P[i,:] = softmax over j of ((n + 1 - 2i) s_j - B_j)/temperature\n"
          "P = sinkhorn(P)\n"
          "NDCG~ = sum over i <= k of (P g)_i/log2(i+1) / IDCG@k\n"
          "loss = - mean over lists of NDCG~",
      .files = {"nn/ranking/neuralndcg.cpp", "nn/ranking/neural_sort.cpp", "nn/ranking/sinkhorn.cpp"},
      .use = "make_ranking_loss(\"neuralndcg:temperature=1\") of nn/ranking/ranking_losses.h",
      .functions = neuralndcg_functions(),
      .minutes = 5};
}

}  // namespace gradus::paper_entries
