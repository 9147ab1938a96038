// Joint choice of a masker and its gain for a soundscape.
// Paper: Watcharasupat, Ooi, Lam, Wong, Ong, Gan, "Autonomous In-Situ Soundscape Augmentation via Joint Selection of Masker and
//        Gain", IEEE Signal Processing Letters 29, 2022, doi 10.1109/LSP.2022.3194419.
//   Z = relu([Fs ; alpha*Fm + beta] aug_w' + aug_b), alpha and beta of the gain;  (mu, log_sigma) of attention over Z
//   choose argmax mu, or argmax Phi((mu - mu_none)/sigma), "no masker" among the candidates
// The functions are there and checked; an experiment (a generator of soundscapes, encoders, the policies compared) is not.
#include "apps/papers/domain/soundscape_masker_cases.h"
#include "apps/papers/entries.h"

namespace gradus::paper_entries {

Paper soundscape_masker() {
  return {
      .slug = "soundscape-masker",
      .family = "domain",
      .title = "Autonomous In-Situ Soundscape Augmentation via Joint Selection of Masker and Gain",
      .authors = "Watcharasupat, Ooi, Lam, et al.",
      .venue = "IEEE Signal Processing Letters",
      .year = 2022,
      .idea =
          "Soundscape and masker are encoded once and mixed in feature space under the gain, so that every "
          "pair of "
          "masker and gain "
          "costs a small head. Claimed: the joint choice is more pleasant, at a fraction of the search time.",
      .equations =
          "Fm' = alpha*Fm + beta,  Z = relu([Fs ; Fm'] aug_w' + aug_b)\n"
          "o = mean softmax(q k'/sqrt D) v;  (mu, log_sigma) = mlp(o)\n"
          "loss = mean 0.5 log(2 pi) + c + (y - mu)^2/(2 exp(2c))",
      .files = {"nn/signals/soundscape_head.cpp", "nn/signals/gaussian_nll.cpp",
                "nn/signals/masker_choice.cpp", "data/signals/soundscape.cpp"},
      .use =
          "soundscape_prediction of nn/signals/soundscape_head.h, choose_masker of "
          "nn/signals/masker_choice.h",
      .functions = soundscape_masker_functions()};
}

}  // namespace gradus::paper_entries
