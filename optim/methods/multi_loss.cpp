#include "optim/methods/multi_loss.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/linalg.h"
#include "optim/elements.h"
#include "optim/optimizer.h"
#include "optim/vocabulary/words.h"

namespace gradus {
namespace {

constexpr double kCutoff = 1e-12;  // of eigenvalues of U U': 1e-6 of the singular values of U

void check_loss_gradients(std::span<const Tensor> gradients, const char* method) {
  if (gradients.empty()) fail<UsageError>("{}: there are no gradients to combine", method);
  for (size_t i = 0; i < gradients.size(); ++i) {
    if (gradients[i].numel() != gradients[0].numel())
      fail<ShapeError>("{}: gradient {} has shape {}, gradient 0 {}", method, i, gradients[i].shape().str(),
                       gradients[0].shape().str());
    if (!all_finite(gradients[i])) fail<NumericError>("{}: the gradient of loss {} is not finite", method, i);
  }
}

// sum_i c_i * x_i.
Tensor combination(std::span<const Tensor> x, const std::vector<double>& c) {
  Tensor out = Tensor::zeros(x[0].shape());
  for (size_t i = 0; i < x.size(); ++i)
    for_each_element(out, x[i], [f = real(c[i])](real& y, real g) { y += f * g; });
  return out;
}

struct Gram {
  std::vector<double> norm, cosine;  // cosine: (m, m), 0 beside a zero gradient
  size_t m;
  explicit Gram(std::span<const Tensor> g) : cosine(g.size() * g.size()), m(g.size()) {
    for (const Tensor& x : g) norm.push_back(gradus::norm(x));
    for (size_t i = 0; i < m; ++i)
      for (size_t j = 0; j < m; ++j)
        if (norm[i] > 0 && norm[j] > 0)
          cosine[i * m + j] = i == j ? 1 : dot(g[i], g[j]) / (norm[i] * norm[j]);
  }
  double at(size_t i, size_t j) const { return cosine[i * m + j]; }
};

// The length that a length model gives a unit direction with these cosines to the gradients.
double modelled_length(const std::string& model, const std::vector<double>& norms,
                       const std::vector<double>& cosines) {
  double sum = 0;
  if (model == "projection") {
    for (size_t i = 0; i < norms.size(); ++i) sum += norms[i] * cosines[i];
    return sum;
  }
  const auto m = static_cast<double>(norms.size());
  double track = 0, inverse = 0;
  for (double n : norms) track += n / m, inverse += 1 / n;
  if (model == "min") track = *std::min_element(norms.begin(), norms.end());
  if (model == "max") track = *std::max_element(norms.begin(), norms.end());
  if (model == "harmonic") track = m / inverse;
  for (double c : cosines) sum += track * c;
  return sum;
}

// a' C a and C a of the cosines.
std::vector<double> times(const Gram& gram, const std::vector<double>& a) {
  std::vector<double> out(gram.m);
  for (size_t i = 0; i < gram.m; ++i)
    for (size_t j = 0; j < gram.m; ++j) out[i] += gram.at(i, j) * a[j];
  return out;
}

// Coefficients on the unit gradients of a vector along the wanted direction; empty: there is none.
std::vector<double> unit_coefficients(const Gram& gram) {
  if (gram.m != 2) return linalg::solve_pseudo(gram.cosine, std::vector<double>(gram.m, 1.0), kCutoff);
  // u2 - c*u1 and u1 - c*u2 have equal lengths: the sum of their unit vectors is along u1 + u2.
  if (gram.norm[0] == 0 || gram.norm[1] == 0) return {};
  return {1, 1};
}

}  // namespace

Tensor config_direction(std::span<const Tensor> gradients, const ConfigOptions& options) {
  check_loss_gradients(gradients, "config");
  if (gradients.size() == 1) return gradients[0].clone();
  const Gram gram(gradients);
  std::vector<double> a = unit_coefficients(gram);
  if (a.empty()) return Tensor::zeros(gradients[0].shape());
  std::vector<double> cosines = times(gram, a);
  double square = 0;
  for (size_t i = 0; i < a.size(); ++i) square += a[i] * cosines[i];
  if (!(square > kCutoff)) return Tensor::zeros(gradients[0].shape());
  const double length = std::sqrt(square);
  for (double& c : cosines) c /= length;
  const double size = modelled_length(options.length, gram.norm, cosines);
  for (size_t i = 0; i < a.size(); ++i) a[i] = gram.norm[i] > 0 ? a[i] * size / (length * gram.norm[i]) : 0;
  return combination(gradients, a);
}

Tensor pcgrad_direction(std::span<const Tensor> gradients) {
  check_loss_gradients(gradients, "pcgrad");
  Tensor sum = Tensor::zeros(gradients[0].shape());
  for (size_t i = 0; i < gradients.size(); ++i) {
    Tensor p = gradients[i].clone();
    for (size_t j = 0; j < gradients.size(); ++j) {
      const double against = j == i ? 0 : dot(p, gradients[j]);
      if (against < 0)
        for_each_element(p, gradients[j],
                         [c = real(against / sum_of_squares(gradients[j]))](real& x, real g) { x -= c * g; });
    }
    for_each_element(sum, std::as_const(p), [](real& s, real x) { s += x; });
  }
  return sum;
}

Tensor imtlg_direction(std::span<const Tensor> gradients) {
  check_loss_gradients(gradients, "imtl-g");
  if (gradients.size() == 1) return gradients[0].clone();
  const Gram gram(gradients);
  // a_2.. of  sum_k a_k <g_1 - g_k, u_1 - u_j> = <g_1, u_1 - u_j>  for j = 2..m, by least squares.
  const size_t n = gram.m - 1;
  const auto along = [&](size_t i, size_t j) {  // <g_i, u_1 - u_j>
    return gram.norm[i] * (gram.at(i, 0) - gram.at(i, j));
  };
  std::vector<double> normal(n * n), right(n);
  for (size_t a = 0; a < n; ++a)
    for (size_t j = 1; j <= n; ++j) {
      const double row = along(0, j) - along(a + 1, j);
      right[a] += row * along(0, j);
      for (size_t b = 0; b < n; ++b) normal[a * n + b] += row * (along(0, j) - along(b + 1, j));
    }
  const std::vector<double> rest = linalg::solve_pseudo(normal, right, kCutoff * kCutoff);
  std::vector<double> c{1};
  for (double a : rest) c[0] -= a, c.push_back(a);
  return combination(gradients, c);
}

Tensor MomentumConfig::combine(int64 index, const Tensor& gradient) {
  if (index < 0 || index >= options_.num_losses)
    fail<UsageError>("m-config: there is no loss {}; num_losses is {}", index, options_.num_losses);
  check_loss_gradients({&gradient, 1}, "m-config");
  const Shape& shape = gradient.shape();
  const auto key = [](const char* what, int64 i) { return fmt::format("{}{}", what, i); };
  state_.scalar(key("t", index)) += 1;
  for_each_element(state_(key("m", index), shape), gradient,
                   [mean = Ema(options_.beta1)](real& m, real g) { m = mean(m, g); });
  std::vector<Tensor> means;
  for (int64 i = 0; i < options_.num_losses; ++i) {
    const auto seen = static_cast<int64>(state_.scalar(key("t", i)));
    if (seen == 0) return Tensor::zeros(shape);
    Tensor m = state_(key("m", i), shape).clone();
    for_each_element(m, [c = real(1 / bias_correction(options_.beta1, seen))](real& x) { x *= c; });
    means.push_back(m);
  }
  double& t = state_.scalar("t");
  t += 1;
  Tensor g = config_direction(means);
  const double c1 = bias_correction(options_.beta1, static_cast<int64>(t));
  const double c2 = bias_correction(options_.beta2, static_cast<int64>(t));
  for_each_element(
      g, state_("f", shape), state_("s", shape),
      [mean = Ema(options_.beta2), b = real(options_.beta1), scale = real(c1),
       part = real(1 / (1 - options_.beta1)), root = real(1 / std::sqrt(c2))](real& x, real& f, real& s) {
        const real next = x * scale, pseudo = (next - b * f) * part;
        f = next;
        s = mean(s, pseudo * pseudo);
        x = x / (root * std::sqrt(s) + real(1e-8));
      });
  return g;
}

SavedState MomentumConfig::save_state() const {
  SavedState out;
  state_.save("*", out);
  return out;
}
void MomentumConfig::load_state(const SavedState& saved) {
  state_.clear();
  const SavedState own = saved_below(saved, "*/");
  for (const auto& [name, value] : own.tensors) state_.restore(name, value);
  for (const auto& [name, value] : own.scalars) state_.restore(name, value);
}

}  // namespace gradus
