#include "apps/control/shared_control.h"

#include <fmt/format.h>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "core/error.h"
#include "optim/problems/function_objective.h"
#include "optim/registry.h"

namespace gradus {

struct SharedControlTraining::State {
  Tensor features, u_h, u_e;
  SharedControlOptions options;
  double gamma = 0;
  Parameters parameters;
  OptimizerPtr adam;
  Function objective;
};

namespace {

LipschitzNet net_of(std::span<const Tensor> w) { return {w[0], w[1], w[2], w[3], w[4], w[5]}; }

Tensor corrected(const LipschitzNet& net, const Tensor& features, const Tensor& u_h,
                 const SharedControlOptions& o) {
  return sector_saturation(lipschitz_output(net, features, o.lipschitz), u_h, o.sector);
}

}  // namespace

SharedControlTraining::SharedControlTraining(const Tensor& features, const Tensor& u_h, const Tensor& u_e,
                                             const LipschitzNet& start, const SharedControlOptions& o)
    : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.features = features, s.u_h = u_h, s.u_e = u_e, s.options = o;
  s.gamma = o.gamma < 0 ? worst_case_weight(u_h, u_e, o.sector).gamma : o.gamma;
  const auto parameter = [](const char* name, ParamKind kind, const Tensor& value) {
    return make_parameter(name, kind, value.clone());
  };
  s.parameters = {parameter("sll.weight", ParamKind::kWeight, start.W),
                  parameter("sll.bias", ParamKind::kBias, start.b),
                  parameter("sll.p", ParamKind::kBias, start.p),
                  parameter("out.weight", ParamKind::kHead, start.Wo),
                  parameter("out.bias", ParamKind::kBias, start.c),
                  parameter("out.scale", ParamKind::kBias, start.scale_logit)};
  s.adam = make_optimizer(fmt::format("adam:lr={},beta1={},beta2={},eps={}", o.lr, o.beta1, o.beta2, o.eps),
                          s.parameters);
  s.objective = [&s](std::span<const Tensor> w) {
    const Tensor u = corrected(net_of(w), s.features, s.u_h, s.options);
    return mse_loss(u, s.u_e) * static_cast<real>(s.gamma) +
           mse_loss(u, s.u_h) * static_cast<real>(1 - s.gamma);
  };
}
SharedControlTraining::~SharedControlTraining() = default;

double SharedControlTraining::step() {
  FunctionObjective objective(state_->parameters, state_->objective);
  return state_->adam->step(objective);
}

double SharedControlTraining::loss() const {
  const Recording off(false);
  FunctionObjective objective(state_->parameters, state_->objective);
  return objective.loss();
}

double SharedControlTraining::gamma() const { return state_->gamma; }

Tensor SharedControlTraining::commands(const Tensor& features, const Tensor& u_h) const {
  const Recording off(false);
  return corrected(net(), features, u_h, state_->options);
}

LipschitzNet SharedControlTraining::net() const {
  std::vector<Tensor> values;
  for (const ParameterPtr& p : state_->parameters) values.push_back(p->value.clone());
  return net_of(values);
}

}  // namespace gradus
