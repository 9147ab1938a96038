// Gradients without Backpropagation.
#include "apps/papers/backprop-free/forward-gradient_cases.h"
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"

namespace gradus::paper_entries {
namespace {

//EXPERIMENT

}  // namespace

Paper forward_gradient() {
  return {.slug = "forward-gradient",
          .family = "backprop-free",
          .title = "Gradients without Backpropagation",
          .authors = "Baydin, Pearlmutter, Syme, et al.",
          .venue = "arXiv",
          .year = 2022,
          .arxiv = "2202.08587",
          .idea =
              "One pass of forward mode gives the exact derivative of the loss along a random direction; "
              "times the direction it is an unbiased "
              "estimate of the gradient. Claimed: trains networks without a reverse pass and with no stored "
              "activations, at less cost a step.",
          .equations =
              "v ~ N(0, I),  d = grad f . v,  g = d*v\n"
              "theta -= lr*exp(-t*lr_decay)*g",
          .files = {"optim/estimators/forward_gradient.cpp", "autograd/functional/functional.cpp"},
          .use = "gradus train --gradient forward:samples=4",
          .functions = forward_gradient_functions(),
          .experiment = nullptr,
          .minutes = 5};
}

}  // namespace gradus::paper_entries
