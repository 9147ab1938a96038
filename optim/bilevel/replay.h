// Backwards through a long computation s_{t+1} = h_t(s_t) with few states stored: those forgotten are computed again.
//
// Paper: Engstrom, Ilyas, Chen, Feldmann, Moses, Madry, "Optimizing ML Training with Metagradient Descent", 2025,
// arXiv 2503.13751, REPLAY: a k-ary tree that is walked lazily.
//   visit(s, e), n = e - s:  n <= k: compute states s+1 ... e-1 from s, hold them, go backwards over [s, e), free them;
//   else with boundaries s + floor(j*n/k), j = 1 ... k-1: advance from s to the last, storing each, then visit the k parts from
//   the last to the first, freeing a boundary behind its part
// The boundaries of the whole range are stored during the run itself, which therefore costs T steps and nothing more. Memory
// about k*log_k(T) states, about (1 + log_k T)*T steps. State 0 is held throughout; the final one is not counted.
// h_t has to be a fixed function of t: random numbers keyed by t, sums in a fixed order. Then replayed states are those of the
// run bit for bit, and the result is that of storing them all.
#pragma once

#include <array>
#include <functional>
#include <vector>

#include "core/tensor.h"

namespace gradus {

using ReplayState = std::vector<Tensor>;

struct ReplayCost {
  int64 forward_steps = 0;                     ///< calls of `advance`
  int64 peak_states = 0;                       ///< held at the same time
  std::vector<std::array<int64, 2>> segments;  ///< leaves [s, e) in the order they are gone through backwards
};

struct ReplayRun {
  std::function<ReplayState(const ReplayState& state, int64 t)> advance;  ///< h_t; leaves `state` as it is
  std::function<void(const ReplayState& end)> at_end;                     ///< sees s_T before the way back
  std::function<void(const ReplayState& state, int64 t)> backward;        ///< of step t, at s_t
};

/// Runs `steps` steps from `start`, then calls backward for t = steps-1 ... 0. branching >= 2; branching >= steps stores every
/// state. Throws UsageError for steps < 0 or branching < 2.
ReplayCost replay(int64 steps, int64 branching, ReplayState start, const ReplayRun& run);

}  // namespace gradus
