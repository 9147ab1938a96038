// A channel's grid out of its pilots without training: the best linear estimate, and interpolation.
//
// Standard; baselines of: Guler, Jafarkhani, "AdaFortiTran", IEEE ICC 2025.
//   lmmse: estimate = C_hp (C_pp + 10^(-snr/10) I)^-1 pilots
//   exact: E[H(k,m) conj H(k',m')] = sum_l p_l exp(-2 pi i (k-k') spacing tau_l) J0(2 pi doppler (m-m') T)
// Complex matrices A + iB are kept as ((A,-B),(B,A)), vectors as (re, im).
#pragma once

#include "data/signals/ofdm_frames.h"

namespace gradus {

/// Of the grid with the pilots (2G,2P) and of the pilots without noise (2P,2P); G = 14K, P all pilots of a frame.
struct ChannelCovariance {
  Tensor cross, pilots;
};
/// Of one delay spread and Doppler.
ChannelCovariance exact_covariance(const ChannelConditions& conditions, const OfdmGrid& grid);
/// The mean over frames, of their true channels.
ChannelCovariance mean_covariance(const OfdmFrames& frames, const OfdmGrid& grid);

struct ChannelEstimate {
  Tensor re, im;  ///< (N,K,14)
};
/// All frames at one SNR.
ChannelEstimate lmmse_estimate(const ChannelCovariance& covariance, double snr_db, const OfdmFrames& frames);

/// Linear between pilots, by subcarrier and by symbol; beyond them the line goes on, or with `hold` the last value stays.
ChannelEstimate interpolated_estimate(const OfdmFrames& frames, const OfdmGrid& grid, bool hold);

/// 10 log10 of the mean |H - estimate|^2 over all frames and cells.
double channel_error_db(const ChannelEstimate& estimate, const OfdmFrames& frames);

}  // namespace gradus
