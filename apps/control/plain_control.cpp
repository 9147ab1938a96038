#include "apps/control/plain_control.h"

#include <fmt/format.h>

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "core/error.h"
#include "nn/dense_network.h"
#include "optim/problems/function_objective.h"
#include "optim/registry.h"

namespace gradus {

struct PlainControlTraining::State {
  Tensor features, u_h, u_e;
  Activation tanh_units = activation("tanh");
  Parameters parameters;
  OptimizerPtr adam;
  Function objective;
};

PlainControlTraining::PlainControlTraining(const Tensor& features, const Tensor& u_h, const Tensor& u_e,
                                           const std::vector<int64>& hidden, const PlainControlOptions& o,
                                           const Rng& rng)
    : state_(std::make_unique<State>()) {
  if (features.rank() != 2 || u_h.rank() != 2 || !(u_h.shape() == u_e.shape()) ||
      u_h.dim(0) != features.dim(0))
    fail<ShapeError>("plain control: features {}, u_h {}, u_e {}", features.shape().str(), u_h.shape().str(),
                     u_e.shape().str());
  State& s = *state_;
  s.features = features, s.u_h = u_h, s.u_e = u_e;
  int64 in = features.dim(1);
  std::vector<int64> sizes = hidden;
  sizes.push_back(u_h.dim(1));
  for (size_t i = 0; i < sizes.size(); ++i) {
    Rng draw = rng.fork(static_cast<std::uint64_t>(i));
    const real deviation = static_cast<real>(1 / std::sqrt(static_cast<double>(in)));
    s.parameters.push_back(make_parameter(fmt::format("fc{}.weight", i + 1),
                                          i + 1 < sizes.size() ? ParamKind::kWeight : ParamKind::kHead,
                                          draw.normal_tensor({sizes[i], in}, 0, deviation)));
    s.parameters.push_back(
        make_parameter(fmt::format("fc{}.bias", i + 1), ParamKind::kBias, Tensor::zeros({sizes[i]})));
    in = sizes[i];
  }
  s.adam = make_optimizer(fmt::format("adam:lr={}", o.lr), s.parameters);
  s.objective = [&s, gamma = static_cast<real>(o.gamma)](std::span<const Tensor> w) {
    const Tensor u = dense_network(w, s.tanh_units, s.features);
    return mse_loss(u, s.u_e) * gamma + mse_loss(u, s.u_h) * (1 - gamma);
  };
}
PlainControlTraining::~PlainControlTraining() = default;

double PlainControlTraining::step() {
  FunctionObjective objective(state_->parameters, state_->objective);
  return state_->adam->step(objective);
}

Tensor PlainControlTraining::commands(const Tensor& features) const {
  const Recording off(false);
  std::vector<Tensor> values;
  for (const ParameterPtr& p : state_->parameters) values.push_back(p->value);
  return clamp(dense_network(values, state_->tanh_units, features), real(-1), real(1));
}

}  // namespace gradus
