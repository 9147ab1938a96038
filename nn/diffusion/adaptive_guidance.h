// Adaptive guidance: classifier-free guidance until both estimates point the same way.
//
// Paper: Castillo et al., "Adaptive Guidance: Training-free Acceleration of Conditional Diffusion Models", AAAI 2025, arXiv 2312.12487.
// Per sample, off = false and armed = not use_arming at the start of every trajectory:
//   off: the class alone, one evaluation
//   else: uncond + scale (cond - uncond), two evaluations; gamma = cosine(cond, uncond)
//         gamma < gamma_bar: armed;  armed and gamma >= gamma_bar: off from the next step on, for good
// The cosine is between estimates of the image (space x0) or of the noise (space eps, the paper's latent models). Pixels under much
// noise have nearly the same noise estimate with and without a class, so that space eps needs use_arming, which is not the paper's.
#pragma once

#include <vector>

#include "nn/diffusion/guidance.h"

namespace gradus {

struct AdaptiveRuleOptions {
  double scale = 4, gamma_bar = 0.991;
  bool use_arming = false;
  void visit_as(const char* scale_name, auto&& f) {
    f(scale_name, scale, "of classifier-free guidance, as long as it lasts");
    f("gamma_bar", gamma_bar, "cosine of both estimates from which on the class alone will do");
    f("use_arming", use_arming, "the cosine has to have been below gamma_bar first");
  }
};

/// The state of each sample's rule.
class AdaptiveRule {
 public:
  explicit AdaptiveRule(int64 rows = 0, const AdaptiveRuleOptions& options = {});
  bool guided(int64 row) const { return !off_[static_cast<size_t>(row)]; }
  /// What two predictions (B,...) in any space become in this step; rows that are off take `cond`.
  Tensor combine(const Tensor& cond, const Tensor& uncond) const;
  /// After the step: cosines of both by row, of rows that are guided.
  void see(const std::vector<double>& gamma);

 private:
  AdaptiveRuleOptions o_;
  std::vector<char> off_, armed_;
};

class AdaptiveGuidance : public Guidance {
 public:
  struct Options : AdaptiveRuleOptions {
    std::string space = "x0";
    void visit(auto&& f) { visit_as("scale", f); }
    void visit_as(const char* scale_name, auto&& f) {
      AdaptiveRuleOptions::visit_as(scale_name, f);
      f("space", space, "whose cosine: of the image, or of the noise", choices({"x0", "eps"}));
    }
  };
  explicit AdaptiveGuidance(const Options& o) : o_(o) {}
  void begin(int64 rows, int64) override { rule_ = AdaptiveRule(rows, o_); }
  bool asks_uncond(int64, int64 row) const override { return rule_.guided(row); }
  Tensor combine(const GuidanceStep& s) override;

 private:
  Options o_;
  AdaptiveRule rule_;
};

}  // namespace gradus
