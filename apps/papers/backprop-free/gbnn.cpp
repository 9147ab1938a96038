// Sequential Training of Neural Networks with Gradient Boosting.
#include "apps/papers/backprop-free/gbnn_cases.h"
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"

namespace gradus::paper_entries {
namespace {

//EXPERIMENT

}  // namespace

Paper gbnn() {
  return {
      .slug = "gbnn",
      .family = "backprop-free",
      .title = "Sequential Training of Neural Networks with Gradient Boosting",
      .authors = "Emami, Martinez-Munoz",
      .venue = "IEEE Access",
      .year = 2023,
      .arxiv = "1909.12098",
      .idea =
          "A network with one hidden layer is trained a few units at a time, each block fitted to the "
          "residuals of the sum before it. Claimed: "
          "as accurate as a network trained at once, and the last units can be switched off at little loss.",
      .equations =
          "r = y - softmax(F)\n"
          "f_t = V act(W x + b) + c fitted to r by least squares\n"
          "rho = sum(r f)/sum(f^2 p(1-p)),  F += eta*rho*f_t",
      .files = {"nn/boosting/boosted_network.cpp", "apps/backprop_free/boosting.cpp"},
      .use = "boost() of apps/backprop_free/boosting.h",
      .functions = gbnn_functions(),
      .experiment = nullptr,
      .minutes = 5};
}

}  // namespace gradus::paper_entries
