#include "apps/papers/language/sft-dpo_cases.h"

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "nn/alignment/f_sft.h"
#include "nn/alignment/preference_losses.h"

namespace gradus {
namespace {

CaseFunction f_sft_function() {
  return case_function<FSftOptions>(
      {"f-sft-loss",
       "fine-tuning with a divergence of choice, with its gradient and the weight of each token",
       {{"logits", "B,T,V"},
        {"ref_logits", "B,T,V", CaseType::kReal, "of the frozen reference"},
        {"targets", "B,T", CaseType::kInt},
        {"mask", "B,T", CaseType::kInt, "1: counts"}},
       {{"loss", ""}, {"implicit_reward", "B,T"}, {"weight", "B,T"}, {"grad_logits", "B,T,V"}}},
      [](const FSftOptions& o, const CaseValues& in, CaseValues& out) {
        const Tensor logits = variable(in.tensor("logits"));
        const IntTensor& targets = in.ints("targets");
        const FSftLoss l = f_sft_loss(token_logp(logits, targets),
                                      token_logp(in.tensor("ref_logits"), targets), in.ints("mask"), o);
        out.set("loss", l.loss.detach());
        out.set("implicit_reward", l.implicit_reward);
        out.set("weight", l.weight);
        out.set("grad_logits", grad(l.loss, {logits})[0]);
      });
}

struct ImplicitQCase {
  double beta = 1;
  void visit(auto&& f) { f("beta", beta, "scale of the implicit reward", positive()); }
};

CaseFunction implicit_q_function() {
  return case_function<ImplicitQCase>(
      {"implicit-q",
       "logits read as values of actions: Q, V, advantage, and how V changes along a response",
       {{"logits", "T,V"}},
       {{"q", "T,V"}, {"v", "T"}, {"advantage", "T,V"}, {"value_gain", "T"}}},
      [](const ImplicitQCase& o, const CaseValues& in, CaseValues& out) {
        const ImplicitQ q = implicit_q(in.tensor("logits"), o.beta);
        out.set("q", q.q);
        out.set("v", q.v);
        out.set("advantage", q.advantage);
        out.set("value_gain", q.value_gain);
      });
}

// Sequences whose tokens but the first are drawn from softmax(W[the one before]).
struct TabularSequences {
  IntTensor previous, next, mask;  // (N,L-1)

  explicit TabularSequences(const IntTensor& ids) {
    const int64 n = ids.dim(0), length = ids.dim(1) - 1;
    if (length < 1) fail<DataError>("sequences {}: need two tokens or more", ids.shape().str());
    previous = IntTensor({n, length});
    next = IntTensor({n, length});
    mask = IntTensor::full({n, length}, 1);
    for (int64 i = 0; i < n; ++i)
      for (int64 t = 0; t < length; ++t) {
        previous.mutable_data()[i * length + t] = ids[i * (length + 1) + t];
        next.mutable_data()[i * length + t] = ids[i * (length + 1) + t + 1];
      }
  }
  Tensor logp(const Tensor& table) const { return token_logp(embedding(table, previous), next); }
  ScoredResponses scored(const Tensor& table, const Tensor& reference) const {
    return {logp(table), logp(reference), mask};
  }
};

struct SftThenDpoCase : FSftOptions {
  double sft_lr = 0.5, dpo_beta = 0.1, dpo_lr = 0.5;
  int64 sft_steps = 5, dpo_steps = 5;
  void visit(auto&& f) {
    FSftOptions::visit(f);
    f("sft_lr", sft_lr, "step size of fine-tuning", at_least(0));
    f("sft_steps", sft_steps, "its steps", at_least(0));
    f("dpo_beta", dpo_beta, "beta of DPO", positive());
    f("dpo_lr", dpo_lr, "step size of DPO", at_least(0));
    f("dpo_steps", dpo_steps, "its steps", at_least(0));
  }
};

// `steps` steps of gradient descent from `table`; the losses before each into `losses`.
template <class Loss>
Tensor descend_table(const Tensor& table, int64 steps, double lr, Tensor& losses, const Loss& loss) {
  losses = Tensor({steps});
  Tensor w = table;
  for (int64 k = 0; k < steps; ++k) {
    const Tensor at = variable(w);
    const Tensor value = loss(at);
    losses.mutable_data()[k] = value.item();
    w = (at.detach() - grad(value, {at})[0] * static_cast<real>(lr)).detach();
  }
  return w;
}

CaseFunction sft_then_dpo_function() {
  return case_function<SftThenDpoCase>(
      {"sft-then-dpo",
       "a table of logits fine-tuned on demonstrations, then on preferences",
       {{"base_logits", "V,V", CaseType::kReal, "a row a previous token"},
        {"demos", "N,L", CaseType::kInt, "the first token is the prompt"},
        {"chosen", "P,L", CaseType::kInt},
        {"rejected", "P,L", CaseType::kInt}},
       {{"sft_loss", "sft_steps"},
        {"sft_logits", "V,V"},
        {"kl_to_base", ""},
        {"dpo_loss", "dpo_steps"},
        {"logits", "V,V"}}},
      [](const SftThenDpoCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor& base = in.tensor("base_logits");
        const TabularSequences demos(in.ints("demos")), chosen(in.ints("chosen")),
            rejected(in.ints("rejected"));
        Tensor losses;
        const Tensor tuned = descend_table(base, o.sft_steps, o.sft_lr, losses, [&](const Tensor& w) {
          return f_sft_loss(demos.logp(w), demos.logp(base), demos.mask, o).loss;
        });
        out.set("sft_loss", losses);
        out.set("sft_logits", tuned);
        const Tensor log_p = log_softmax(tuned), log_q = log_softmax(base);
        out.set("kl_to_base",
                mean(embedding(reshape(sum(exp(log_p) * (log_p - log_q), {1}), {base.dim(0), 1}),
                               demos.previous)));
        const Tensor final = descend_table(tuned, o.dpo_steps, o.dpo_lr, losses, [&](const Tensor& w) {
          return dpo_loss(chosen.scored(w, tuned), rejected.scored(w, tuned), {.beta = o.dpo_beta}).loss;
        });
        out.set("dpo_loss", losses);
        out.set("logits", final);
      });
}

}  // namespace

std::vector<CaseFunction> sft_dpo_functions() {
  return {f_sft_function(), implicit_q_function(), sft_then_dpo_function()};
}

}  // namespace gradus
