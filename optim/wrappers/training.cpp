// Wrappers of the training loop: gradient accumulation, delayed gradients, averages of the weights, braking.
// Papers: Zhang, Lucas, Hinton, Ba, "Lookahead Optimizer: k steps forward, 1 step back", NeurIPS 2019, arXiv 1907.08610;
//         Polyak, Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992, and Kingma, Ba, ICLR 2015,
//         section 7.2 (ema); Venigalla, Kosson, Chiley, Koster, 2020, arXiv 2007.01397 (delayed, braking).
//   accumulate: sum = sum + g/steps;  every `steps` calls: inner step with g = sum, sum = 0
//               batches left at the end of the training: a step with the mean of their own
//   delayed:    inner step t with the gradient of call t - delay
//   braking:    g <- (1 - rho*<g,m>/max(||g||*||m||, eps))*g, by output row, m the momentum inside;  inner step
//   lookahead:  inner step;  every k steps: slow = slow + alpha_t*(w - slow), w = slow
//               alpha_t = alpha, or with ramp > 0: 1 - (1-alpha)*min(t/ramp, 1)^ramp_power
//   ema:        inner step;  avg = decay*avg + (1-decay)*w;  evaluated: avg/(1-decay^t)
#include "optim/rules/rules.h"
#include "optim/transform.h"
#include "optim/vocabulary/braking.h"
#include "optim/vocabulary/ring.h"
#include "optim/vocabulary/words.h"
#include "optim/wrapper.h"
#include "optim/wrappers/direction.h"
#include "optim/wrappers/evaluated.h"

namespace gradus::rules {
namespace {

/// Gradient accumulation: the rule inside steps every `steps` calls, with the mean of the gradients since.
struct AccumulateOptions {
  int64 steps = 4;
  void visit(auto&& f) {
    f("steps", steps, "batches whose gradients are averaged into one step", at_least(1));
  }
};
class Accumulate final : public Wrapper<AccumulateOptions> {
 public:
  Accumulate(const Spec& spec, const Parameters& parameters, const std::vector<GroupSpec>& groups)
      : Wrapper(spec, parameters, groups) {
    check_gradients_suffice(inner(), name());
  }
  bool pending() const override { return table().steps % options().steps != 0 || inner().pending(); }
  void apply(Objective& objective, const StepInfo& info) override {
    const int64 steps = options().steps;
    if (info.finish) {
      if (const int64 left = table().steps % steps) {
        table().steps += steps - left;  // the next batch begins anew
        step_inside(objective, info, static_cast<double>(steps) / static_cast<double>(left));
      }
      if (inner().pending()) inner().apply(objective, info);
      return;
    }
    table().shared().scalar("loss") += info.loss / static_cast<double>(steps);
    for (ParamRow& row : table().rows()) {
      if (!row.active()) continue;
      ++row.steps;
      for_each_element(row.state("sum"), std::as_const(row.parameter->grad),
                       [c = real(1.0 / static_cast<double>(steps))](real& sum, real g) { sum += c * g; });
    }
    if (++table().steps % steps == 0) step_inside(objective, info, 1);
  }

