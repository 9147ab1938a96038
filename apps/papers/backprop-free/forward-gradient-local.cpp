// Can Forward Gradient Match Backpropagation?.
#include "apps/papers/backprop-free/forward-gradient-local_cases.h"
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"

namespace gradus::paper_entries {
namespace {

//EXPERIMENT

}  // namespace

Paper forward_gradient_local() {
  return {
      .slug = "forward-gradient-local",
      .family = "backprop-free",
      .title = "Can Forward Gradient Match Backpropagation?",
      .authors = "Fournier, Rivaud, Belilovsky, et al.",
      .venue = "ICML",
      .year = 2023,
      .arxiv = "2306.06968",
      .idea =
          "A forward gradient sees the true gradient along a guess; the gradient of a small local loss is a "
          "far better guess than noise. "
          "Claimed: local guesses train much better than random ones, yet short of backpropagation.",
      .equations =
          "proj(t, g) = <t, g>/(<g, g> + eps) * g,  t: gradient of the loss, g: of the block's local loss\n"
          "weight: sum_n proj(t_n, g_n) a tensor;  avg-weight: proj(sum_n t_n, sum_n g_n);  activation: at "
          "the block's output",
      .files = {"optim/estimators/guess_projection.cpp", "optim/estimators/local_guess.cpp"},
      .use = "gradus train --gradient local-forward",
      .functions = forward_gradient_local_functions(),
      .experiment = nullptr,
      .minutes = 5};
}

}  // namespace gradus::paper_entries
