#include "optim/methods/spectral_risk.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "core/error.h"

namespace gradus {
namespace {

constexpr double kNoSmoothing = 1e-16;

double log_sum_exp(double a, double b) {
  const double top = std::max(a, b);
  if (top == -std::numeric_limits<double>::infinity()) return top;
  return top + std::log(std::exp(a - top) + std::exp(b - top));
}

// Pools neighbours while the value of the block before is not below that of the block after. A block is a pair of
// sums, joined by `join`; its value is value(sums).
struct Sums {
  double a, b;
};
std::vector<double> pool(std::span<const Sums> items, const std::function<Sums(Sums, Sums)>& join,
                         const std::function<double(Sums)>& value) {
  struct Block {
    Sums sums;
    size_t length;
    double value;
  };
  std::vector<Block> blocks;
  for (const Sums& item : items) {
    blocks.push_back({item, 1, value(item)});
    while (blocks.size() > 1 && blocks[blocks.size() - 2].value >= blocks.back().value) {
      const Block last = blocks.back();
      blocks.pop_back();
      Block& into = blocks.back();
      into.sums = join(into.sums, last.sums);
      into.length += last.length;
      into.value = value(into.sums);
    }
  }
  std::vector<double> out;
  for (const Block& block : blocks) out.insert(out.end(), block.length, block.value);
  return out;
}

std::vector<size_t> ascending(std::span<const double> x) {
  std::vector<size_t> order(x.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t i, size_t j) { return x[i] < x[j]; });
  return order;
}

}  // namespace

std::vector<double> spectrum(const SpectrumOptions& o, int64 n) {
  if (n < 1) fail<UsageError>("spectrum: needs at least one loss, not {}", n);
  const auto count = static_cast<double>(n);
  std::vector<double> sigma(static_cast<size_t>(n));
  const auto fill = [&](const auto& cumulative) {
    for (int64 i = 0; i < n; ++i)
      sigma[static_cast<size_t>(i)] =
          cumulative(static_cast<double>(i + 1)) - cumulative(static_cast<double>(i));
  };
  if (o.spectrum == "erm") {
    std::fill(sigma.begin(), sigma.end(), 1 / count);
  } else if (o.spectrum == "extremile") {
    fill([&](double i) { return std::pow(i / count, o.r); });
  } else if (o.spectrum == "esrm") {
    fill([&](double i) { return std::exp(o.rho * (i / count - 1)) / -std::expm1(-o.rho); });
  } else {
    const auto k = static_cast<int64>(std::floor(count * o.q));
    const double part = 1 - static_cast<double>(n - k - 1) / (count * (1 - o.q));
    const bool whole = std::abs(part) < 1e-12;
    for (int64 i = k; i < n; ++i)
      sigma[static_cast<size_t>(i)] = whole    ? 1 / static_cast<double>(n - k)
                                      : i == k ? part
                                               : 1 / (count * (1 - o.q));
  }
  return sigma;
}

std::vector<double> isotonic_regression(std::span<const double> y) {
  std::vector<Sums> items;
  for (double v : y) items.push_back({v, 1});
  return pool(
      items,
      [](Sums x, Sums z) {
        return Sums{x.a + z.a, x.b + z.b};
      },
      [](Sums s) { return s.a / s.b; });
}

std::vector<double> spectral_weights(std::span<const double> losses, std::span<const double> sigma, double nu,
                                     const std::string& penalty) {
  if (losses.size() != sigma.size() || losses.empty())
    fail<UsageError>("spectral risk: {} losses and a spectrum of {}", losses.size(), sigma.size());
  if (penalty != "l2" && penalty != "neg_entropy")
    throw UsageError("spectral risk: " + unknown_name("penalty", penalty, {"l2", "neg_entropy"}));
  for (double l : losses)
    if (!std::isfinite(l)) fail<NumericError>("spectral risk: a loss is {}", l);
  const std::vector<size_t> order = ascending(losses);
  const auto n = static_cast<double>(losses.size());
  std::vector<double> q(losses.size());
  if (!(n * nu > kNoSmoothing)) {
    for (size_t i = 0; i < order.size(); ++i) q[order[i]] = sigma[i];
    return q;
  }
  std::vector<double> s;
  for (size_t i : order) s.push_back(losses[i] / (n * nu));
  if (penalty == "l2") {
    std::vector<double> y;
    for (size_t i = 0; i < s.size(); ++i) y.push_back(s[i] + 1 / n - sigma[i]);
    const std::vector<double> z = isotonic_regression(y);
    for (size_t i = 0; i < s.size(); ++i) q[order[i]] = s[i] - z[i] + 1 / n;
    return q;
  }
  std::vector<Sums> items;
  for (size_t i = 0; i < s.size(); ++i) items.push_back({s[i], std::log(n * sigma[i])});
  const std::vector<double> z = pool(
      items,
      [](Sums x, Sums y) {
        return Sums{log_sum_exp(x.a, y.a), log_sum_exp(x.b, y.b)};
      },
      [](Sums x) { return x.a - x.b; });
  for (size_t i = 0; i < s.size(); ++i) q[order[i]] = std::exp(s[i] - z[i]) / n;
  return q;
}

double spectral_risk(std::span<const double> losses, std::span<const double> sigma, double nu,
                     const std::string& penalty) {
  const std::vector<double> q = spectral_weights(losses, sigma, nu, penalty);
  const auto n = static_cast<double>(losses.size());
  double risk = 0;
  for (size_t i = 0; i < q.size(); ++i) {
    const double distance = penalty == "l2" ? 0.5 * (q[i] - 1 / n) * (q[i] - 1 / n)
                            : q[i] > 0      ? q[i] * std::log(n * q[i])
                                            : 0;
    risk += q[i] * losses[i] - n * nu * distance;
  }
  return risk;
}

}  // namespace gradus