 private:
  // With `factor` times the sums, which begin anew.
  void step_inside(Objective& objective, const StepInfo& info, double factor) {
    for (ParamRow& row : table().rows()) {
      if (row.parameter->frozen || !row.state.has("sum")) continue;
      Tensor& g = row.parameter->grad = row.state("sum").clone();
      if (factor != 1) for_each_element(g, [c = real(factor)](real& x) { x *= c; });
      row.state("sum").fill(0);
    }
    StepInfo mean = info;
    mean.finish = false;
    mean.loss = factor * std::exchange(table().shared().scalar("loss"), 0.0);
    inner().apply(objective, mean);
  }
};

/// Asynchronous training on one machine: the gradient applied now was computed `delay` calls ago; nothing moves in
/// the first `delay` calls.
struct DelayedOptions {
  int64 delay = 4;
  void visit(auto&& f) { f("delay", delay, "steps between a gradient and its use", at_least(0)); }
};
class Delayed final : public Wrapper<DelayedOptions> {
 public:
  Delayed(const Spec& spec, const Parameters& parameters, const std::vector<GroupSpec>& groups)
      : Wrapper(spec, parameters, groups) {
    check_gradients_suffice(inner(), name());
  }
  void apply(Objective& objective, const StepInfo& info) override {
    if (info.finish) return inner().apply(objective, info);  // later gradients would be due, but none come
    const int64 delay = options().delay;
    ++table().steps;
    bool due = false;
    for (ParamRow& row : table().rows()) {
      if (!row.active()) continue;
      ++row.steps;
      if (delay > 0) {
        Ring ring(row.state, delay + 1);
        ring.push(row.parameter->grad);
        row.parameter->grad = ring.full() ? ring[0].clone() : Tensor();
      }
      due = due || row.parameter->grad.defined();
    }
    if (due) inner().apply(objective, info);
  }
};

/// Lookahead. Zhang, Lucas, Hinton, Ba, "Lookahead Optimizer: k steps forward, 1 step back", NeurIPS 2019,
/// arXiv 1907.08610: every k steps slow <- slow + alpha*(w - slow), w <- slow. The ramp is that of Jordan, "94% on CIFAR-10 in 3.29
/// Seconds on a Single GPU", 2024, arXiv 2404.00498: alpha = 1 - 0.95^5 at the end, ramp_power 3.
struct LookaheadOptions {
  int64 k = 5;
  double alpha = 0.5;
  int64 ramp = 0;
  double ramp_power = 3;
  void visit(auto&& f) {
    f("k", k, "fast steps between two slow ones", at_least(1));
    f("alpha", alpha, "length of the slow step", Limits{.low = 0, .high = 1, .low_open = true});
    f("ramp", ramp, "steps in which the length falls from 1 to alpha; 0: it is alpha from the start",
      at_least(0));
    f("ramp_power", ramp_power, "power of the share of the ramp that is done", positive());
  }
  double alpha_at(int64 step) const {
    if (ramp == 0) return alpha;
    const double part = std::min(static_cast<double>(step) / static_cast<double>(ramp), 1.0);
    return 1 - (1 - alpha) * std::pow(part, ramp_power);
  }
};
class Lookahead final : public Wrapper<LookaheadOptions> {
 public:
  using Wrapper::Wrapper;
  bool leaves_path() const override { return true; }
  void apply(Objective& objective, const StepInfo& info) override {
    for (ParamRow& row : table().rows())
      if (row.active()) row.state.starting_at("slow", row.parameter->value);
    inner().apply(objective, info);
    ++table().steps;
    for (ParamRow& row : table().rows()) {
      if (!row.active()) continue;
      const LookaheadOptions& o = options(row.group);
      if (++row.steps % o.k != 0) continue;
      for_each_element(row.parameter->value, row.state("slow"),
                       [a = real(o.alpha_at(row.steps))](real& w, real& slow) {
                         slow += a * (w - slow);
                         w = slow;
                       });
    }
  }
};

/// A running mean of the weights, to evaluate with. Polyak, Juditsky 1992; with bias correction as in Kingma, Ba,
/// ICLR 2015, section 7.2: avg <- decay*avg + (1-decay)*w, evaluated as avg/(1-decay^t).
struct EmaOptions {
  double decay = 0.999;
  void visit(auto&& f) { f("decay", decay, "decay of the mean of the weights", decay_rate()); }
};
class EmaOfWeights final : public MeanOfWeights<EmaOptions> {
 public:
  using MeanOfWeights::MeanOfWeights;

