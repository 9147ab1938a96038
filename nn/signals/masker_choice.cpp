#include "nn/signals/masker_choice.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <vector>

#include "core/error.h"

namespace gradus {

MaskerChoice choose_masker(const Tensor& mu, const Tensor& sigma, double mu_none, int64 draw,
                           const MaskerPolicy& policy) {
  if (mu.rank() != 2 || !(mu.shape() == sigma.shape()))
    fail<ShapeError>("choose_masker: mu {}, sigma {}", mu.shape().str(), sigma.shape().str());
  const bool probability = policy.policy == "probability";
  std::vector<double> scores = {probability ? 0.5 : mu_none};
  for (int64 i = 0; i < mu.numel(); ++i) {
    const double m = static_cast<double>(mu.data()[i]), s = static_cast<double>(sigma.data()[i]);
    scores.push_back(probability ? 0.5 * std::erfc(-(m - mu_none) / s / std::numbers::sqrt2) : m);
  }
  std::vector<int64> order(scores.size());
  std::iota(order.begin(), order.end(), int64{0});
  std::stable_sort(order.begin(), order.end(), [&](int64 a, int64 b) {
    return scores[static_cast<size_t>(a)] > scores[static_cast<size_t>(b)];
  });
  int64 place = 0;
  if (policy.policy == "top-k") {
    if (draw < 0 || draw >= std::min(policy.top_k, std::ssize(order)))
      fail<DataError>("choose_masker: draw {}, expected 0..{}", draw,
                      std::min(policy.top_k, std::ssize(order)) - 1);
    place = draw;
  }
  const int64 chosen = order[static_cast<size_t>(place)];
  MaskerChoice choice{-1, -1, scores[static_cast<size_t>(chosen)]};
  if (chosen > 0) choice.masker = (chosen - 1) / mu.dim(1), choice.gain = (chosen - 1) % mu.dim(1);
  return choice;
}

}  // namespace gradus
