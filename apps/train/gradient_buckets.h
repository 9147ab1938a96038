// Gradients on their way to the other ranks while the backward pass goes on: gathered in buckets of some size, each of which
// is summed over the ranks as soon as it is full.
//
// Layers behind have their gradients first, so buckets are filled from the last parameter to the first, and leave in this
// order on every rank. (Li et al., "PyTorch Distributed", VLDB 2020, arXiv 2006.15704, section 3.2.3.)
#pragma once

#include <span>
#include <vector>

#include "core/communicator.h"
#include "core/tensor.h"

namespace gradus {

class GradientBuckets {
 public:
  static constexpr int64 kBucket = 1 << 16;  // elements

  /// For gradients of the shapes of `values`, and `others` numbers that are summed with them.
  GradientBuckets(Communicator& ranks, std::span<const Tensor> values, size_t others = 0);
  /// Adds weight*gradient to the i-th sum; nothing for an undefined one. With `last` nothing more comes, and the bucket goes
  /// when it has all.
  void add(size_t i, const Tensor& gradient, double weight, bool last);
  /// The numbers beside, which go at the end.
  std::span<real> others() { return {sums_.data() + of_values_, sums_.size() - of_values_}; }
  /// Sends what has not gone, waits for all, and gives the sums.
  std::vector<Tensor> finish();

 private:
  void send_ready();

  Communicator& ranks_;
  std::vector<Shape> shapes_;
  std::vector<size_t> begin_;        // of each gradient in sums_, where the last one comes first
  std::vector<size_t> ends_;         // of the buckets
  std::vector<bool> complete_;       // gradients
  size_t of_values_ = 0, sent_ = 0;  // elements; buckets
  size_t next_;                      // gradients next_, ... are complete
  std::vector<real> sums_;
};

}  // namespace gradus
