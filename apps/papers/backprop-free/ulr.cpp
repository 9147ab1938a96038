// One Forward is Enough for Neural Network Training via Likelihood Ratio Method.
#include "apps/papers/backprop-free/ulr_cases.h"
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"

namespace gradus::paper_entries {
namespace {

//EXPERIMENT

}  // namespace

Paper ulr() {
  return {.slug = "ulr",
          .family = "backprop-free",
          .title = "One Forward is Enough for Neural Network Training via Likelihood Ratio Method",
          .authors = "Jiang, Zhang, Xu, et al.",
          .venue = "ICLR",
          .year = 2024,
          .arxiv = "2305.08960",
          .idea =
              "Noise in front of every activation makes the gradient of the expected loss an average of loss "
              "times score: no chain rule, no "
              "derivative of activation or loss, all layers in parallel. Claimed: on a par with "
              "backpropagation, and more robust.",
          .equations =
              "u = phi(x; theta) + sigma*e,  l = (L(+e) - L(-e))/2\n"
              "dtheta = mean of J_theta(phi)' (l*e/sigma)",
          .files = {"optim/estimators/likelihood_ratio.cpp", "core/quasi_random.cpp"},
          .use = "gradus train --gradient likelihood-ratio",
          .functions = ulr_functions(),
          .experiment = nullptr,
          .minutes = 5};
}

}  // namespace gradus::paper_entries
