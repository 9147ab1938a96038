// Schedule-Free SGD, AdamW and RAdam.
// Paper: Defazio, Yang, Mehta, Mishchenko, Khaled, Cutkosky, "The Road Less Scheduled", NeurIPS 2024, arXiv 2405.15682.
//   lr = lr*min(1, t/warmup_steps);   radam: lr = lr*r_t while rho > 4 (as in ranger.cpp), else 0, or lr unless silent_sgd_phase
//   top = max(top, lr);   k = t^r*top^weight_lr_power;   sum = sum + k;   c = k/sum (0 if sum = 0)      per parameter
//   u = g (sgd), g/(sqrt(v/(1-beta2^t)) + eps) (adamw; radam while rho > 4, else g),  v = beta2*v + (1-beta2)*g^2
//   u = u + weight_decay*y;   z = z - lr*u;   x = (1-c)*x + c*z;   y = b*x + (1-b)*z
// b is momentum or beta1. z = x = y = the first weights; the model holds y, evaluation takes x.
#include "optim/rules/zoo.h"
#include "optim/vocabulary/moment_options.h"

namespace gradus::rules {
namespace {

/// One step with the direction u(g, v) of an element; v is left alone where `second` is null.
template <class Direction>
void schedule_free_step(Param& p, State& s, double lr, double b, double weight_decay, double r, double power,
                        int64 t, bool has_v, const Direction& direction) {
  double &top = s.scalar("top"), &sum = s.scalar("sum");
  top = std::max(top, lr);
  const double k = std::pow(static_cast<double>(t), r) * std::pow(top, power);
  sum += k;
  const real c = real(sum > 0 ? k / sum : 0), step = real(lr), decay = real(weight_decay);
  const real of_x = real(b), of_z = real(1 - b);
  Tensor &z = s.starting_at("z", p.data), &x = s.starting_at("x", p.data);
  const auto move = [=](real& y, real u, real& fast, real& mean) {
    fast -= step * (u + decay * y);
    mean += c * (fast - mean);
    y = of_x * mean + of_z * fast;
  };
  if (has_v)
    for_each_element(p.data, p.grad, s("v"), z, x, [=](real& y, real g, real& v, real& fast, real& mean) {
      move(y, direction(g, v), fast, mean);
    });
  else
    for_each_element(p.data, p.grad, z, x, [=](real& y, real g, real& fast, real& mean) {
      real none = 0;
      move(y, direction(g, none), fast, mean);
    });
}

void visit_averaging(auto&& f, double& r, double& weight_lr_power) {
  f("r", r, "power of the step in the weights of the average", at_least(0));
  f("weight_lr_power", weight_lr_power, "power of the largest lr in the weights of the average", at_least(0));
}
double warmed(double lr, int64 t, double warmup_steps) {
  return warmup_steps > 0 ? lr * std::min(1.0, static_cast<double>(t) / warmup_steps) : lr;
}

struct ScheduleFreeSgd {
  struct Options {
    double lr = 1, momentum = 0.9, weight_decay = 0, warmup_steps = 0, r = 0, weight_lr_power = 2;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("momentum", momentum, "where gradients are taken: 1 at the average, 0 at the fast weights",
        between(0, 1));
      f("weight_decay", weight_decay, "decay at the point of the gradient", at_least(0));
      f("warmup_steps", warmup_steps, "steps over which lr grows", at_least(0));
      visit_averaging(f, r, weight_lr_power);
    }
  };
  static const char* evaluation_slot(const Options&) { return "x"; }
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    schedule_free_step(p, s, warmed(o.lr * k.lr_scale, k.t, o.warmup_steps), o.momentum, o.weight_decay, o.r,
                       o.weight_lr_power, k.t, false, [](real g, real&) { return g; });
  }
};

struct ScheduleFreeAdamW {
  struct Options : MomentOptions {
    double warmup_steps = 0, r = 0, weight_lr_power = 2;
    Options() { lr = 2.5e-3; }
    void visit(auto&& f) {
      MomentOptions::visit(f);
      f("warmup_steps", warmup_steps, "steps over which lr grows", at_least(0));
      visit_averaging(f, r, weight_lr_power);
    }
  };
  static const char* evaluation_slot(const Options&) { return "x"; }
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const Ema second(o.beta2);
    const real root = real(1 / std::sqrt(bias_correction(o.beta2, k.t))), eps = real(o.eps);
    schedule_free_step(p, s, warmed(o.lr * k.lr_scale, k.t, o.warmup_steps), o.beta1, o.weight_decay, o.r,
                       o.weight_lr_power, k.t, true, [=](real g, real& v) {
                         v = second(v, g * g);
                         return g / (std::sqrt(v) * root + eps);
                       });
  }
};

struct ScheduleFreeRAdam {
  struct Options : MomentOptions {
    double r = 0, weight_lr_power = 2;
    bool silent_sgd_phase = true;
    Options() { lr = 2.5e-3; }
    void visit(auto&& f) {
      MomentOptions::visit(f);
      visit_averaging(f, r, weight_lr_power);
      f("silent_sgd_phase", silent_sgd_phase,
        "no steps while the second moment has seen too little, else SGD's");
    }
  };
  static const char* evaluation_slot(const Options&) { return "x"; }
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const auto rectified = rectification(o.beta2, k.t, 4);
    const bool adaptive = rectified.has_value();
    const double factor = rectified.value_or(o.silent_sgd_phase ? 0 : 1);
    const Ema second(o.beta2);
    const real root = real(1 / std::sqrt(bias_correction(o.beta2, k.t))), eps = real(o.eps);
    schedule_free_step(p, s, o.lr * k.lr_scale * factor, o.beta1, o.weight_decay, o.r, o.weight_lr_power, k.t,
                       true, [=](real g, real& v) {
                         v = second(v, g * g);
                         return adaptive ? g / (std::sqrt(v) * root + eps) : g;
                       });
  }
};

}  // namespace

OptimizerEntry schedule_free_sgd() {
  return rule_entry<ScheduleFreeSgd>({"schedule-free-sgd", "SGD whose averaged weights need no schedule",
                                      "Defazio et al., NeurIPS 2024, arXiv 2405.15682"});
}
OptimizerEntry schedule_free_adamw() {
  return rule_entry<ScheduleFreeAdamW>({"schedule-free-adamw",
                                        "AdamW whose averaged weights need no schedule",
                                        "Defazio et al., NeurIPS 2024, arXiv 2405.15682"});
}
OptimizerEntry schedule_free_radam() {
  return rule_entry<ScheduleFreeRAdam>({"schedule-free-radam",
                                        "RAdam whose averaged weights need neither schedule nor warm-up",
                                        "Defazio et al., NeurIPS 2024, arXiv 2405.15682"});
}

}  // namespace gradus::rules
