// The corrected gradient c of MARS in both forms, and the steps that its forms share: equations in mars.h.
#include "optim/rules/mars.h"
#include "optim/vocabulary/sums.h"

namespace gradus::rules {

std::vector<Tensor> mars_last_gradients(Pass<MarsOptions>& all) {
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

Tensor mars_corrected(const Param& p, State& s, const MarsOptions& o, const Tensor& last) {
  const auto correct = [factor = real(o.gamma * o.beta1 / (1 - o.beta1))](real g, real b) {
    return g + factor * (g - b);
  };
  const Tensor before = o.is_approx ? s("g_last").detach() : last ? last : Tensor::zeros(p.grad.shape());
  const auto [square] = for_each_with_sums<1>(p.grad, before, [=](real g, real b, double& term) {
    const double c = double(correct(g, b));
    term = c * c;
  });
  const real shrink = real(1 / std::max(1.0, std::sqrt(square)));
  Tensor c(p.grad.shape());
  if (o.is_approx) {
    for_each_element(c, p.grad, s("g_last"), [=](real& x, real g, real& b) {
      x = shrink * correct(g, b);
      b = g;
    });
  } else {
    for_each_element(c, p.grad, before, [=](real& x, real g, real b) { x = shrink * correct(g, b); });
    for_each_element(s("w_last"), std::as_const(p.data), [](real& x, real w) { x = w; });
  }
  return c;
}

void mars_adamw_step(Param& p, State& s, const MarsOptions& o, const StepInfo& k) {
  adam_update(p, s,
              {.lr = o.lr,
               .beta1 = o.beta1,
               .beta2 = o.beta2,
               .eps = o.eps,
               .forms = {.weight_decay = o.weight_decay, .decoupled = true, .amsgrad = o.amsgrad}},
              k);
}

void mars_vector_step(Param& p, State& s, const MarsOptions& o, const StepInfo& k) {
  adam_update(p, s,
              {.lr = o.lr_1d,
               .beta1 = o.beta1_1d,
               .beta2 = o.beta2_1d,
               .eps = o.eps,
               .forms = {.weight_decay = o.weight_decay_1d, .decoupled = true, .amsgrad = o.amsgrad}},
              k);
}

}  // namespace gradus::rules
