// A schedule refined from the gradient norms of a run.
//
// Paper: Defazio, Cutkosky, Mehta, Mishchenko, "When, Why and How Much? Adaptive Learning Rate Scheduling by
//        Refinement", 2023, arXiv 2310.07831. Details as facebookresearch/adaptive_scheduling.
//   G_0 .. G_{T-1}: norms of the batch gradients, before clipping and decay: L2 with p = 2 for SGD, L1 with p = 1 for Adam
//   Ghat = median filter of G, of width 2*floor(floor(tau*T)/2) + 1; right edge continued by reflection without the last
//          value, left edge by the first one
//   w_t = Ghat_t^-p;   eta_t = w_t * sum_{q>t} w_q;   schedule_t = eta_t/max eta         (the last is 0)
// Constant norms give linear decay to zero. Norms that are not finite are dropped, small ones raised to 1e-12 of the
// median, both before the weights are taken.
#pragma once

#include <span>
#include <vector>

#include "core/options.h"
#include "optim/schedule.h"

namespace gradus {

struct RefinementOptions {
  double p = 2, tau = 0.1;
  void visit(auto&& f) {
    f("p", p, "power of the norms: 2 for L2 norms (SGD), 1 for L1 norms (Adam)", positive());
    f("tau", tau, "width of the median filter as a share of the run; 0: none", decay_rate());
  }
};

/// The factor for each of `steps` steps (0: as many as there are norms; else the norms are interpolated linearly).
/// Throws DataError for fewer than two finite norms or a negative one.
std::vector<double> refined_schedule(std::span<const double> norms, const RefinementOptions& options = {},
                                     int64 steps = 0);

/// Running medians over `width` (odd) values, edges continued as above. Throws UsageError for an even width.
std::vector<double> median_filter(std::span<const double> values, int64 width);

/// The registry entry "refined": the norms come from a file with a number a line, or a table with columns l1 and l2 (the
/// grad_norms.csv of a run with --log-grad-norms), of which p = 1 takes l1. Without a file: constant norms.
ScheduleEntry refined_schedule_entry();

}  // namespace gradus
