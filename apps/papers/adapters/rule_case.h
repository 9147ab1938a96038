// What the functions of this family share: steps of a named rule on a few tensors, and gradients of a layer as outputs.
#pragma once

#include <string>
#include <vector>

#include "apps/papers/backprop-free/dense_case.h"
#include "apps/papers/case_function.h"
#include "apps/papers/landscape.h"
#include "autograd/functional/functional.h"
#include "optim/optimizer.h"

namespace gradus {

struct RuleCase {
  std::string optimizer = "adamw";
  double lr = 0.01, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  void visit(auto&& f) {
    f("lr", lr, "step size", at_least(0));
    visit_rest(f);
  }
  /// Without the step size.
  void visit_rest(auto&& f) {
    f("optimizer", optimizer, "the rule", choices({"adamw", "sgd"}));
    f("beta1", beta1, "adamw: decay of the gradient mean", decay_rate());
    f("beta2", beta2, "adamw: decay of the mean of squares", decay_rate());
    f("eps", eps, "adamw: added to the root", at_least(0));
    f("weight_decay", weight_decay, "decoupled", at_least(0));
  }
  /// As make_optimizer takes it.
  std::string spec() const;
};

/// A rule on tensors of its own. All step together.
class RuleSteps {
 public:
  RuleSteps(const std::string& optim, const std::vector<Tensor>& start);
  /// The present values, as variables.
  const std::vector<Tensor>& values() const { return values_; }
  /// A copy without derivative information.
  Tensor value(size_t i) const { return values_[i].detach().clone(); }
  void step(const std::vector<Tensor>& grads, double lr_scale = 1);
  /// On the gradient of `loss` at the values; returns the loss there.
  double step(const Function& loss, double lr_scale = 1);

 private:
  Parameters parameters_;
  std::vector<Tensor> values_;
  OptimizerPtr optimizer_;
};

/// `steps` of them; the losses before each, (steps).
Tensor losses_of_steps(RuleSteps& rule, int64 steps, const Function& loss);
/// Sets y and grad_NAME for each name: f of the inputs so named, and J'grad_y.
void set_layer_gradients(const CaseValues& in, CaseValues& out, const std::vector<std::string>& names,
                         const Function& f);
/// Rank 1.
IntTensor integers_of(const std::vector<int64>& values);

}  // namespace gradus
