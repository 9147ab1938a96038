// BADGE: k-means++ over the gradients of the last layer, were the prediction the label.
//
// Paper: Ash, Zhang, Krishnamurthy, Langford, Agarwal, "Deep Batch Active Learning by Diverse, Uncertain Gradient Lower Bounds",
//        ICLR 2020, arXiv 1906.03671.
//   g = onehot(argmax p) - p;   the embedding g (x) h is never formed: <a,b> = <g_a,g_b><h_a,h_b>
//   D_i = least squared distance to a centre;   the next centre is drawn with probability D_i/sum D
// Core-set: Sener, Savarese, "Active Learning for Convolutional Neural Networks: A Core-Set Approach", ICLR 2018, arXiv 1708.00489:
// the next centre is the one farthest from all that are labelled, in h alone.
#pragma once

#include <span>
#include <vector>

#include "core/tensor.h"

namespace gradus {

/// Index drawn by u in [0,1) from weights >= 0: the number of cumulative shares that are <= u, at most the last; where all are 0
/// they are alike.
int64 drawn_index(std::span<const double> weights, double u);

/// Least squared distances of N points to centres that come one by one.
class CentreDistances {
 public:
  /// In g (x) h, preds (N,C), embeddings (N,D).
  static CentreDistances of_gradients(const Tensor& preds, const Tensor& embeddings);
  /// In h.
  static CentreDistances of_points(const Tensor& embeddings);

  void add_centre(int64 item);
  /// To the nearest centre; infinite before the first.
  double operator[](int64 item) const { return nearest_[static_cast<size_t>(item)]; }
  /// |g|^2 |h|^2 (of_points: |h|^2).
  double squared_norm(int64 item) const { return norms_[static_cast<size_t>(item)]; }
  int64 size() const { return static_cast<int64>(norms_.size()); }
  bool is_centre(int64 item) const { return centre_[static_cast<size_t>(item)] != 0; }

 private:
  CentreDistances(Tensor g, Tensor h);
  Tensor g_, h_;  // g undefined: points
  std::vector<double> norms_, nearest_;
  std::vector<char> centre_;
};

/// BADGE's picks among the unlabelled ones: the first centre is the largest |g||h|, which is not picked.
class Badge {
 public:
  Badge(const Tensor& preds, const Tensor& embeddings, std::vector<char> labelled);
  /// The item that u draws, which stays unpicked until take(); -1 where none is left.
  int64 next(double u) const;
  /// Picked, by this candidate or another one: a centre from now on.
  void take(int64 item);
  double squared_distance(int64 item) const { return distances_[item]; }

 private:
  CentreDistances distances_;
  std::vector<char> labelled_;
};

}  // namespace gradus
