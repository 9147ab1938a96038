// Steps that reuse the network's last answer where the path is smooth.
//
// Paper: Ye et al., "Training-Free Adaptive Diffusion with Bounded Difference Approximation Strategy", NeurIPS 2024, arXiv 2410.09873.
//   difference_j = mean |y_{j+1} - y_j|,  y_i the latents after step i
//   after step i >= 3, with cur, p1, p2 the newest differences: step i+1 is skipped where |(cur + p2)/2 - p1| <= threshold*p1,
//   but computed where none of the last max_skip_steps decisions was to compute
// Only the evaluation is skipped, never the sampler's step; noise predictions are kept, and guidance combines them anew. Steps 0 to 3
// are always computed. reference_quirk: as in the authors' code the cap holds from the sixth decision on, so that the first run of skips
// may be five long whatever the cap; without it from the decision max_skip_steps on.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/options.h"
#include "core/tensor.h"

namespace gradus {

struct ThirdOrderOptions {
  double threshold = 0.01;
  int64 max_skip_steps = 4;
  bool reference_quirk = true;
  void visit(auto&& f) {
    f("threshold", threshold, "largest third-order difference over the newest but one, for a skip",
      at_least(0));
    f("max_skip_steps", max_skip_steps, "skips in a row, at most", at_least(1));
    f("reference_quirk", reference_quirk, "the first run of skips may be five long, as in the authors' code");
  }
};

/// The rule of one trajectory.
class ThirdOrderRule {
 public:
  explicit ThirdOrderRule(const ThirdOrderOptions& options = {}) : o_(options) {}
  /// Whether the step after those seen is computed.
  bool computes_next() const { return seen_ < 4 || mask_.back(); }
  /// After a step: how far it moved from the one before (of the first step: ignored).
  void see(double difference);
  const std::vector<double>& differences() const { return differences_; }
  const std::vector<char>& mask() const { return mask_; }  ///< decisions; 1: compute

 private:
  ThirdOrderOptions o_;
  int64 seen_ = 0;
  std::vector<double> differences_;
  std::vector<char> mask_;
};

/// Which rows of which steps ask the network: the table behind --skip.
class SkipPolicy {
 public:
  virtual ~SkipPolicy() = default;
  virtual void begin(int64 rows) = 0;
  virtual bool computes(int64 step, int64 row) const = 0;
  /// The latents (B,...) after a step.
  virtual void see(int64 step, const Tensor& latents) = 0;
};
using SkipPolicyPtr = std::unique_ptr<SkipPolicy>;

struct SkipEntry {
  const char *name, *summary;
  std::vector<OptionInfo> (*options)();
  SkipPolicyPtr (*make)(const OptionList& options);
};
std::span<const SkipEntry> skip_policies();
/// "third-order:threshold=0.01". Throws UsageError for unknown names, options and values.
SkipPolicyPtr make_skip_policy(const std::string& spec);

/// mean |a - b| over all numbers of some rows.
double mean_distance(const Tensor& a, const Tensor& b, int64 row, int64 rows = 1);

}  // namespace gradus
