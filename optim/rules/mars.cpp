// MARS-AdamW, MARS-Lion, MARS-Shampoo.
// Paper: Yuan, Liu, Wu, Zhou, Gu, "MARS: Unleashing the Power of Variance Reduction for Training Large
// Models",
//        ICML 2025, arXiv 2411.10438, Algorithms 1 to 4.
//   matrices (and vectors with optimize_1d):
//     c = g + gamma*beta1/(1-beta1)*(g - g_last);   c <- c/||c|| if ||c|| > 1
//     m = beta1*m + (1-beta1)*c
//     adamw:   v = beta2*v + (1-beta2)*c^2,  w <- w - lr*(weight_decay*w + m/(1-beta1^t)/(sqrt(v/(1-beta2^t))
//     + eps)) lion:    w <- w - lr*(weight_decay*w + sign(m)) shampoo: w <- w - lr*(weight_decay*w +
//     sqrt(max(1, rows/cols))*NewtonSchulz5(m/(1-beta1))) g_last = g; exact form (is_approx = false): the
//     gradient of the batch of the next step at these weights, that is, seen from that step, the gradient of
//     its own batch at the previous weights. 0 at the first step.
//   vectors otherwise: AdamW with lr_1d, beta1_1d, beta2_1d, weight_decay_1d.
// Kernels count as matrices (out, rest); the released code gives them AdamW. Newton-Schulz runs in `real`,
// not bf16.
#include "core/linalg.h"
#include "optim/rules/adam.h"
#include "optim/rules/rules.h"

namespace gradus::rules {
namespace {

struct MarsOptions {
  double lr = 3e-3, beta1 = 0.95, beta2 = 0.99, gamma = 0.025, eps = 1e-8, weight_decay = 0;
  bool amsgrad = false, is_approx = true, optimize_1d = false;
  double lr_1d = 3e-3, beta1_1d = 0.9, beta2_1d = 0.95, weight_decay_1d = 0.1;
  void visit(auto&& f) {
    f("lr", lr, "step size of matrices", positive());
    f("beta1", beta1, "decay of the mean of corrected gradients", decay_rate());
    f("beta2", beta2, "decay of the mean of their squares", decay_rate());
    f("gamma", gamma, "strength of the variance reduction", at_least(0));
    f("eps", eps, "added to the bias-corrected root", epsilon());
    f("weight_decay", weight_decay, "decoupled weight decay of matrices", at_least(0));
    f("amsgrad", amsgrad, "divide by the largest second moment so far");
    f("is_approx", is_approx,
      "compare with the last gradient; else with this batch's at the previous weights");
    f("optimize_1d", optimize_1d, "treat vectors as matrices are treated");
    f("lr_1d", lr_1d, "step size of vectors", positive());
    f("beta1_1d", beta1_1d, "beta1 of vectors", decay_rate());
    f("beta2_1d", beta2_1d, "beta2 of vectors", decay_rate());
    f("weight_decay_1d", weight_decay_1d, "decoupled weight decay of vectors", at_least(0));
  }
};

// The gradients of this batch at the weights of the previous step, by Param::index; undefined where not asked
// for.
std::vector<Tensor> last_gradients(Pass<MarsOptions>& all) {
  std::vector<Tensor> last(all.items.size());
  bool any = false;
  for (const auto& item : all.items) any = any || (!item.o.is_approx && item.s.has("w_last"));
  if (!any) return last;
  const Snapshot here(all.objective.parameters());
  std::vector<Tensor> now;
  for (const auto& p : all.objective.parameters()) now.push_back(p->grad);
  for (auto& item : all.items)
    if (const Tensor* before = item.s.find("w_last")) item.p.data.copy_from(*before);
  all.objective.gradient();
  check_gradients(all.objective.parameters(), "mars");
  for (auto& item : all.items)
    for (const auto& p : all.objective.parameters())
      if (p->name == item.p.name && item.s.has("w_last")) last[item.p.index] = p->grad;
  here.restore();
  for (size_t i = 0; i < now.size(); ++i) all.objective.parameters()[i]->grad = now[i];
  return last;
}

template <class Form>
struct Mars {
  using Options = MarsOptions;
  static Needs needs(const Options& o) { return {.re_evaluation = !o.is_approx}; }
  static std::vector<Tensor> prepare(Pass<Options>& all) { return last_gradients(all); }

