#include "optim/bilevel/bidirectional.h"

#include <algorithm>
#include <cmath>

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/statistics.h"
#include "optim/bilevel/sequence_logits.h"

namespace gradus {
namespace {

// One Adam moment pair: decayed, and the direction with both corrected. t from 1.
double adam_direction(double& m, double& v, double g, std::int64_t t) {
  m = 0.9 * m + 0.1 * g;
  v = 0.999 * v + 0.001 * g * g;
  const double power = static_cast<double>(t);
  return m / (1 - std::pow(0.9, power)) / (std::sqrt(v / (1 - std::pow(0.999, power))) + 1e-8);
}

Tensor dot_product(const Tensor& a, const Tensor& b) { return sum(a * b); }

// Z'(Z Z' + b*I)^-1 y = (Z'Z + b*I)^-1 Z'y, by the smaller of the two.
std::vector<double> ridge_weight(const Tensor& z, const Tensor& y, double ridge) {
  const size_t n = static_cast<size_t>(z.dim(0)), d = static_cast<size_t>(z.dim(1));
  const auto at = [&](size_t i, size_t j) { return static_cast<double>(z.data()[i * d + j]); };
  double trace = 0;
  for (const real x : z.span()) trace += static_cast<double>(x) * static_cast<double>(x);
  if (!(trace > 0) || !std::isfinite(trace))
    fail<NumericError>("bidirectional kernel: features of trace {}", trace);
  const double b = ridge * trace / static_cast<double>(n);
  const bool primal = d <= n;
  const size_t size = primal ? d : n, across = primal ? n : d;
  std::vector<double> gram(size * size, 0), right(size, 0);
  for (size_t i = 0; i < size; ++i) {
    for (size_t j = 0; j <= i; ++j) {
      double total = 0;
      for (size_t k = 0; k < across; ++k) total += primal ? at(k, i) * at(k, j) : at(i, k) * at(j, k);
      gram[i * size + j] = gram[j * size + i] = total;
    }
    gram[i * size + i] += b;
  }
  for (size_t i = 0; i < size; ++i)
    if (primal)
      for (size_t k = 0; k < n; ++k) right[i] += at(k, i) * static_cast<double>(y.data()[k]);
    else
      right[i] = static_cast<double>(y.data()[i]);
  std::vector<double> solution = linalg::solve_pseudo(gram, right, 1e-16);
  if (primal) return solution;
  std::vector<double> weight(d, 0);
  for (size_t k = 0; k < n; ++k)
    for (size_t j = 0; j < d; ++j) weight[j] += at(k, j) * solution[k];
  return weight;
}

}  // namespace

BidirectionalKernel::BidirectionalKernel(const Tensor& features, const Tensor& labels, double ridge,
                                         double target)
    : features_(stop_gradient(features)), labels_(stop_gradient(labels)), ridge_(ridge), target_(target) {
  if (features.rank() != 2 || features.numel() < 1 || !(labels.shape() == Shape({features.dim(0)})))
    fail<ShapeError>("bidirectional kernel: features {} with labels {}", features.shape().str(),
                     labels.shape().str());
  const std::vector<double> w = ridge_weight(features_, labels_, ridge);
  weight_ = Tensor({features.dim(1)});
  std::transform(w.begin(), w.end(), weight_.mutable_data(), [](double x) { return static_cast<real>(x); });
}

Tensor BidirectionalKernel::forward_prediction(const Tensor& z) const { return dot_product(weight_, z); }

Tensor BidirectionalKernel::forward_loss(const Tensor& z) const {
  return square(forward_prediction(z) - static_cast<real>(target_));
}

Tensor BidirectionalKernel::backward_predictions(const Tensor& z) const {
  const Tensor c = static_cast<real>(target_) / (dot_product(z, z) * static_cast<real>(1 + ridge_));
  return flatten(matmul(features_, reshape(z, {-1, 1})), 0) * c;
}

Tensor BidirectionalKernel::backward_loss(const Tensor& z) const {
  return mean(square(backward_predictions(z) - labels_));
}

BidirectionalStep::Taken BidirectionalStep::step(Tensor& logits, const Tensor& g_aux, const Tensor& g_forward,
                                                 const Tensor& g_backward) {
  for (const Tensor* g : {&g_aux, &g_forward, &g_backward})
    if (!(g->shape() == logits.shape()))
      fail<ShapeError>("bidirectional step: a gradient {} for logits {}", g->shape().str(),
                       logits.shape().str());
  const size_t n = static_cast<size_t>(logits.numel());
  if (t_ == 0) m_.assign(n, 0), v_.assign(n, 0);
  if (m_.size() != n) fail<ShapeError>("bidirectional step: {} logits after {}", n, m_.size());
  ++t_;
  const auto number = [](const Tensor& t, size_t i) { return static_cast<double>(t.data()[i]); };
  if (o_.adaptive_gamma) {
    double e = 0;
    for (size_t i = 0; i < n; ++i)
      e += number(g_aux, i) * o_.lr * (number(g_forward, i) - number(g_backward, i));
    gamma_ = std::clamp(gamma_ - o_.lr * adam_direction(gamma_m_, gamma_v_, e, t_), 0.0, 1.0);
  }
  std::vector<double> direction(n);
  double rise = 0;  // <g_aux, D>
  for (size_t i = 0; i < n; ++i) {
    const double g = gamma_ * number(g_forward, i) + (1 - gamma_) * number(g_backward, i);
    direction[i] = adam_direction(m_[i], v_[i], g, t_);
    rise += number(g_aux, i) * direction[i];
  }
  const double step = o_.adaptive_eta && t_ >= 2 ? std::clamp(0.1 - 0.01 * rise, 1e-4, 0.5) : o_.lr;
  real* x = logits.mutable_data();
  for (size_t i = 0; i < n; ++i) x[i] = static_cast<real>(static_cast<double>(x[i]) - step * direction[i]);
  return {gamma_, step};
}

DesignSearch search_design(const DesignProblem& problem, const Tensor& logits, int64 steps,
                           const BidirectionalOptions& options) {
  const Recording on(true);
  DesignSearch out;
  out.logits = stop_gradient(logits).clone();
  BidirectionalStep adapt(options);
  for (int64 t = 0; t < steps; ++t) {
    const Tensor at = variable(out.logits.clone());
    const Tensor z = problem.features(hard_kmers(at, problem.kmer));
    const Tensor forward = problem.kernel->forward_loss(z), backward = problem.kernel->backward_loss(z),
                 auxiliary = problem.auxiliary(z);
    const auto slope = [&](const Tensor& y) { return grad(y, {at}, {.retain_graph = true})[0]; };
    const BidirectionalStep::Taken taken =
        adapt.step(out.logits, slope(auxiliary), slope(forward), slope(backward));
    out.gamma.push_back(taken.gamma);
    out.step_size.push_back(taken.step_size);
    out.forward_loss.push_back(static_cast<double>(forward.item()));
    out.backward_loss.push_back(static_cast<double>(backward.item()));
  }
  out.design = argmax(out.logits, 1);
  return out;
}

StandardScores::StandardScores(const Tensor& scores) {
  if (scores.rank() != 1 || scores.numel() < 2)
    fail<ShapeError>("standard scores: scores of shape {}", scores.shape().str());
  const std::vector<double> values(scores.data(), scores.data() + scores.numel());
  mean = mean_of(values);
  std = deviation_of(values);
  labels = Tensor(scores.shape());
  for (size_t i = 0; i < values.size(); ++i)
    labels.mutable_data()[i] = static_cast<real>((values[i] - mean) / (std + 1e-9));
}

}  // namespace gradus
