#include "apps/papers/language/adaptive-decoding_cases.h"

#include "apps/papers/landscape.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "nn/alignment/adaptive_decoding.h"

namespace gradus {
namespace {

CaseFunction tempered_function() {
  return case_function<NoOptions>(
      {"tempered-sample",
       "a token a row at a temperature of its own",
       {{"logits", "B,V"}, {"temperature", "B"}, {"u", "B", CaseType::kReal, "in [0,1): the draw"}},
       {{"probs", "B,V"}, {"tokens", "B", CaseType::kInt}, {"token_prob", "B"}}},
      [](const NoOptions&, const CaseValues& in, CaseValues& out) {
        const Tensor probs = tempered_probs(in.tensor("logits"), in.tensor("temperature"));
        const IntTensor tokens = inverse_sample(probs, in.tensor("u"));
        out.set("probs", probs);
        out.set("tokens", tokens);
        out.set("token_prob", reshape(gather(probs, 1, tokens.view({tokens.numel(), 1})), {tokens.numel()}));
      });
}

CaseFunction pairs_function() {
  return case_function<NoOptions>(
      {"lpo-pairs",
       "best and worst sample of each prompt",
       {{"rewards", "M,N"}},
       {{"chosen", "M", CaseType::kInt}, {"rejected", "M", CaseType::kInt}, {"valid", "M", CaseType::kInt}}},
      [](const NoOptions&, const CaseValues& in, CaseValues& out) {
        const std::vector<RankedPair> pairs = lpo_pairs(in.tensor("rewards"));
        const auto column = [&](const auto& of) {
          IntTensor c({static_cast<int64>(pairs.size())});
          for (size_t i = 0; i < pairs.size(); ++i) c.mutable_data()[i] = of(pairs[i]);
          return c;
        };
        out.set("chosen", column([](const RankedPair& p) { return p.chosen; }));
        out.set("rejected", column([](const RankedPair& p) { return p.rejected; }));
        out.set("valid", column([](const RankedPair& p) { return int64{p.valid}; }));
      });
}

// Slots of both sides: latent logits and masks, then what `more` adds to each.
std::vector<CaseSlot> latent_slots(const std::vector<CaseSlot>& more) {
  std::vector<CaseSlot> slots;
  for (const std::string side : {"chosen", "rejected"}) {
    const std::string tokens = side == "chosen" ? "P,Tc" : "P,Tr";
    slots.push_back({side + "_latent_logits", tokens + ",K"});
    slots.push_back({side + "_ref_latent_logits", tokens + ",K"});
    slots.push_back({side + "_mask", tokens, CaseType::kInt, "1: counts"});
    for (const CaseSlot& slot : more)
      slots.push_back({side + slot.name, tokens + slot.shape, slot.type, slot.help});
  }
  return slots;
}
LatentChoices latent_side(const CaseValues& in, const std::string& side) {
  return {variable(in.tensor(side + "_latent_logits")), in.tensor(side + "_ref_latent_logits"),
          in.ints(side + "_mask")};
}
void set_loss(CaseValues& out, const PreferenceLoss& l, const LatentChoices& chosen,
              const LatentChoices& rejected) {
  const std::vector<Tensor> grads = grad(l.loss, {chosen.latent_logits, rejected.latent_logits});
  out.set("loss", l.loss.detach());
  out.set("margin", l.margin.detach());
  out.set("grad_chosen_latent_logits", grads[0]);
  out.set("grad_rejected_latent_logits", grads[1]);
}

CaseFunction lpo_loss_function() {
  return case_function<LpoOptions>(
      {"lpo-loss",
       "latent preference optimisation of P pairs, by the temperatures that were chosen",
       latent_slots({{"_choice", "", CaseType::kInt}}),
       {{"loss", ""},
        {"margin", "P"},
        {"grad_chosen_latent_logits", "P,Tc,K"},
        {"grad_rejected_latent_logits", "P,Tr,K"}}},
      [](const LpoOptions& o, const CaseValues& in, CaseValues& out) {
        const LatentChoices chosen = latent_side(in, "chosen"), rejected = latent_side(in, "rejected");
        set_loss(out, lpo_loss(chosen, in.ints("chosen_choice"), rejected, in.ints("rejected_choice"), o),
                 chosen, rejected);
      });
}

CaseFunction marginal_loss_function() {
  std::vector<CaseSlot> inputs = latent_slots({{"_token_logits", ",V"}, {"_tokens", "", CaseType::kInt}});
  inputs.insert(inputs.begin(), {"temperatures", "K"});
  return case_function<MarginalOptions>(
      {"lpo-marginal-loss",
       "the same with the temperatures summed out: only the tokens are needed",
       inputs,
       {{"loss", ""},
        {"margin", "P"},
        {"chosen_marginal_logp", "P,Tc"},
        {"rejected_marginal_logp", "P,Tr"},
        {"grad_chosen_latent_logits", "P,Tc,K"},
        {"grad_rejected_latent_logits", "P,Tr,K"}}},
      [](const MarginalOptions& o, const CaseValues& in, CaseValues& out) {
        const LatentChoices chosen = latent_side(in, "chosen"), rejected = latent_side(in, "rejected");
        const auto tokens = [&](const std::string& side) {
          return SampledTokens{in.tensor(side + "_token_logits"), in.ints(side + "_tokens")};
        };
        set_loss(out,
                 lpo_marginal_loss(chosen, tokens("chosen"), rejected, tokens("rejected"),
                                   in.tensor("temperatures"), o),
                 chosen, rejected);
        for (const std::string side : {"chosen", "rejected"}) {
          const Tensor logp =
              marginal_logp(in.tensor(side + "_latent_logits"), in.tensor(side + "_token_logits"),
                            in.ints(side + "_tokens"), in.tensor("temperatures"), o.min_temperature);
          out.set(side + "_marginal_logp",
                  masked(logp, token_mask(in.ints(side + "_mask"), logp.shape(), "lpo-marginal-loss")));
        }
      });
}

struct LpoTrainCase {
  double beta = 0.1, lr = 0.5;
  int64 steps = 3;
  void visit(auto&& f) {
    f("beta", beta, "how strongly the reference holds", positive());
    f("lr", lr, "step size", at_least(0));
    f("steps", steps, "of each round", at_least(0));
  }
};

CaseFunction lpo_train_function() {
  return case_function<LpoTrainCase>(
      {"lpo-train",
       "a linear head over temperatures, one choice a response, trained for R rounds",
       {{"hidden", "M,d"},
        {"choices", "R,M,N", CaseType::kInt, "temperature of each sample"},
        {"rewards", "R,M,N"},
        {"weight", "K,d"},
        {"bias", "K"}},
       {{"weight", "K,d"}, {"bias", "K"}, {"losses", "R*steps"}, {"probs", "M,K"}}},
      [](const LpoTrainCase& o, const CaseValues& in, CaseValues& out) {
        const IntTensor& choices = in.ints("choices");
        const int64 rounds = choices.dim(0), prompts = choices.dim(1), samples = choices.dim(2);
        const Tensor& hidden = in.tensor("hidden");
        Tensor weight = in.tensor("weight"), bias = in.tensor("bias");
        std::vector<double> losses;
        for (int64 r = 0; r < rounds; ++r) {
          const std::vector<RankedPair> pairs =
              lpo_pairs(in.tensor("rewards").rows(r, r + 1).view({prompts, samples}));
          std::vector<int64> rows, better, worse;
          for (int64 m = 0; m < prompts; ++m) {
            const RankedPair& p = pairs[static_cast<size_t>(m)];
            if (!p.valid) continue;
            rows.push_back(m);
            better.push_back(choices[(r * prompts + m) * samples + p.chosen]);
            worse.push_back(choices[(r * prompts + m) * samples + p.rejected]);
          }
          const auto count = static_cast<int64>(rows.size());
          if (!count) {
            losses.insert(losses.end(), static_cast<size_t>(o.steps), 0);
            continue;
          }
          const Tensor h =
              reshape(index_select(hidden, 0, IntTensor::from({count}, rows)), {count, 1, hidden.dim(1)});
          const Tensor reference = linear(h, weight, bias);  // (count,1,K)
          const IntTensor c = IntTensor::from({count, 1}, better), j = IntTensor::from({count, 1}, worse),
                          mask = IntTensor::full({count, 1}, 1);
          for (int64 k = 0; k < o.steps; ++k) {
            const Tensor w = variable(weight), b = variable(bias), latent = linear(h, w, b);
            const Tensor loss =
                lpo_loss({latent, reference, mask}, c, {latent, reference, mask}, j, {.beta = o.beta}).loss;
            losses.push_back(static_cast<double>(loss.item()));
            const std::vector<Tensor> grads = grad(loss, {w, b});
            weight = (weight - grads[0] * static_cast<real>(o.lr)).detach();
            bias = (bias - grads[1] * static_cast<real>(o.lr)).detach();
          }
        }
        out.set("weight", weight);
        out.set("bias", bias);
        out.set("losses", tensor_of(losses));
        out.set("probs", softmax(linear(hidden, weight, bias)));
      });
}

}  // namespace

std::vector<CaseFunction> adaptive_decoding_functions() {
  return {tempered_function(), pairs_function(), lpo_loss_function(), marginal_loss_function(),
          lpo_train_function()};
}

}  // namespace gradus
