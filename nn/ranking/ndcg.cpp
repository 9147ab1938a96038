#include "nn/ranking/ndcg.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

namespace gradus {
namespace {

double dcg(const std::vector<double>& gains_in_order, const Tensor& discounts) {
  double total = 0;
  for (size_t i = 0; i < gains_in_order.size(); ++i) total += gains_in_order[i] * discounts.data()[i];
  return total;
}

double ideal_dcg_of(const real* gains, int64 items, const Tensor& discounts) {
  std::vector<double> sorted(gains, gains + items);
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  return dcg(sorted, discounts);
}

}  // namespace

Tensor relevance_gains(const IntTensor& labels, bool powered) {
  Tensor gains(labels.shape());
  for (int64 i = 0; i < labels.numel(); ++i) {
    const auto label = static_cast<double>(std::max<int64>(labels[i], 0));
    gains.mutable_data()[i] = static_cast<real>(powered ? std::exp2(label) - 1 : label);
  }
  return gains;
}

Tensor rank_discounts(int64 n, int64 k) {
  Tensor discounts = Tensor::zeros({n});
  for (int64 i = 0; i < (k == 0 ? n : std::min(k, n)); ++i)
    discounts.mutable_data()[i] = static_cast<real>(1 / std::log2(static_cast<double>(i + 2)));
  return discounts;
}

Tensor ideal_dcg(const IntTensor& labels, int64 k, bool powered) {
  const ListMask mask = ListMask::of_labels(labels);
  const Tensor gains = relevance_gains(labels, powered), discounts = rank_discounts(mask.items(), k);
  Tensor ideal(Shape{mask.lists()});
  for (int64 list = 0; list < mask.lists(); ++list)
    ideal.mutable_data()[list] =
        static_cast<real>(ideal_dcg_of(gains.data() + list * mask.items(), mask.items(), discounts));
  return ideal;
}

std::vector<int64> ranking_order(const real* scores, int64 items) {
  std::vector<int64> order(static_cast<size_t>(items));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64 a, int64 b) { return scores[a] > scores[b]; });
  return order;
}

Tensor ndcg(const Tensor& scores, const IntTensor& labels, int64 k) {
  const ListMask mask = ListMask::of_labels(labels);
  mask.check_scores(scores, "ndcg");
  const Tensor gains = relevance_gains(labels), discounts = rank_discounts(mask.items(), k);
  Tensor values(Shape{mask.lists()});
  for (int64 list = 0; list < mask.lists(); ++list) {
    const real* gain = gains.data() + list * mask.items();
    std::vector<double> ranked;
    for (const int64 item : ranking_order(scores.data() + list * mask.items(), mask.real_items(list)))
      ranked.push_back(gain[item]);
    const double ideal = ideal_dcg_of(gain, mask.items(), discounts);
    values.mutable_data()[list] = static_cast<real>(ideal > 0 ? dcg(ranked, discounts) / ideal : 1);
  }
  return values;
}

}  // namespace gradus
