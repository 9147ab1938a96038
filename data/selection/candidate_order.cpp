#include "data/selection/candidate_order.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace gradus {

Limits candidate_keys() { return choices({"confidence", "margin", "entropy", "mlp", "uncertain", "emal"}); }

std::vector<double> keys_of(const std::string& arm, const Tensor& preds, int64 class_index) {
  if (preds.rank() != 2) fail<ShapeError>("candidate keys: predictions (N,C), got {}", preds.shape().str());
  const int64 n = preds.dim(0), c = preds.dim(1);
  if (c < 1 || class_index < 0 || class_index >= c)
    fail<UsageError>("candidate {}: there is no class {} of {}", arm, class_index, c);
  std::vector<double> keys;
  for (int64 i = 0; i < n; ++i) {
    const real* p = preds.data() + i * c;
    const auto of_class = static_cast<double>(p[class_index]);
    double key = 0;
    if (arm == "confidence") {
      key = static_cast<double>(*std::max_element(p, p + c));
    } else if (arm == "margin") {
      double first = -1, second = -1;
      for (int64 k = 0; k < c; ++k) {
        const auto at = static_cast<double>(p[k]);
        if (at > first)
          second = first, first = at;
        else
          second = std::max(second, at);
      }
      key = c > 1 ? first - second : first;
    } else if (arm == "entropy") {
      for (int64 k = 0; k < c; ++k)
        if (const auto at = static_cast<double>(p[k]); at > 0) key += at * std::log(at);
    } else if (arm == "mlp") {
      key = -of_class;
    } else if (arm == "uncertain") {
      key = std::abs(of_class - 0.5);
    } else if (arm == "emal") {
      for (int64 k = 0; k < c; ++k) key += std::abs(static_cast<double>(p[k]) - 0.5);
    } else {
      throw UsageError(unknown_name("candidate", arm, candidate_keys().words));
    }
    keys.push_back(key);
  }
  return keys;
}

std::vector<int64> candidate_order(std::span<const double> keys, std::span<const char> labelled,
                                   int64 count) {
  if (keys.size() != labelled.size())
    fail<ShapeError>("candidate order: {} keys, {} marks", keys.size(), labelled.size());
  std::vector<int64> order;
  for (size_t i = 0; i < keys.size(); ++i)
    if (!labelled[i]) order.push_back(static_cast<int64>(i));
  std::stable_sort(order.begin(), order.end(), [&](int64 a, int64 b) {
    return keys[static_cast<size_t>(a)] < keys[static_cast<size_t>(b)];
  });
  if (static_cast<int64>(order.size()) > count) order.resize(static_cast<size_t>(std::max<int64>(count, 0)));
  return order;
}

}  // namespace gradus
