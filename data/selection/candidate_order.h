// Which unlabelled examples to ask the labels of first, by a number of each: keys of pool-based active learning.
//
//   confidence  max_c p_c                  multi-class: least sure first
//   margin      largest p - second largest
//   entropy     sum_c p_c log p_c          (minus the entropy)
//   mlp         -p_c of one class          most likely of that class first
//   uncertain   |p_c - 0.5| of one class   multi-label
//   emal        sum_c |p_c - 0.5|          multi-label
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/options.h"
#include "core/tensor.h"

namespace gradus {

/// The words of the table above.
Limits candidate_keys();
/// Key of each of the N rows of preds (N,C). `class_index` in 0..C-1 for mlp and uncertain. Throws UsageError, ShapeError.
std::vector<double> keys_of(const std::string& arm, const Tensor& preds, int64 class_index = 0);
/// The rows that are not labelled (N) by ascending key, of equals the lower first, at most `count`.
std::vector<int64> candidate_order(std::span<const double> keys, std::span<const char> labelled, int64 count);

}  // namespace gradus
