// SVRG and SARAH: gradients of batches, corrected by the gradient over all data of some steps ago.
// Papers: Johnson, Zhang, "Accelerating Stochastic Gradient Descent using Predictive Variance Reduction", NIPS 2013;
//         Nguyen, Liu, Scheinberg, Takac, "SARAH: A Novel Method for Machine Learning Problems Using Stochastic
//         Recursive Gradient", ICML 2017, arXiv 1703.00102.
//   g(x): gradient of this step's batch at x
//   svrg:   steps 1, 1+every, ...:  a = w,  mu = gradient over all data at w
//           G = g(w) - g(a) + mu
//   sarah:  steps 1, 1+every, ...:  v = gradient over all data at w
//           other steps:            v = g(w) - g(a) + v
//           a = w;   G = v
// The rule inside steps from w with G. A parameter that is new to the training brings the next full gradient forward. A
// rule inside that looks at other weights x gets g(x) - g(a) + mu, or + v.
#include "core/error.h"
#include "optim/rules/objective_rules.h"
#include "optim/wrappers/refine.h"

namespace gradus::rules {
namespace {

struct VarianceReductionOptions {
  int64 every = 10;
  void visit(auto&& f) { f("every", every, "steps between two gradients over all data", at_least(1)); }
};

template <bool kRecursive>
struct VarianceReduction {
  using Options = VarianceReductionOptions;
  static constexpr const char* kAnchor = "anchor";  // a
  static constexpr const char* kControl = kRecursive ? "v" : "mu";

  static Needs needs(const Options&) { return {.re_evaluation = true, .full_gradient = true}; }

  static std::vector<Tensor> refine(Neighbourhood<Options>& near) {
    bool due = (near.info.step - 1) % near.options.every == 0;
    for (size_t i = 0; i < near.size(); ++i) due = due || !near.state(i).has(kAnchor);
    if (near.first && due) {
      const std::vector<Tensor> full = near.of_active(near.objective().full_gradient());
      for (const Tensor& t : full)
        if (!all_finite(t))
          fail<NumericError>("the gradient over all data is not finite; nothing was changed");
      for (size_t i = 0; i < near.size(); ++i) {
        near.state(i)(kAnchor).copy_from(near.weights(i));
        near.state(i)(kControl).copy_from(full[i]);
      }
      // At the anchor itself both gradients of the batch are the same.
      return copies(near, kControl);
    }
    std::vector<Tensor> out = near.gradients_with(copies(near, kAnchor));
    for (size_t i = 0; i < near.size(); ++i) {
      Tensor corrected = out[i].clone();
      for_each_element(corrected, near.gradient(i), std::as_const(near.state(i)(kControl)),
                       [](real& x, real g, real mu) { x = g - x + mu; });
      out[i] = corrected;
    }
    for (size_t i = 0; kRecursive && near.first && i < near.size(); ++i) {
      near.state(i)(kAnchor).copy_from(near.weights(i));
      near.state(i)(kControl).copy_from(out[i]);
    }
    return out;
  }

  // Of a slot: the rule inside may change the gradient that it is given.
  static std::vector<Tensor> copies(Neighbourhood<Options>& near, const char* slot) {
    std::vector<Tensor> out;
    for (size_t i = 0; i < near.size(); ++i) out.push_back(near.state(i)(slot).clone());
    return out;
  }
};

}  // namespace

OptimizerEntry svrg() {
  return refine_entry<VarianceReduction<false>>(
      {"svrg", "batch gradients less their own at an anchor, plus the full one there",
       "Johnson, Zhang, NIPS 2013", 4});
}
OptimizerEntry sarah() {
  return refine_entry<VarianceReduction<true>>(
      {"sarah", "a gradient over all data, kept up to date by differences of batch gradients",
       "Nguyen, Liu, Scheinberg, Takac, ICML 2017, arXiv 1703.00102", 6});
}

}  // namespace gradus::rules
