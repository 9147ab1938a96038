// The grid of step sizes that recorded figures of the book try, how one is put into an optimizer's spec, and numbers as the
// recorded files write them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/options.h"

namespace gradus {

/// 1e-4, 3e-4, ..., 3: what step sizes are tried.
std::span<const double> path_rates();

/// A wrapper without anything inside goes around sgd.
Spec with_something_inside(Spec spec);
/// "sgd" -> "sgd:lr=0.1", "sgd:momentum=0.9" -> "sgd:momentum=0.9,lr=0.1"; wrappers hand it inwards. False, and no change, where
/// an lr is given or the method has none.
bool set_rate(Spec& spec, double lr);
/// The lr of its options; 0: none.
double given_rate(const Spec& spec);

/// `v` to n digits; null where it is not finite.
std::string rounded_text(double v, int n);
/// "[1,null,0.25]".
std::string rounded_list(const std::vector<double>& values, int n);

}  // namespace gradus