  static void update(Param& p, State& s, const Options& o, const StepInfo& k,
                     const std::vector<Tensor>& last) {
    if (!p.is_matrix() && !o.optimize_1d)
      return adam_update(p, s,
                         {.lr = o.lr_1d,
                          .beta1 = o.beta1_1d,
                          .beta2 = o.beta2_1d,
                          .eps = o.eps,
                          .weight_decay = o.weight_decay_1d,
                          .decoupled = true,
                          .amsgrad = o.amsgrad},
                         k);
    const real factor = real(o.gamma * o.beta1 / (1 - o.beta1));
    const Tensor before = o.is_approx     ? s("g_last").detach()
                          : last[p.index] ? last[p.index]
                                          : Tensor::zeros(p.grad.shape());
    Tensor c(p.grad.shape());
    for_each_element(c, p.grad, before, [=](real& x, real g, real b) { x = g + factor * (g - b); });
    const double size = norm(c);
    if (size > 1) for_each_element(c, [shrink = real(1 / size)](real& x) { x *= shrink; });
    if (o.is_approx)
      s("g_last").copy_from(p.grad);
    else
      s.starting_at("w_last", p.data).copy_from(p.data);
    Form::step({p.name, p.kind, p.data, c, p.index}, s, o, k);
  }
};

struct WithAdamW {
  static void step(Param p, State& s, const MarsOptions& o, const StepInfo& k) {
    adam_update(p, s,
                {.lr = o.lr,
                 .beta1 = o.beta1,
                 .beta2 = o.beta2,
                 .eps = o.eps,
                 .weight_decay = o.weight_decay,
                 .decoupled = true,
                 .amsgrad = o.amsgrad},
                k);
  }
};

struct WithLion {
  static void step(Param p, State& s, const MarsOptions& o, const StepInfo& k) {
    const real lr = real(o.lr * k.lr_scale), keep = Decay::decoupled(o.weight_decay, o.lr * k.lr_scale).keep;
    for_each_element(p.data, p.grad, s("m"), [=, mean = Ema(o.beta1)](real& w, real c, real& m) {
      m = mean(m, c);
      w = keep * w - lr * sign(m);
    });
  }
};

struct WithShampoo {
  static void step(Param p, State& s, const MarsOptions& o, const StepInfo& k) {
    if (!p.is_matrix()) return WithAdamW::step(p, s, o, k);
    for_each_element(p.grad, s("m"), [mean = Ema(o.beta1)](real c, real& m) { m = mean(m, c); });
    Tensor scaled = s("m").clone().view({p.rows(), p.cols()});
    for_each_element(scaled, [c = real(1 / (1 - o.beta1))](real& x) { x *= c; });
    const Tensor direction =
        linalg::newton_schulz(scaled, linalg::newton_schulz_classic(5)).view(p.data.shape());
    const double lr = o.lr * k.lr_scale;
    const double aspect =
        std::sqrt(std::max(1.0, static_cast<double>(p.rows()) / static_cast<double>(p.cols())));
    for_each_element(p.data, direction,
                     [keep = Decay::decoupled(o.weight_decay, lr).keep, step = real(lr * aspect)](
                         real& w, real x) { w = keep * w - step * x; });
  }
};

constexpr const char* kPaper = "Yuan, Liu, Wu, Zhou, Gu, ICML 2025, arXiv 2411.10438";
constexpr const char* kCorrection =
    "c = g + gamma*beta1/(1-beta1)*(g - g_last);  c = c/||c|| if ||c|| > 1;  m = beta1*m + (1-beta1)*c\n";
constexpr const char* kVectors = "vectors: AdamW with lr_1d, beta1_1d, beta2_1d, weight_decay_1d";

}  // namespace

OptimizerEntry mars_adamw() {
  return rule_entry<Mars<WithAdamW>>(
      {"mars-adamw", "AdamW on variance-reduced gradients", kPaper,
       std::string(kCorrection) +
           "v = beta2*v + (1-beta2)*c^2\n"
           "w = w - lr*(weight_decay*w + m/(1-beta1^t)/(sqrt(v/(1-beta2^t)) + eps))\n" +
           kVectors,
       4});
}
OptimizerEntry mars_lion() {
  return rule_entry<Mars<WithLion>>(
      {"mars-lion", "sign steps on variance-reduced gradients", kPaper,
       std::string(kCorrection) + "w = w - lr*(weight_decay*w + sign(m))\n" + kVectors, 4});
}
OptimizerEntry mars_shampoo() {
  return rule_entry<Mars<WithShampoo>>(
      {"mars-shampoo", "orthogonalised momentum of variance-reduced gradients", kPaper,
       std::string(kCorrection) +
           "w = w - lr*(weight_decay*w + sqrt(max(1, rows/cols))*NewtonSchulz5(m/(1-beta1)))\n" + kVectors,
       8});
}

}  // namespace gradus::rules
