// A radio channel of delayed taps that fade as the receiver moves, on the grid of an OFDM frame.
//
// 3GPP TR 38.901, profile TDL-A; taps as sums of Q plane waves (Jakes). Setting of: Guler, Jafarkhani, "AdaFortiTran: An Adaptive
// Transformer Model for Robust OFDM Channel Estimation", IEEE ICC 2025, whose own data are not public.
//   g_l(m) = sqrt(p_l/Q) sum_q exp(i(2 pi max_doppler cos(theta_lq) m symbol_duration + phi_lq)),  p_l linear, of sum 1
//   H[k,m] = sum_l g_l(m) exp(-2 pi i k subcarrier_spacing delays_l delay_spread)
#pragma once

#include "core/options.h"
#include "core/tensor.h"

namespace gradus {

struct TdlOptions {
  double delay_spread = 1e-7, max_doppler = 500, subcarrier_spacing = 15000, symbol_duration = 1e-3 / 14;
  int64 num_subcarriers = 12, num_symbols = 14;
  void visit(auto&& f) {
    f("delay_spread", delay_spread, "seconds that a normalised delay of 1 takes", at_least(0));
    f("max_doppler", max_doppler, "largest Doppler shift in Hz", at_least(0));
    f("num_subcarriers", num_subcarriers, "K", between(1, 10000));
    f("num_symbols", num_symbols, "M", between(1, 10000));
    f("subcarrier_spacing", subcarrier_spacing, "in Hz", positive());
    f("symbol_duration", symbol_duration, "in seconds", positive());
  }
};
struct ChannelGrid {
  Tensor re, im;  ///< (K,M)
};
/// delays and powers_db (L), theta and phi (L,Q) in radians. Throws ShapeError.
ChannelGrid tdl_channel(const Tensor& delays, const Tensor& powers_db, const Tensor& theta, const Tensor& phi,
                        const TdlOptions& options = {});

/// The 23 normalised delays and powers of TDL-A.
struct TdlProfile {
  Tensor delays, powers_db;  ///< (23)
};
TdlProfile tdl_a();

}  // namespace gradus
