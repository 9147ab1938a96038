// Averages of the weights, to evaluate with: the rule inside trains as ever.
// Papers: Izmailov, Podoprikhin, Garipov, Vetrov, Wilson, "Averaging Weights Leads to Wider Optima and Better
//         Generalization", UAI 2018, arXiv 1803.05407 (swa); Kaddour, "Stop Wasting My Time! Saving Days of ImageNet and
//         BERT Training with Latest Weight Averaging", HITY 2022, arXiv 2209.14981 (lawa); Shamir, Zhang, "Stochastic
//         Gradient Descent for Non-smooth Optimization", ICML 2013, arXiv 1212.1824 (poly-average).
//   swa:          mean of the weights after steps start, start+every, ...
//   lawa:         mean of the last `window` of the weights after steps that are multiples of `every`
//   poly-average: avg = (1-c)*avg + c*w after every step t,   c = (gamma+1)/(t+gamma)
// Before the first of them: the weights. Steps are counted for each parameter by itself.
#include <algorithm>

#include "optim/rules/matrix_zoo.h"
#include "optim/vocabulary/ring.h"
#include "optim/wrappers/evaluated.h"

namespace gradus::rules {
namespace {

// mean <- mean + c*(w - mean); the slot begins as a copy of the first w.
void take_into_mean(State& s, const Tensor& weights, double c) {
  Tensor& mean = s.starting_at("avg", weights);
  for_each_element(mean, weights, [c = real(c)](real& avg, real w) { avg += c * (w - avg); });
}
bool put_mean(const State& s, Tensor& weights) {
  const Tensor* mean = s.find("avg");
  if (mean) weights.copy_from(*mean);
  return mean != nullptr;
}

struct SwaOptions {
  int64 start = 1, every = 1;
  void visit(auto&& f) {
    f("start", start, "the first step after which weights are taken", at_least(1));
    f("every", every, "steps between two that are taken", at_least(1));
  }
};
class Swa final : public MeanOfWeights<SwaOptions> {
 public:
  using MeanOfWeights::MeanOfWeights;

 private:
  void observe(ParamRow& row, const Tensor& weights, const SwaOptions& o) override {
    const int64 since = row.steps - o.start;
    if (since < 0 || since % o.every != 0) return;
    take_into_mean(row.state, weights, 1 / static_cast<double>(since / o.every + 1));
  }
  bool evaluated(ParamRow& row, Tensor& weights) override { return put_mean(row.state, weights); }
};

struct LawaOptions {
  int64 window = 5, every = 1;
  void visit(auto&& f) {
    f("window", window, "weights in the mean", at_least(1));
    f("every", every, "steps between two that are taken", at_least(1));
  }
};
class Lawa final : public MeanOfWeights<LawaOptions> {
 public:
  using MeanOfWeights::MeanOfWeights;

 private:
  void observe(ParamRow& row, const Tensor& weights, const LawaOptions& o) override {
    if (row.steps % o.every == 0) Ring(row.state, o.window).push(weights);
  }
  bool evaluated(ParamRow& row, Tensor& weights) override {
    const int64 window = options(row.group).window;
    Ring ring(row.state, window);
    const int64 count = std::min(ring.pushed(), window);
    if (count == 0) return false;
    weights.fill(0);
    for (int64 i = 0; i < count; ++i)
      for_each_element(weights, std::as_const(ring.newest(i)),
                       [c = real(1 / static_cast<double>(count))](real& w, real x) { w += c * x; });
    return true;
  }
};

struct PolyAverageOptions {
  double gamma = 8;
  void visit(auto&& f) { f("gamma", gamma, "how fast early weights are forgotten; 0: never", at_least(0)); }
};
class PolyAverage final : public MeanOfWeights<PolyAverageOptions> {
 public:
  using MeanOfWeights::MeanOfWeights;

 private:
  void observe(ParamRow& row, const Tensor& weights, const PolyAverageOptions& o) override {
    take_into_mean(row.state, weights, (o.gamma + 1) / (static_cast<double>(row.steps) + o.gamma));
  }
  bool evaluated(ParamRow& row, Tensor& weights) override { return put_mean(row.state, weights); }
};

}  // namespace

OptimizerEntry swa() {
  return wrapper_entry<Swa>({"swa", "evaluates with the mean of weights along the way",
                             "Izmailov et al., UAI 2018, arXiv 1803.05407", 1});
}
OptimizerEntry lawa() {
  return wrapper_entry<Lawa>(
      {"lawa", "evaluates with the mean of the last weights", "Kaddour, HITY 2022, arXiv 2209.14981"});
}
OptimizerEntry poly_average() {
  return wrapper_entry<PolyAverage>({"poly-average", "evaluates with a mean that forgets early weights",
                                     "Shamir, Zhang, ICML 2013, arXiv 1212.1824", 1});
}

}  // namespace gradus::rules
