// AdaFortiTran: a radio channel's grid out of its pilots.
// Paper: Guler, Jafarkhani, "AdaFortiTran: An Adaptive Transformer Model for Robust OFDM Channel Estimation", IEEE ICC 2025,
//        pp. 3797-3802.
//   U = up(pilots), C = conv1(U), R = fold(transformer([patches(C) ; adapter(SNR, delay spread, Doppler)])), result = conv2(C + R)
// The network and the channel are there and checked; an experiment (training against linear estimators over Doppler, delay spread
// and SNR) is not.
#include "apps/papers/domain/adafortitran_cases.h"
#include "apps/papers/entries.h"

namespace gradus::paper_entries {

Paper adafortitran() {
  return {.slug = "adafortitran",
          .family = "domain",
          .title = "AdaFortiTran: An Adaptive Transformer Model for Robust OFDM Channel Estimation",
          .authors = "Guler, Jafarkhani",
          .venue = "IEEE ICC",
          .year = 2025,
          .idea =
              "Linear upsampling and convolutions give a local estimate, a transformer over patches that "
              "know SNR, delay "
              "spread and Doppler "
              "the rest. Claimed: up to 6 dB below earlier models over a range of conditions.",
          .equations =
              "U = up(pilots);  C = conv1(U);  x = in([patches(C) ; adapter(conditions)]) + positions\n"
              "x = LN1(x + attention(x));  x = LN2(x + ff2(gelu(ff1 x)))\n"
              "result = conv2(C + fold(out(x)));  real and imaginary part one by one",
          .files = {"nn/signals/adafortitran.cpp", "nn/signals/channel_tokens.cpp",
                    "data/signals/tdl_channel.cpp"},
          .use = "fortitran of nn/signals/adafortitran.h, tdl_channel of data/signals/tdl_channel.h",
          .functions = adafortitran_functions()};
}

}  // namespace gradus::paper_entries
