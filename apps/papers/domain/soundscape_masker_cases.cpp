#include "apps/papers/domain/soundscape_masker_cases.h"

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "data/signals/soundscape.h"
#include "nn/signals/gaussian_nll.h"
#include "nn/signals/masker_choice.h"
#include "nn/signals/soundscape_head.h"

namespace gradus {
namespace soundscape_masker_cases {

CaseFunction label() {
  return case_function<NoOptions>(
      {"pleasantness-label",
       "pleasantness by ISO 12913 of eight ratings",
       {{"ratings", "B,8", CaseType::kReal,
         "pleasant, eventful, chaotic, vibrant, uneventful, calm, annoying, monotonous"}},
       {{"pleasantness", "B"}}},
      [](const NoOptions&, const CaseValues& in, CaseValues& out) {
        out.set("pleasantness", pleasantness_label(in.tensor("ratings")));
      });
}

CaseFunction likelihood() {
  return case_function<GaussianNllOptions>(
      {"gaussian-nll",
       "likelihood of a predicted mean and spread, and its gradients",
       {{"mu", "B"}, {"log_sigma", "B"}, {"y", "B"}},
       {{"loss", ""}, {"grad_mu", "B"}, {"grad_log_sigma", "B"}}},
      [](const GaussianNllOptions& o, const CaseValues& in, CaseValues& out) {
        const Tensor mu = variable(in.tensor("mu")), log_sigma = variable(in.tensor("log_sigma"));
        const Tensor loss = gaussian_nll(mu, log_sigma, in.tensor("y"), o);
        const std::vector<Tensor> g = grad(loss, {mu, log_sigma});
        out.set("loss", loss.detach());
        out.set("grad_mu", g[0]);
        out.set("grad_log_sigma", g[1]);
      });
}

CaseFunction mix() {
  return case_function<NoOptions>(
      {"mix-levels",
       "levels of two sounds together, in dB",
       {{"ambient_db", "..."}, {"masker_db", "..."}, {"gain_db", "..."}},
       {{"mix", "..."}}},
      [](const NoOptions&, const CaseValues& in, CaseValues& out) {
        out.set("mix", mix_levels(in.tensor("ambient_db"), in.tensor("masker_db"), in.tensor("gain_db")));
      });
}

CaseFunction head() {
  return case_function<SoundscapeHeadOptions>(
      {"soundscape-head",
       "a masker at a gain over a soundscape, in features: mix, mean and spread, gradient of their sum",
       {{"features_soundscape", "B,T,D"},
        {"features_masker", "B,T,D"},
        {"gain_db", "B"},
        {"gain_w1", "E,1"},
        {"gain_b1", "E"},
        {"gain_w2", "2*D,E"},
        {"gain_b2", "2*D"},
        {"aug_w", "D,a", CaseType::kReal, "a = 2D, with cond=concat 2D+1"},
        {"aug_b", "D"},
        {"q_w", "D,D"},
        {"k_w", "D,D"},
        {"v_w", "D,D"},
        {"out_w1", "H,D"},
        {"out_b1", "H"},
        {"out_w2", "2,H"},
        {"out_b2", "2"},
        {"score_v", "D", CaseType::kReal, "for attention=additive", true}},
       {{"augmented", "B,T,D"}, {"mu", "B"}, {"log_sigma", "B"}, {"grad_features_soundscape", "B,T,D"}}},
      [](const SoundscapeHeadOptions& o, const CaseValues& in, CaseValues& out) {
        SoundscapeHead h{in.tensor("gain_w1"), in.tensor("gain_b1"),
                         in.tensor("gain_w2"), in.tensor("gain_b2"),
                         in.tensor("aug_w"),   in.tensor("aug_b"),
                         in.tensor("q_w"),     in.tensor("k_w"),
                         in.tensor("v_w"),     in.tensor("out_w1"),
                         in.tensor("out_b1"),  in.tensor("out_w2"),
                         in.tensor("out_b2"),  {}};
        if (in.has("score_v")) h.score_v = in.tensor("score_v");
        const Tensor fs = variable(in.tensor("features_soundscape"));
        const SoundscapePrediction p =
            soundscape_prediction(h, fs, in.tensor("features_masker"), in.tensor("gain_db"), o);
        out.set("grad_features_soundscape", grad(sum(p.mu) + sum(p.log_sigma), {fs})[0]);
        out.set("augmented", p.augmented.detach());
        out.set("mu", p.mu.detach());
        out.set("log_sigma", p.log_sigma.detach());
      });
}

CaseFunction choice() {
  return case_function<MaskerPolicy>(
      {"select-masker-gain",
       "the candidate that promises most; -1, -1: no masker",
       {{"mu", "M,G"},
        {"sigma", "M,G"},
        {"mu_none", ""},
        {"draw", "", CaseType::kInt, "which of the best, for policy=top-k"}},
       {{"masker", "", CaseType::kInt}, {"gain", "", CaseType::kInt}, {"score", ""}}},
      [](const MaskerPolicy& o, const CaseValues& in, CaseValues& out) {
        const MaskerChoice c =
            choose_masker(in.tensor("mu"), in.tensor("sigma"), in.scalar("mu_none"), in.ints("draw")[0], o);
        out.set("masker", IntTensor::full({}, c.masker));
        out.set("gain", IntTensor::full({}, c.gain));
        out.set("score", c.score);
      });
}

}  // namespace soundscape_masker_cases

std::vector<CaseFunction> soundscape_masker_functions() {
  using namespace soundscape_masker_cases;
  return {label(), likelihood(), mix(), head(), choice()};
}

}  // namespace gradus
