// How the estimates with and without a class become one: the table behind --guidance.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "core/options.h"
#include "core/tensor.h"
#include "nn/diffusion/noise_schedule.h"

namespace gradus {

/// One step of a batch. Estimates are of the noise-free image; rows of `uncond` that were not asked for hold anything.
struct GuidanceStep {
  int64 step;
  const Tensor& x;
  NoiseLevel level;
  Tensor cond, uncond;  ///< (B,...)
};

/// Noise predictions of whole trajectories, by step.
struct PredictionHistory {
  std::vector<Tensor> eps_cond, eps_uncond;  ///< (n,...) each
};

class Guidance {
 public:
  virtual ~Guidance() = default;
  /// Before the first step of `rows` trajectories: forgets all that was.
  virtual void begin(int64 rows, int64 steps) = 0;
  /// Whether the next combine(), of this step, reads the row's estimate without a class.
  virtual bool asks_uncond(int64 step, int64 row) const = 0;
  /// The guided estimate (B,...).
  virtual Tensor combine(const GuidanceStep& s) = 0;

  /// Trajectories under classifier-free guidance of this scale that it wants to have seen before its first use; 0: none.
  virtual int64 rehearsals() const { return 0; }
  virtual double rehearsal_scale() const { return 1; }
  virtual void rehearse(const PredictionHistory&) {}
};
using GuidancePtr = std::unique_ptr<Guidance>;

/// One line of the table.
struct GuidanceEntry {
  const char *name, *summary;
  std::vector<OptionInfo> (*options)();
  GuidancePtr (*make)(const OptionList& options);
  const char* source;  ///< the file to read
};
std::span<const GuidanceEntry> guidances();
/// "apg:scale=4,eta=0". Throws UsageError for unknown names, options and values.
GuidancePtr make_guidance(const std::string& spec);

/// The row's numbers of (B,...) tensors, B >= 1.
int64 row_size(const Tensor& x);
/// Inner product of a row of each, in double.
double row_dot(const Tensor& a, const Tensor& b, int64 row);
/// <a,b>/(|a||b|) of each row; 0 where one is 0.
std::vector<double> row_cosines(const Tensor& a, const Tensor& b);

}  // namespace gradus
