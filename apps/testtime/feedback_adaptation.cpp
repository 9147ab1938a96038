#include "apps/testtime/feedback_adaptation.h"

#include <fmt/format.h>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "nn/losses.h"
#include "nn/testtime/film.h"
#include "optim/problems/function_objective.h"
#include "optim/registry.h"

namespace gradus {

Tensor modulated_output(const ModulatedNet& net, const Tensor& x, const Tensor& beta) {
  const Tensor u = linear(x, net.w1, net.b1);
  return linear(relu(beta.defined() ? u + beta : u), net.w2, net.b2);
}

Tensor controller_shift(const FeedbackController& controller, const Tensor& target, const Tensor& prediction,
                        const Tensor& mask) {
  const Tensor seen = controller_input(target, prediction, mask);  // (B, 2dy)
  return linear(relu(linear(seen, controller.ctrl_w, controller.ctrl_b)), controller.film_w,
                controller.film_b);
}

struct ControllerTraining::State {
  ModulatedNet net;
  Parameters phi;
  OptimizerPtr adam;
};

ControllerTraining::ControllerTraining(const ModulatedNet& net, const FeedbackController& start,
                                       const ControllerTrainingOptions& o)
    : state_(std::make_unique<State>()) {
  state_->net = net;
  state_->phi = {make_parameter("ctrl.weight", ParamKind::kWeight, start.ctrl_w.clone()),
                 make_parameter("ctrl.bias", ParamKind::kBias, start.ctrl_b.clone()),
                 make_parameter("film.weight", ParamKind::kWeight, start.film_w.clone()),
                 make_parameter("film.bias", ParamKind::kBias, start.film_b.clone())};
  state_->adam =
      make_optimizer(fmt::format("adam:lr={},beta1={},beta2={},eps={},weight_decay={},amsgrad=true", o.lr,
                                 o.beta1, o.beta2, o.eps, o.weight_decay),
                     state_->phi);
}
ControllerTraining::~ControllerTraining() = default;

double ControllerTraining::step(const Tensor& x, const Tensor& y, const Tensor& mask) {
  const Tensor before = modulated_output(state_->net, x).detach();
  const Function loss = [&](std::span<const Tensor> phi) {
    const Tensor beta = controller_shift({phi[0], phi[1], phi[2], phi[3]}, y, before, mask);
    return l1_loss(modulated_output(state_->net, x, beta), y);
  };
  FunctionObjective objective(state_->phi, loss);
  return state_->adam->step(objective);
}

FeedbackController ControllerTraining::controller() const {
  const auto value = [&](size_t i) { return state_->phi[i]->value.clone(); };
  return {value(0), value(1), value(2), value(3)};
}

Tensor adapt_to_feedback(const ModulatedNet& net, const FeedbackController& controller, const Tensor& x,
                         const Tensor& y, const Tensor& mask, int64 iterations) {
  const Recording off(false);
  Tensor prediction = modulated_output(net, x);
  for (int64 i = 0; i < iterations; ++i)
    prediction = modulated_output(net, x, controller_shift(controller, y, prediction, mask));
  return prediction;
}

GradientAdaptation adapt_by_gradient(const ModulatedNet& net, const Tensor& x, const Tensor& y,
                                     const Tensor& mask, const GradientAdaptationOptions& o) {
  const Parameters b1 = {make_parameter("main.bias", ParamKind::kBias, net.b1.clone())};
  const OptimizerPtr adam = make_optimizer(fmt::format("adam:lr={},beta1={},beta2={},eps={},weight_decay={}",
                                                       o.lr, o.beta1, o.beta2, o.eps, o.weight_decay),
                                           b1);
  const Function loss = [&](std::span<const Tensor> w) {
    return masked_l1(modulated_output({net.w1, w[0], net.w2, net.b2}, x), y, mask);
  };
  FunctionObjective objective(b1, loss);
  GradientAdaptation result;
  for (int64 t = 0; t < o.steps; ++t) result.losses.push_back(adam->step(objective));
  const Recording off(false);
  result.b1 = b1[0]->value.clone();
  result.prediction = modulated_output({net.w1, result.b1, net.w2, net.b2}, x);
  return result;
}

}  // namespace gradus
