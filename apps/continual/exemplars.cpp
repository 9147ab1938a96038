#include "apps/continual/exemplars.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace gradus {

HerdedRows herded(const Tensor& features, const HerdingOptions& o) {
  if (features.rank() != 2) fail<ShapeError>("herding: features of shape {}", features.shape().str());
  const int64 n = features.dim(0), d = features.dim(1);
  const auto at = [d](int64 i, int64 a) { return static_cast<size_t>(i * d + a); };
  std::vector<double> f(features.data(), features.data() + features.numel()), mean(static_cast<size_t>(d)),
      sum(mean);
  for (int64 i = 0; i < n; ++i) {
    double square = 0;
    for (int64 a = 0; a < d; ++a) square += f[at(i, a)] * f[at(i, a)];
    for (int64 a = 0; a < d; ++a) {
      if (o.normalize) f[at(i, a)] /= std::sqrt(square) + o.eps;
      mean[at(0, a)] += f[at(i, a)] / static_cast<double>(n);
    }
  }
  HerdedRows out;
  std::vector<char> taken(static_cast<size_t>(n));
  for (int64 k = 1; k <= std::min(o.count, n); ++k) {
    int64 best = -1;
    double least = std::numeric_limits<double>::infinity();
    for (int64 i = 0; i < n; ++i) {
      if (taken[static_cast<size_t>(i)]) continue;
      double distance = 0;
      for (int64 a = 0; a < d; ++a) {
        const double e = (f[at(i, a)] + sum[at(0, a)]) / static_cast<double>(k) - mean[at(0, a)];
        distance += e * e;
      }
      if (best >= 0 && !(distance < least)) continue;
      least = distance;
      best = i;
    }
    taken[static_cast<size_t>(best)] = 1;
    out.rows.push_back(best);
    for (int64 a = 0; a < d; ++a) sum[at(0, a)] += f[at(best, a)];
  }
  // (The mean of the chosen and their sum have one direction.)
  double square = 0;
  for (const double v : sum) square += v * v;
  out.mean = Tensor({d});
  out.exemplar_mean = Tensor({d});
  for (int64 a = 0; a < d; ++a) {
    out.mean.mutable_data()[a] = static_cast<real>(mean[at(0, a)]);
    out.exemplar_mean.mutable_data()[a] =
        static_cast<real>(square > 0 ? sum[at(0, a)] / std::sqrt(square) : 0.0);
  }
  return out;
}

std::vector<int64> herded_rows(const Tensor& features, int64 count) {
  return herded(features, {.count = count}).rows;
}

void reservoir_update(std::vector<int64>& buffer, int64 capacity, int64& seen, std::span<const int64> items,
                      std::span<const double> uniform) {
  if (items.size() != uniform.size())
    fail<ShapeError>("reservoir: {} draws for {} items", uniform.size(), items.size());
  for (size_t i = 0; i < items.size(); ++i, ++seen) {
    if (std::ssize(buffer) < capacity) {
      buffer.push_back(items[i]);
      continue;
    }
    const auto j = static_cast<int64>(std::floor(uniform[i] * static_cast<double>(seen + 1)));
    if (j < capacity) buffer[static_cast<size_t>(j)] = items[i];
  }
}

void ExemplarMemory::herd(const LabelledRows& fresh, int64 classes, int64 budget,
                          const std::function<Tensor(const Tensor& x)>& features) {
  const LabelledRows all = joined_rows(kept_, fresh);
  std::vector<int64> rows;
  const Recording off(false);
  for (int64 c = 0; c < classes; ++c) {
    std::vector<int64> own;
    for (int64 i = 0; i < all.y.numel(); ++i)
      if (all.y[i] == c) own.push_back(i);
    if (own.empty()) continue;
    for (const int64 i : herded_rows(features(chosen_rows(all, own).x), budget / classes))
      rows.push_back(own[static_cast<size_t>(i)]);
  }
  kept_ = rows.empty() ? LabelledRows{} : chosen_rows(all, rows);
}

void ExemplarMemory::sample(const LabelledRows& fresh, int64 budget, Rng rng) {
  const LabelledRows all = joined_rows(kept_, fresh);
  std::vector<int64> buffer, items;
  std::vector<double> draws;
  const int64 before = kept_.x.defined() ? kept_.x.dim(0) : 0;
  for (int64 i = 0; i < before; ++i) buffer.push_back(i);
  for (int64 i = before; i < all.x.dim(0); ++i) {
    items.push_back(i);
    draws.push_back(rng.uniform());
  }
  reservoir_update(buffer, budget, seen_, items, draws);
  kept_ = buffer.empty() ? LabelledRows{} : chosen_rows(all, buffer);
}

void ExemplarMemory::state(const StateArchive& archive) {
  archive("x", kept_.x);
  archive("y", kept_.y);
  archive("seen", seen_);
}

}  // namespace gradus
