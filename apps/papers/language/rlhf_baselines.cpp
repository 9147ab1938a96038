#include "apps/papers/language/rlhf_baselines.h"

#include "autograd/grad.h"
#include "nn/alignment/policy_losses.h"
#include "nn/alignment/preference_losses.h"

namespace gradus {
namespace {

struct KlRewardCase {
  double kl_coef = 0.2;
  void visit(auto&& f) { f("kl_coef", kl_coef, "weight of the distance from the reference", at_least(0)); }
};

CaseFunction kl_estimators_function() {
  return case_function<NoOptions>(
      {"kl-estimators",
       "three estimates of KL(policy || reference) from samples of the policy",
       {{"logp", "N"}, {"ref_logp", "N"}, {"mask", "N", CaseType::kInt, "1: counts"}},
       {{"k1", ""}, {"k2", ""}, {"k3", ""}}},
      [](const NoOptions&, const CaseValues& in, CaseValues& out) {
        const KlEstimates k = kl_estimates(in.tensor("logp"), in.tensor("ref_logp"), in.ints("mask"));
        out.set("k1", k.k1);
        out.set("k2", k.k2);
        out.set("k3", k.k3);
      });
}

CaseFunction kl_rewards_function() {
  return case_function<KlRewardCase>(
      {"kl-penalized-rewards",
       "rewards of tokens: minus the distance from the reference, and the score at the last one",
       {{"logp", "S,T"}, {"ref_logp", "S,T"}, {"mask", "S,T", CaseType::kInt, "1: counts"}, {"score", "S"}},
       {{"rewards", "S,T"}}},
      [](const KlRewardCase& o, const CaseValues& in, CaseValues& out) {
        out.set("rewards", kl_penalised_rewards(in.tensor("logp"), in.tensor("ref_logp"), in.ints("mask"),
                                                in.tensor("score"), o.kl_coef));
      });
}

CaseFunction gae_function() {
  return case_function<GaeOptions>(
      {"gae",
       "generalised advantages and returns of the steps of episodes",
       {{"rewards", "T"},
        {"values", "T"},
        {"dones", "T", CaseType::kInt, "1: the episode ends with this step"},
        {"last_value", "", CaseType::kReal, "behind the last step"}},
       {{"advantages", "T"}, {"returns", "T"}}},
      [](const GaeOptions& o, const CaseValues& in, CaseValues& out) {
        const Shape column{in.tensor("rewards").dim(0), 1}, row{in.tensor("rewards").dim(0)};
        const Gae g = gae(in.tensor("rewards").view(column), in.tensor("values").view(column),
                          in.ints("dones"), in.tensor("last_value").view({1}), o);
        out.set("advantages", g.advantages.view(row));
        out.set("returns", g.returns.view(row));
      });
}

CaseFunction ppo_function() {
  return case_function<PpoOptions>(
      {"ppo-clip-loss",
       "PPO's clipped loss with its gradient and diagnostics",
       {{"logp", "N"}, {"old_logp", "N"}, {"advantages", "N"}},
       {{"loss", ""}, {"grad_logp", "N"}, {"clip_fraction", ""}, {"approx_kl", ""}}},
      [](const PpoOptions& o, const CaseValues& in, CaseValues& out) {
        const Tensor logp = variable(in.tensor("logp"));
        const PolicyLoss l = ppo_clip_loss(logp, in.tensor("old_logp"), in.tensor("advantages"), o);
        out.set("loss", l.loss.detach());
        out.set("grad_logp", grad(l.loss, {logp})[0]);
        out.set("clip_fraction", l.clip_fraction);
        out.set("approx_kl", l.approx_kl);
      });
}

CaseFunction grpo_advantages_function() {
  return case_function<GroupOptions>({"grpo-advantages",
                                      "rewards of samples relative to the others of their prompt",
                                      {{"rewards", "P,G"}},
                                      {{"advantages", "P,G"}}},
                                     [](const GroupOptions& o, const CaseValues& in, CaseValues& out) {
                                       out.set("advantages", grpo_advantages(in.tensor("rewards"), o));
                                     });
}

CaseFunction grpo_loss_function() {
  return case_function<GrpoOptions>({"grpo-loss",
                                     "GRPO's loss of S sequences with its gradient",
                                     {{"logp", "S,T"},
                                      {"old_logp", "S,T"},
                                      {"ref_logp", "S,T"},
                                      {"mask", "S,T", CaseType::kInt, "1: counts"},
                                      {"advantages", "S"}},
                                     {{"loss", ""}, {"grad_logp", "S,T"}, {"mean_kl", ""}}},
                                    [](const GrpoOptions& o, const CaseValues& in, CaseValues& out) {
                                      const Tensor logp = variable(in.tensor("logp"));
                                      const GrpoLoss l =
                                          grpo_loss(logp, in.tensor("old_logp"), in.tensor("ref_logp"),
                                                    in.ints("mask"), in.tensor("advantages"), o);
                                      out.set("loss", l.loss.detach());
                                      out.set("grad_logp", grad(l.loss, {logp})[0]);
                                      out.set("mean_kl", l.mean_kl);
                                    });
}

CaseFunction dpo_function() {
  std::vector<CaseSlot> inputs = response_slots("chosen", "P,Tc");
  for (const CaseSlot& slot : response_slots("rejected", "P,Tr")) inputs.push_back(slot);
  return case_function<DpoOptions>(
      {"dpo-loss",
       "direct preference optimisation of P pairs with its gradients",
       inputs,
       {{"loss", ""}, {"margin", "P"}, {"grad_chosen_logp", "P,Tc"}, {"grad_rejected_logp", "P,Tr"}}},
      [](const DpoOptions& o, const CaseValues& in, CaseValues& out) {
        const Tensor chosen = variable(in.tensor("chosen_logp")),
                     rejected = variable(in.tensor("rejected_logp"));
        const PreferenceLoss l =
            dpo_loss({chosen, in.tensor("chosen_ref_logp"), in.ints("chosen_mask")},
                     {rejected, in.tensor("rejected_ref_logp"), in.ints("rejected_mask")}, o);
        const std::vector<Tensor> grads = grad(l.loss, {chosen, rejected});
        out.set("loss", l.loss.detach());
        out.set("margin", l.margin.detach());
        out.set("grad_chosen_logp", grads[0]);
        out.set("grad_rejected_logp", grads[1]);
      });
}

}  // namespace

std::vector<CaseSlot> response_slots(const std::string& side, const std::string& shape) {
  return {{side + "_logp", shape},
          {side + "_ref_logp", shape, CaseType::kReal, "by the frozen reference"},
          {side + "_mask", shape, CaseType::kInt, "1: counts"}};
}

std::vector<CaseFunction> rlhf_baseline_functions() {
  return {kl_estimators_function(),   kl_rewards_function(), gae_function(), ppo_function(),
          grpo_advantages_function(), grpo_loss_function(),  dpo_function()};
}

}  // namespace gradus
