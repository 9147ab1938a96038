#include "apps/fields/field_training.h"

#include <fmt/format.h>

#include <algorithm>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"
#include "nn/dense_network.h"
#include "nn/fields/fourier_features.h"
#include "optim/problems/function_objective.h"
#include "optim/registry.h"

namespace gradus {

struct FieldTraining::State {
  State(int64 dim, int64 columns, const FieldOptions& o)
      : options(o),
        mask(dim, o.res, columns, dim, o.epsilon),
        period(sape_period(dim, columns, o.num_iterations)) {
    const bool all = o.channels == "all";
    if (all) std::fill(mask.mask.begin(), mask.mask.end(), 1.0);
  }
  FieldOptions options;
  SapeMask mask;
  int64 period, iteration = 0;
  Tensor y, frequencies, encoding;
  GridCorners corners;
  Activation relu_layers = activation("relu");
  Parameters parameters;
  OptimizerPtr adam;
};

FieldTraining::FieldTraining(const Tensor& x, const Tensor& y, const Tensor& frequencies,
                             const FieldNet& start, const FieldOptions& options) {
  if (x.rank() != 2 || y.rank() != 2 || x.dim(0) != y.dim(0))
    fail<ShapeError>("field: x {}, y {}", x.shape().str(), y.shape().str());
  const Tensor encoding = fourier_encoding(x, frequencies);
  state_ = std::make_unique<State>(x.dim(1), encoding.dim(1), options);
  state_->encoding = encoding;
  state_->corners = grid_corners(x, options.res);
  state_->y = y;
  state_->frequencies = frequencies;
  for (size_t i = 0; i < start.size(); ++i) {
    const bool bias = i % 2 == 1, head = i + 2 == start.size();
    state_->parameters.push_back(make_parameter(fmt::format("fc{}.{}", i / 2 + 1, bias ? "bias" : "weight"),
                                                bias   ? ParamKind::kBias
                                                : head ? ParamKind::kHead
                                                       : ParamKind::kWeight,
                                                start[i].clone()));
  }
  state_->adam = make_optimizer(fmt::format("adam:lr={},beta1={},beta2={},eps={}", options.lr, options.beta1,
                                            options.beta2, options.eps),
                                state_->parameters);
}
FieldTraining::~FieldTraining() = default;

double FieldTraining::step() {
  State& s = *state_;
  const Tensor seen = s.encoding * s.mask.at(s.corners);
  Tensor sample_losses;
  const Function loss = [&](std::span<const Tensor> w) {
    const Tensor out = dense_network(w, s.relu_layers, seen);
    const Tensor each = mean(square(out - s.y), {1});
    sample_losses = each.detach();
    return mean(each);
  };
  FunctionObjective objective(s.parameters, loss);
  const double before = s.adam->step(objective);
  ++s.iteration;
  if (s.options.channels == "sape") {
    s.mask.record(s.corners, sample_losses);
    if (s.iteration % s.period == 0) s.mask.update();
  }
  return before;
}

Tensor FieldTraining::at(const Tensor& points) const {
  const State& s = *state_;
  const Recording off(false);
  const Tensor seen =
      fourier_encoding(points, s.frequencies) * s.mask.at(grid_corners(points, s.options.res));
  return dense_network(net(), s.relu_layers, seen);
}

const SapeMask& FieldTraining::mask() const { return state_->mask; }

FieldNet FieldTraining::net() const {
  FieldNet values;
  for (const ParameterPtr& p : state_->parameters) values.push_back(p->value.clone());
  return values;
}

}  // namespace gradus
