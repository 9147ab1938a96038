// How much one step on an example improves a measure of its own: what the example is worth.
//
// Paper: Antonello, Beckage, Turek, Huth, "Selecting Informative Contexts Improves Language Model Finetuning", ACL-IJCNLP 2021,
//        arXiv 2005.00175.
//   IG(x) = P(w) - P(w'),  w' = w after one step of a fresh optimizer on x;  q = (IG - mean)/(deviation of the population)
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "autograd/parameter.h"

namespace gradus {

struct InformationGain {
  double base = 0;                   ///< P(w)
  std::vector<double> gain;          ///< of each example
  std::vector<double> standardised;  ///< 0 where all gains are equal
};
/// `gradient(i)` puts the gradient of example i into Parameter::grad, `measure` evaluates P at the present values. `optimizer` is
/// a spec whose step is scaled by `lr` (so that lr = 0 is allowed): "clip-norm(adam:lr=1):max_norm=3". The parameters are what
/// they were afterwards, bit for bit.
InformationGain information_gain(const Parameters& parameters, int64 examples,
                                 const std::function<void(int64)>& gradient,
                                 const std::function<double()>& measure, const std::string& optimizer,
                                 double lr);

/// (x - mean)/(deviation of the population); zeros where all are equal.
std::vector<double> population_standardised(std::span<const double> x);

}  // namespace gradus
