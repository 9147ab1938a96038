#include "nn/sharpness/sharpness.h"

#include <algorithm>
#include <cmath>

#include "autograd/functional/flat.h"
#include "autograd/grad.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"
#include "nn/sharpness/ellipsoid.h"
#include "nn/sharpness/normalize_logits.h"

namespace gradus {
namespace {

// The weights as one vector, and the batch at points near it.
class Around {
 public:
  Around(const BatchFunction& batch, std::span<const Tensor> w, bool adaptive)
      : batch_(batch), like_(w.begin(), w.end()), w_(flatten_all(w)) {
    for (const real v : w_.span()) scale_.push_back(adaptive ? std::abs(static_cast<double>(v)) : 1);
  }
  size_t size() const { return scale_.size(); }
  /// c.
  const std::vector<double>& scale() const { return scale_; }
  /// At w + delta(i); the gradient, if asked for, as one vector.
  template <class Delta>
  ScoreChange at(const Delta& delta, Tensor* gradient = nullptr) const {
    Tensor moved(w_.shape());
    real* to = moved.mutable_data();
    for (size_t i = 0; i < size(); ++i)
      to[i] = static_cast<real>(static_cast<double>(w_.data()[i]) + delta(i));
    Tensors values = unflatten(moved, like_);
    const Recording recording(gradient != nullptr);
    if (gradient)
      for (Tensor& v : values) v = variable(v);
    const BatchScore score = batch_(values);
    if (gradient) {
      Tensors grads = grad(score.loss, values, {.allow_unused = true});
      for (size_t k = 0; k < grads.size(); ++k)
        if (!grads[k].defined()) grads[k] = Tensor::zeros(values[k].shape());
      *gradient = flatten_all(grads);
    }
    return {static_cast<double>(score.loss.item()), score.error};
  }
  ScoreChange unmoved() const {
    return at([](size_t) { return 0.0; });
  }

 private:
  const BatchFunction& batch_;
  Tensors like_;
  Tensor w_;
  std::vector<double> scale_;
};

double length_of_all(std::span<const double> x) {
  double sum = 0;
  for (const double v : x) sum += v * v;
  return std::sqrt(sum);
}

// The next z of the ascent: a step from delta along the gradient, brought back into the ball. As in the code the adaptive l2 form
// settles where c*grad is normal to the ellipsoid (delta along c^3*grad), which is not quite its worst point (c^2*grad).
std::vector<double> ascend(const std::vector<double>& delta, const Tensor& gradient,
                           const std::vector<double>& c, double step, const WorstCaseOptions& o) {
  std::vector<double> z = delta;
  const real* g = gradient.data();
  if (o.norm == "linf") {
    for (size_t i = 0; i < z.size(); ++i) {
      const double sign = g[i] > 0 ? 1 : g[i] < 0 ? -1 : 0;
      z[i] = std::clamp(z[i] + step * c[i] * sign, -o.rho * c[i], o.rho * c[i]);
    }
    return z;
  }
  const double length = std::sqrt(inner({&gradient, 1}, {&gradient, 1})) + 1e-12;
  for (size_t i = 0; i < z.size(); ++i) z[i] += step * c[i] * static_cast<double>(g[i]) / length;
  if (o.adaptive) return project_on_ellipsoid(z, c, o.rho);
  if (const double reach = length_of_all(z); reach > o.rho)
    for (double& v : z) v *= o.rho / reach;
  return z;
}

}  // namespace

BatchFunction classifier_batch(Function logits, IntTensor labels, bool normalized) {
  return [logits = std::move(logits), labels = std::move(labels), normalized](std::span<const Tensor> w) {
    Tensor output = logits(w);
    if (normalized) output = normalize_logits(output);
    const IntTensor top = argmax(output, 1);
    int64 wrong = 0;
    for (int64 i = 0; i < labels.numel(); ++i) wrong += top[i] != labels[i];
    return BatchScore{cross_entropy(output, labels),
                      static_cast<double>(wrong) / static_cast<double>(labels.numel())};
  };
}

ScoreChange average_sharpness(const BatchFunction& batch, std::span<const Tensor> w,
                              const std::function<Tensor()>& draw, int64 draws, double rho, bool adaptive) {
  if (draws < 1 || !(rho >= 0)) fail<UsageError>("average sharpness: {} draws at radius {}", draws, rho);
  const Around around(batch, w, adaptive);
  const ScoreChange start = around.unmoved();
  ScoreChange sum;
  for (int64 k = 0; k < draws; ++k) {
    const Tensor e = draw();
    if (e.numel() != static_cast<int64>(around.size()))
      fail<ShapeError>("average sharpness: a draw of {} numbers for {} weights", e.numel(), around.size());
    const ScoreChange there =
        around.at([&](size_t i) { return rho * around.scale()[i] * static_cast<double>(e.data()[i]); });
    sum.loss += there.loss - start.loss;
    sum.error += there.error - start.error;
  }
  return {sum.loss / static_cast<double>(draws), sum.error / static_cast<double>(draws)};
}

std::vector<int64> apgd_checkpoints(int64 n) {
  std::vector<int64> found;
  double before = 0, p = 0.22;
  while (true) {
    const auto at = static_cast<int64>(std::ceil(p * static_cast<double>(n)));
    if (at >= n || (!found.empty() && at == found.back())) return found;
    found.push_back(at);
    const double next = p + std::max(p - before - 0.03, 0.06);
    before = p;
    p = next;
  }
}

WorstCase worst_case_sharpness(const BatchFunction& batch, std::span<const Tensor> w,
                               const WorstCaseOptions& o) {
  const Around around(batch, w, o.adaptive);
  const std::vector<double>& c = around.scale();
  const std::vector<int64> checkpoints = apgd_checkpoints(o.n_iters);
  WorstCase out;
  out.best_delta.assign(around.size(), 0.0);
  std::vector<double> delta = out.best_delta, previous = delta;
  const auto at = [&](const std::vector<double>& d, Tensor* gradient = nullptr) {
    return around.at([&](size_t i) { return d[i]; }, gradient);
  };
  const ScoreChange start = around.unmoved();
  ScoreChange best = start;
  double step = 2 * o.rho, step_before = step, best_before = best.loss;
  int64 updates = 0, checkpoint_before = 0;
  bool from_best = false;  // the next gradient is taken at the best point
  for (int64 i = 0; i < o.n_iters; ++i) {
    Tensor gradient;
    at(from_best ? out.best_delta : delta, &gradient);
    from_best = false;
    std::vector<double> next = ascend(delta, gradient, c, step, o);
    for (size_t k = 0; k < next.size(); ++k) next[k] = 0.75 * next[k] + 0.25 * previous[k];
    previous = std::exchange(delta, std::move(next));
    const ScoreChange there = at(delta);
    out.losses.push_back(there.loss);
    if (there.loss > best.loss) {
      best = there;
      out.best_delta = delta;
      ++updates;
    }
    if (std::find(checkpoints.begin(), checkpoints.end(), i) != checkpoints.end()) {
      const bool few = static_cast<double>(updates) < 0.75 * static_cast<double>(i - checkpoint_before);
      const bool stuck = step == step_before && best.loss == best_before;
      step_before = step;
      best_before = best.loss;
      checkpoint_before = i;
      updates = 0;
      if (few || stuck) {
        step /= 2;
        from_best = true;
      }
    }
    out.step_sizes.push_back(step);
  }
  out.change = {best.loss - start.loss, best.error - start.error};
  return out;
}

}  // namespace gradus