 private:
  void observe(ParamRow& row, const Tensor& weights, const EmaOptions& o) override {
    for_each_element(row.state("avg"), weights,
                     [mean = gradus::Ema(o.decay)](real& avg, real w) { avg = mean(avg, w); });
  }
  bool evaluated(ParamRow& row, Tensor& weights) override {
    const Tensor* mean = row.state.find("avg");
    if (!mean) return false;
    const real c = real(1 / bias_correction(options(row.group).decay, row.steps));
    for_each_element(weights, *mean, [=](real& w, real avg) { w = c * avg; });
    return true;
  }
};

/// Adaptive braking around any rule with momentum (slots v or m): the gradient is scaled by 1 - rho*cos(g, momentum)
/// before the rule sees it. Venigalla et al., 2020, arXiv 2007.01397. Departure: an adaptive rule's second moment
/// sees the scaled gradient too.
struct BrakingOptions {
  double rho = 2, eps = 1e-10;
  std::string scope = "filter";
  void visit(auto&& f) {
    f("rho", rho, "braking; 0 changes nothing", at_least(0));
    f("eps", eps, "smallest product of norms", epsilon());
    f("scope", scope, "block that shares a brake", choices({"filter", "tensor", "global"}));
  }
};
class Braking final : public Wrapper<BrakingOptions> {
 public:
  using Wrapper::Wrapper;
  void apply(Objective& objective, const StepInfo& info) override {
    ++table().steps;
    Alignment everywhere;
    for (ParamRow& row : table().rows()) {
      if (!row.active()) continue;
      const Tensor* v = momentum(*row.parameter);
      if (v && options(row.group).scope == "global") everywhere += whole(*row.parameter, *v);
    }
    for (ParamRow& row : table().rows()) {
      if (!row.active()) continue;
      ++row.steps;
      if (const Tensor* v = momentum(*row.parameter))
        brake(*row.parameter, *v, options(row.group), everywhere);
    }
    inner().apply(objective, info);
  }

 private:
  const Tensor* momentum(const Parameter& p) const {
    const Tensor* v = inner().slot(p, "v");
    const Tensor* m = inner().slot(p, "m");
    const Tensor* found = m ? m : v;
    return found && found->shape() == p.value.shape() ? found : nullptr;  // of rows, or of a projection
  }
  static Alignment whole(const Parameter& p, const Tensor& v) {
    return alignment(p.value, p.grad, v, 0, 0, p.value.numel());
  }
  static void brake(Parameter& p, const Tensor& v, const BrakingOptions& o, const Alignment& everywhere) {
    const int64 rows = o.scope == "filter" && p.value.rank() >= 2 ? p.value.dim(0) : 1;
    const int64 cols = rows ? p.value.numel() / rows : 0;
    Tensor g = own_gradient(p);
    const Tensor before = p.grad;
    real* to = g.mutable_data();
    for_each_row(rows, cols, [&](int64 i) {
      const Alignment a = o.scope == "global" ? everywhere : alignment(p.value, before, v, 0, i * cols, cols);
      elements(
          cols, [c = real(1 - o.rho * a.cosine(o.eps))](real& x) { x *= c; }, to + i * cols);
    });
  }
};

}  // namespace

OptimizerEntry accumulate() {
  return wrapper_entry<Accumulate>(
      {"accumulate", "steps every few batches, with their mean gradient", "common practice"});
}
OptimizerEntry delayed() {
  return wrapper_entry<Delayed>({"delayed",
                                 "applies gradients some steps late, as asynchronous training does",
                                 "delay model of Venigalla et al., 2020, arXiv 2007.01397"});
}
OptimizerEntry braking() {
  return wrapper_entry<Braking>({"braking", "scales gradients down along the momentum, up against it",
                                 "Venigalla, Kosson, Chiley, Koster, 2020, arXiv 2007.01397"});
}
OptimizerEntry lookahead() {
  return wrapper_entry<Lookahead>({"lookahead", "k fast steps, then part of the way",
                                   "Zhang, Lucas, Hinton, Ba, NeurIPS 2019, arXiv 1907.08610"});
}
OptimizerEntry ema() {
  return wrapper_entry<EmaOfWeights>({"ema", "evaluates with a running mean of the weights",
                                      "Polyak, Juditsky 1992; Kingma, Ba, ICLR 2015, section 7.2"});
}

std::vector<OptimizerEntry> training_wrappers() {
  return {accumulate(), delayed(), braking(), lookahead(), ema()};
}

}  // namespace gradus::rules
