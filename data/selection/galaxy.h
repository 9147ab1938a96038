// GALAXY's one-class-against-the-others graph, as a candidate of TAILOR.
//
// Paper: Zhang, Katz-Samuels, Nowak, "GALAXY: Graph-based Active Learning at the Extreme", ICML 2022, arXiv 2202.01402; as used by
//        TAILOR (arXiv 2302.07317), reference code jifanz/TAILOR.
// The pool stands in a line by p_c - max_k p_k + 1e-8*max_k p_k (multi-label: p_c). The boundary of the class is looked for between
// labelled neighbours of opposite answers.
#pragma once

#include <span>
#include <vector>

#include "core/tensor.h"

namespace gradus {

class Galaxy {
 public:
  /// preds (N,C). positive[i]: item i is of the class; looked at once i is labelled. Throws UsageError, ShapeError.
  Galaxy(const Tensor& preds, int64 class_index, bool multi_label, std::vector<char> positive,
         std::vector<char> labelled);

  /// The rank to ask next: (1) the middle of the shortest run of unlabelled ranks between labelled ones of opposite answers, the first of
  /// equals; (2) if there is none, the unlabelled rank nearest below the 0 or above the 1 of labelled neighbours 0, 1 in this order, of
  /// equals the later; -1 where there is neither.
  int64 informed_rank() const;
  int64 item_at(int64 rank) const { return order_[static_cast<size_t>(rank)]; }
  bool labelled_at(int64 rank) const { return labelled_[static_cast<size_t>(item_at(rank))] != 0; }
  /// The item's label is known from now on.
  void mark(int64 item) { labelled_[static_cast<size_t>(item)] = 1; }
  void mark(int64 item, bool positive) { mark(item), positive_[static_cast<size_t>(item)] = positive; }
  int64 size() const { return static_cast<int64>(order_.size()); }

 private:
  bool positive_at(int64 rank) const { return positive_[static_cast<size_t>(item_at(rank))] != 0; }
  std::vector<int64> order_;  // items by rank
  std::vector<char> positive_, labelled_;
};

}  // namespace gradus
