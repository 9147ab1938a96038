#include "optim/methods/task_gradients.h"

#include <cmath>

#include "core/error.h"
#include "optim/elements.h"

namespace gradus {

Tensor unit_of(const Tensor& m) {
  Tensor unit = m.clone();
  const double length = norm(m);
  if (length > 0)
    for_each_element(unit, [length](real& e) { e = static_cast<real>(static_cast<double>(e) / length); });
  return unit;
}

TaskWeights task_weights(const Tensor& moment, std::span<const Tensor> units, double b) {
  TaskWeights w;
  const Tensor unit = unit_of(moment);
  for (const Tensor& past : units) {
    if (past.numel() != unit.numel())
      fail<ShapeError>("tag: a moment {} against one of {}", moment.shape().str(), past.shape().str());
    w.correlation.push_back(dot(unit, past));
    w.alpha.push_back(std::exp(-b * w.correlation.back()));
  }
  w.alpha.push_back(units.empty() ? 1 : std::exp(-b));
  return w;
}

void TaskMoments::begin_task(const Shape& shape) {
  if (m_) units_.push_back(unit_of(m_));
  m_ = Tensor::zeros(shape);
  v_.push_back(Tensor::zeros(shape));
  correlation_.clear();
  alpha_.clear();
}

Tensor TaskMoments::unit_moment(int64 task) const {
  return task < std::ssize(units_) ? units_[static_cast<size_t>(task)] : unit_of(m_);
}

void TaskMoments::state(const StateArchive& archive) {
  archive("v", v_);
  archive("units", units_);
  archive("m", m_);
  archive("correlation", correlation_);
  archive("alpha", alpha_);
}

void TaskMoments::step(Tensor& p, const Tensor& g, int64 n, const TagOptions& o) {
  const double beta2 = o.beta2_used();
  const bool adagrad = o.optimizer == "adagrad", adam = o.optimizer == "adam";
  for_each_element(m_, v_.back(), g,
                   [b1 = static_cast<real>(o.beta1), keep = static_cast<real>(adagrad ? 1 : beta2),
                    take = static_cast<real>(adagrad ? 1 : 1 - beta2)](real& m, real& v, real d) {
                     m = b1 * m + (1 - b1) * d;
                     v = keep * v + take * d * d;
                   });
  const TaskWeights w = task_weights(m_, units_, o.b);
  correlation_ = w.correlation;
  alpha_ = w.alpha;
  Tensor total = Tensor::zeros(p.shape());  // V
  for (size_t tau = 0; tau < v_.size(); ++tau)
    for_each_element(total, std::as_const(v_[tau]),
                     [a = static_cast<real>(alpha_[tau])](real& sum, real v) { sum += a * v; });
  const double steps = static_cast<double>(n + 1);
  const real lr = static_cast<real>(adam ? o.lr / (1 - std::pow(o.beta1, steps)) : o.lr),
             eps = static_cast<real>(o.eps),
             root = static_cast<real>(adam ? 1 / std::sqrt(1 - std::pow(beta2, steps)) : 1);
  const Tensor& along = adam ? m_ : g;
  // 0/0 (a coordinate that never had a gradient, eps = 0) does not move.
  for_each_element(p, along, std::as_const(total), [=](real& w_, real d, real v) {
    w_ -= d == 0 ? real(0) : lr * d / (std::sqrt(v) * root + eps);
  });
}

TaskGradients::TaskGradients(std::span<const Tensor> params, const TagOptions& options)
    : o_(options), moments_(params.size()) {
  for (const Tensor& p : params) params_.push_back(p.clone());
  begin_task();
}

void TaskGradients::begin_task() {
  for (size_t i = 0; i < params_.size(); ++i) moments_[i].begin_task(params_[i].shape());
  ++tasks_;
  n_ = 0;
}

void TaskGradients::state(const StateArchive& archive) {
  archive("params", params_);
  for (size_t i = 0; i < moments_.size(); ++i) moments_[i].state(archive.below(fmt::format("moments/{}", i)));
  archive("tasks", tasks_);
  archive("n", n_);
}

void TaskGradients::step(std::span<const Tensor> grads) {
  if (grads.size() != params_.size())
    fail<ShapeError>("tag: {} gradients for {} parameters", grads.size(), params_.size());
  for (size_t i = 0; i < grads.size(); ++i) {
    if (grads[i].shape() != params_[i].shape())
      fail<ShapeError>("tag: a gradient {} for a parameter {}", grads[i].shape().str(),
                       params_[i].shape().str());
    if (!all_finite(grads[i]))
      fail<NumericError>("tag: a gradient of shape {} is not finite", grads[i].shape().str());
  }
  for (size_t i = 0; i < grads.size(); ++i) moments_[i].step(params_[i], grads[i], n_, o_);
  ++n_;
  if (o_.steps_per_epoch > 0) n_ %= o_.steps_per_epoch;
}

}  // namespace gradus
