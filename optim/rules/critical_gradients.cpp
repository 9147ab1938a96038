// Adam, SGD and RMSprop with critical gradients: Adam_C, SGD_C, RMSprop_C.
// Paper: McRae, Parthasarathi, Assran, Chandar, "Memory Augmented Optimizers for Deep Learning", ICLR 2022; form of
//        the code of Malviya et al., TMLR 2024, arXiv 2307.09638.
//   key = ||g||, synced: the sum of ||g|| over the tensors of the group
//   sgd-c: g <- g + weight_decay*w
//   h = g + mean of the buffer (as it was before this step; nothing while it is empty)
//   the buffer is offered (key, g);  all its keys <- decay*key
//   then the ordinary step with h for gradient (adam-c, rmsprop-c: h + weight_decay*w)
// RMSprop_C as published drops g from h after the first step (its line is commented out); restored here.
#include "optim/rules/adam.h"
#include "optim/rules/rmsprop.h"
#include "optim/rules/rules.h"
#include "optim/rules/sgd.h"
#include "optim/vocabulary/critical_buffer.h"

namespace gradus::rules {
namespace {

// p with h for gradient; offers g to the buffer.
Param with_memory(const Param& p, State& s, const CriticalOptions& o, double key, double weight_decay) {
  CriticalBuffer buffer(s, o);
  Tensor g = p.grad, h(p.grad.shape());
  if (weight_decay != 0) {
    g = Tensor(p.grad.shape());
    for_each_element(g, p.grad, std::as_const(p.data),
                     [l2 = real(weight_decay)](real& x, real y, real w) { x = y + l2 * w; });
  }
  const auto blend = [c = real(buffer.inverse_count())](real y, real sum) { return y + c * sum; };
  Tensor& sum = buffer.sum();
  if (Tensor* place = buffer.claim(key))
    for_each_element(h, std::as_const(g), sum, *place, [=](real& x, real y, real& total, real& slot) {
      x = blend(y, total);
      total += y - slot;
      slot = y;
    });
  else
    for_each_element(h, std::as_const(g), std::as_const(sum),
                     [=](real& x, real y, real total) { x = blend(y, total); });
  buffer.decay();
  return {p.name, p.kind, p.data, h, p.index};
}

struct AdamC {
  struct Options {
    CriticalOptions critical;
    AdamOptions adam;
    void visit(auto&& f) {
      critical.visit(f);
      adam.visit(f);
      adam.forms.visit_amsgrad(f);
    }
  };
  static std::vector<double> prepare(Pass<Options>& all) { return critical_keys(all); }
  static void update(Param& p, State& s, const Options& o, const StepInfo& k,
                     const std::vector<double>& keys) {
    Param with = with_memory(p, s, o.critical, keys[p.index], 0);
    adam_update(with, s, o.adam, k);
  }
};

struct SgdC {
  struct Options {
    CriticalOptions critical;
    SgdOptions sgd;
    double weight_decay = 0;
    void visit(auto&& f) {
      critical.visit(f);
      f("lr", sgd.lr, "step size", positive());
      f("momentum", sgd.momentum, "share of the velocity that is kept", decay_rate());
      f("dampening", sgd.dampening, "share of the gradient that does not enter the velocity", between(0, 1));
      f("weight_decay", weight_decay, "L2 penalty, added before storing", at_least(0));
    }
  };
  static std::vector<double> prepare(Pass<Options>& all) { return critical_keys(all); }
  static void update(Param& p, State& s, const Options& o, const StepInfo& k,
                     const std::vector<double>& keys) {
    Param with = with_memory(p, s, o.critical, keys[p.index], o.weight_decay);
    sgd_update(with, s, o.sgd, k);
  }
};

struct RmsPropC {
  struct Options {
    CriticalOptions critical;
    RmsPropOptions rmsprop;
    void visit(auto&& f) {
      critical.visit(f);
      rmsprop.visit(f);
    }
  };
  static std::vector<double> prepare(Pass<Options>& all) { return critical_keys(all); }
  static void update(Param& p, State& s, const Options& o, const StepInfo& k,
                     const std::vector<double>& keys) {
    Param with = with_memory(p, s, o.critical, keys[p.index], 0);
    rmsprop_update(with, s, o.rmsprop, k);
  }
};

constexpr const char* kCriticalPaper = "McRae et al., ICLR 2022; Malviya et al., TMLR 2024, arXiv 2307.09638";
constexpr const char* kMemory =
    "h = g + mean(buffer), the buffer holding the topC gradients with the largest keys (norm, decaying)\n";

}  // namespace

OptimizerEntry adam_c() {
  return rule_entry<AdamC>(
      {"adam-c", "Adam on the gradient plus the mean of past critical gradients", kCriticalPaper, 3});
}
OptimizerEntry sgd_c() {
  return rule_entry<SgdC>(
      {"sgd-c", "SGD on the gradient plus the mean of past critical gradients", kCriticalPaper, 3});
}
OptimizerEntry rmsprop_c() {
  return rule_entry<RmsPropC>(
      {"rmsprop-c", "RMSprop on the gradient plus the mean of past critical gradients", kCriticalPaper, 3});
}

}  // namespace gradus::rules
