// Pictures of labs 7 to 12.
#include <fmt/format.h>

#include <cmath>

#include "apps/commands/lab_curves.h"
#include "core/rng.h"
#include "core/statistics.h"

namespace gradus {
namespace {

// 8: the largest eigenvalue of a diagonal matrix of 100 eigenvalues, 1, 0.97 and others below 0.9.
Numbers lab_eigenvalues() {
  Numbers all = evenly(0, 0.9, 98);
  all.insert(all.end(), {0.97, 1});
  return all;
}
double dot_of(const Numbers& a, const Numbers& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}
// Largest eigenvalue of a symmetric tridiagonal matrix by counting the negative pivots of T - x I.
double largest_of_tridiagonal(const Numbers& diagonal, const Numbers& beside) {
  double low = -2, high = 2;
  for (int halving = 0; halving < 60; ++halving) {
    const double x = (low + high) / 2;
    size_t below = 0;
    double pivot = 1;
    for (size_t i = 0; i < diagonal.size(); ++i) {
      pivot = diagonal[i] - x - (i ? beside[i - 1] * beside[i - 1] / pivot : 0);
      if (pivot == 0) pivot = 1e-300;
      below += pivot < 0;
    }
    (below == diagonal.size() ? high : low) = x;
  }
  return (low + high) / 2;
}
}  // namespace

// 7: what applying a polynomial again and again makes of a singular value.
std::string polynomial_picture() {
  const auto applied = [](double a, double b, double c, int times) {
    return [=](double s) {
      for (int i = 0; i < times; ++i) s = s * (a + s * s * (b + s * s * c));
      return s;
    };
  };
  const Numbers s = evenly(0, 1, 201);
  return svg(LinePlot{
      .title = "Singular values under a x + b x^3 + c x^5",
      .x = {.label = "singular value before"},
      .y = {.label = "after"},
      .series = {lab_curve("1.5, -0.5, 0: once", s, applied(1.5, -0.5, 0, 1)),
                 lab_curve("1.5, -0.5, 0: five times", s, applied(1.5, -0.5, 0, 5)),
                 lab_curve("3.4445, -4.775, 2.0315: once", s, applied(3.4445, -4.775, 2.0315, 1)),
                 lab_curve("3.4445, -4.775, 2.0315: five times", s, applied(3.4445, -4.775, 2.0315, 5))}});
}

std::string eigenvalue_picture() {
  const Numbers lambda = lab_eigenvalues();
  const size_t n = lambda.size();
  constexpr int kProducts = 40;
  Rng rng(3);
  Numbers start(n);
  for (double& v : start) v = rng.normal();
  const auto unit = [](Numbers v) {
    const double length = std::sqrt(dot_of(v, v));
    for (double& x : v) x /= length;
    return v;
  };
  const auto times = [&](Numbers v) {
    for (size_t i = 0; i < n; ++i) v[i] *= lambda[i];
    return v;
  };
  Series power{.name = "power method", .x = {}, .y = {}}, lanczos{.name = "Lanczos", .x = {}, .y = {}};
  Numbers v = unit(start), diagonal, beside;
  std::vector<Numbers> basis = {unit(start)};
  for (int k = 1; k <= kProducts; ++k) {
    const Numbers hv = times(v);
    power.x.push_back(k), power.y.push_back(1 - dot_of(v, hv));
    v = unit(hv);
    Numbers next = times(basis.back());
    diagonal.push_back(dot_of(next, basis.back()));
    for (int twice = 0; twice < 2; ++twice)
      for (const Numbers& q : basis) {
        const double share = dot_of(next, q);
        for (size_t i = 0; i < n; ++i) next[i] -= share * q[i];
      }
    lanczos.x.push_back(k), lanczos.y.push_back(std::fabs(1 - largest_of_tridiagonal(diagonal, beside)));
    beside.push_back(std::sqrt(dot_of(next, next)));
    basis.push_back(unit(next));
  }
  return svg(LinePlot{.title = "Largest of a hundred eigenvalues, 1, the next 0.97",
                      .x = {.label = "products with the matrix", .whole = true},
                      .y = {.label = "error", .log = true, .low = 1e-12},
                      .series = {power, lanczos}});
}

// 9: twenty tokens whose probability is as 1/rank.
std::string temperature_picture() {
  LinePlot plot{.title = "Twenty tokens at four temperatures",
                .x = {.label = "token, the likeliest first", .whole = true},
                .y = {.label = "probability", .log = true, .low = 1e-4},
                .series = {}};
  for (const double temperature : {0.25, 0.5, 1.0, 2.0}) {
    const auto weight = [=](double rank) { return std::pow(rank, -1 / temperature); };
    double sum = 0;
    for (const double rank : evenly(1, 20, 20)) sum += weight(rank);
    plot.series.push_back(lab_curve(fmt::format("{:g}", temperature), evenly(1, 20, 20),
                                    [&](double rank) { return weight(rank) / sum; }));
  }
  return svg(plot);
}

// 10: eigenvalues of the second moment as rank^-p, 64 of them; r leading directions, and r at random.
std::string explained_picture() {
  const Numbers ranks = evenly(1, 64, 64);
  LinePlot plot{.title = "What r of 64 directions explain",
                .x = {.label = "r", .whole = true, .low = 0},
                .y = {.label = "share of the second moment", .low = 0, .high = 1},
                .series = {}};
  for (const double p : {0.5, 1.0, 2.0}) {
    double all = 0;
    for (const double k : ranks) all += std::pow(k, -p);
    plot.series.push_back(
        lab_curve(fmt::format("leading, eigenvalues as rank^-{:g}", p), ranks, [&](double r) {
          double sum = 0;
          for (const double k : ranks)
            if (k <= r) sum += std::pow(k, -p);
          return sum / all;
        }));
  }
  plot.series.push_back(
      lab_curve("random, on average, for any eigenvalues", ranks, [](double r) { return r / 64; }));
  return svg(plot);
}

// 11: cosine between the gradient and the mean of K forward gradients. The gradient is the first axis, without loss of generality.
std::string cosine_picture() {
  constexpr int kTrials = 12;
  LinePlot plot{.title = "Forward gradients, means of 12 draws",
                .x = {.label = "number of parameters", .log = true},
                .y = {.label = "cosine with the gradient", .log = true},
                .series = {}};
  for (const int directions : {1, 10, 100})
    plot.series.push_back(lab_curve(fmt::format("{} direction{}", directions, directions > 1 ? "s" : ""),
                                    by_factors(1, 1024, 11), [=](double size) {
                                      const auto n = static_cast<size_t>(std::lround(size));
                                      Rng rng(n);
                                      double sum = 0;
                                      for (int trial = 0; trial < kTrials; ++trial) {
                                        Numbers estimate(n, 0.0), v(n);
                                        for (int k = 0; k < directions; ++k) {
                                          for (double& x : v) x = rng.normal();
                                          for (size_t i = 0; i < n; ++i) estimate[i] += v[0] * v[i];
                                        }
                                        sum += estimate[0] / std::sqrt(dot_of(estimate, estimate)) / kTrials;
                                      }
                                      return sum;
                                    }));
  return svg(plot);
}

// 12: differences that are noise; how often the bound at 95 % is above 0 with n seeds, and with some number of seeds up to n.
std::string looks_picture() {
  constexpr int kExperiments = 4000, kMost = 30;
  std::vector<int> at(kMost + 1, 0), until(kMost + 1, 0);
  Numbers quantile(kMost + 1, 0);
  for (int n = 3; n <= kMost; ++n) quantile[static_cast<size_t>(n)] = student_t_quantile(0.95, n - 1);
  Rng rng(5);
  for (int e = 0; e < kExperiments; ++e) {
    double sum = 0, squares = 0;
    bool ever = false;
    for (int n = 1; n <= kMost; ++n) {
      const double d = rng.normal();
      sum += d, squares += d * d;
      if (n < 3) continue;
      const double mean = sum / n, s = std::sqrt((squares - n * mean * mean) / (n - 1));
      const bool shown = mean > quantile[static_cast<size_t>(n)] * s / std::sqrt(n);
      ever = ever || shown;
      at[static_cast<size_t>(n)] += shown, until[static_cast<size_t>(n)] += ever;
    }
  }
  const auto share = [&](const std::vector<int>& counts) {
    return [&counts](double n) { return counts[static_cast<size_t>(std::lround(n))] / double(kExperiments); };
  };
  const Numbers n = evenly(3, kMost, kMost - 2);
  return svg(LinePlot{.title = "Claims that are false and come out as shown",
                      .x = {.label = "seeds", .whole = true},
                      .y = {.label = "share of 4000", .low = 0},
                      .series = {lab_curve("number of seeds planned", n, share(at)),
                                 lab_curve("seeds added, one at a time, until it shows", n, share(until))}});
}

}  // namespace gradus
