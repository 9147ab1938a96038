#include "optim/methods/information_gain.h"

#include <cmath>

#include "optim/registry.h"

namespace gradus {

std::vector<double> population_standardised(std::span<const double> x) {
  const auto n = static_cast<double>(x.size());
  double mean = 0, squares = 0;
  for (const double v : x) mean += v / n;
  for (const double v : x) squares += (v - mean) * (v - mean) / n;
  std::vector<double> out;
  for (const double v : x) out.push_back(squares > 0 ? (v - mean) / std::sqrt(squares) : 0);
  return out;
}

InformationGain information_gain(const Parameters& parameters, int64 examples,
                                 const std::function<void(int64)>& gradient,
                                 const std::function<double()>& measure, const std::string& optimizer,
                                 double lr) {
  InformationGain out{.base = measure()};
  const Snapshot start(parameters);
  for (int64 i = 0; i < examples; ++i) {
    gradient(i);
    make_optimizer(optimizer, parameters)->step(lr);
    out.gain.push_back(out.base - measure());
    start.restore();
  }
  out.standardised = population_standardised(out.gain);
  return out;
}

}  // namespace gradus
