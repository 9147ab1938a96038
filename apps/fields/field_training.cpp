#include "apps/fields/field_training.h"

#include <fmt/format.h>

#include <algorithm>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"
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
  state_->parameters = {make_parameter("fc1.weight", ParamKind::kWeight, start.w1.clone()),
                        make_parameter("fc1.bias", ParamKind::kBias, start.b1.clone()),
                        make_parameter("fc2.weight", ParamKind::kHead, start.w2.clone()),
                        make_parameter("fc2.bias", ParamKind::kBias, start.b2.clone())};
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
    const Tensor out = linear(linear_relu(seen, w[0], w[1]), w[2], w[3]);
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
  const FieldNet w = net();
  return linear(linear_relu(seen, w.w1, w.b1), w.w2, w.b2);
}

const SapeMask& FieldTraining::mask() const { return state_->mask; }

FieldNet FieldTraining::net() const {
  const auto value = [&](size_t i) { return state_->parameters[i]->value.clone(); };
  return {value(0), value(1), value(2), value(3)};
}

}  // namespace gradus
