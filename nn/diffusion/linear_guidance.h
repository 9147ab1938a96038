// LinearAG: unconditional noise predictions by regression on the predictions before.
//
// Paper: Castillo et al., AAAI 2025, arXiv 2312.12487 (see adaptive_guidance.h).
//   P = (eps_cond[0..i], eps_uncond[0..i-1]), samples and numbers are rows;  (P'P + ridge mean(diag P'P) I) beta_i = P' eps_uncond[i]
//   i >= cond_from: the class alone, one evaluation
//   i odd, i < linear_until: eps_uncond[i] = P beta_i, one evaluation;  else two
// Departure: the ridge, without which near-collinear histories give coefficients of 1e4.
#pragma once

#include <vector>

#include "nn/diffusion/guidance.h"

namespace gradus {

struct LinearFit {
  std::vector<double> coefficients;  ///< 2i+1: of eps_cond[0..i], then of eps_uncond[0..i-1]
  Tensor estimate;                   ///< of eps_uncond[i]
};
/// History of steps 0..i, tensors of one shape. Throws ShapeError for lists of different lengths, none, or different shapes.
LinearFit linear_ag_fit(std::span<const Tensor> eps_cond, std::span<const Tensor> eps_uncond,
                        double ridge = 1e-6);

class LinearGuidance : public Guidance {
 public:
  struct Options {
    double scale = 4, ridge = 1e-6;
    std::optional<int64> linear_until, cond_from;
    int64 fit = 64;
    void visit(auto&& f) {
      f("scale", scale, "of classifier-free guidance, as long as it lasts");
      f("linear_until", linear_until, "odd steps before this are regressed; else half of the steps",
        at_least(0));
      f("cond_from", cond_from, "steps from this on have the class alone; else 60 % of the steps",
        at_least(0));
      f("ridge", ridge, "of the regression, times the mean square of its columns", at_least(0));
      f("fit", fit, "trajectories that the regression is fitted to before", at_least(1));
    }
  };
  explicit LinearGuidance(const Options& o) : o_(o) {}
  /// Coefficients by step instead of a rehearsal; step i uses the first 2i+1.
  void set_coefficients(std::vector<std::vector<double>> coefficients) {
    coefficients_ = std::move(coefficients);
  }

  /// Throws UsageError where steps that are regressed have no coefficients.
  void begin(int64 rows, int64 steps) override;
  bool asks_uncond(int64 step, int64) const override { return step < cond_from_ && !regressed(step); }
  Tensor combine(const GuidanceStep& s) override;
  int64 rehearsals() const override { return coefficients_.empty() ? o_.fit : 0; }
  double rehearsal_scale() const override { return o_.scale; }
  void rehearse(const PredictionHistory& history) override;

 private:
  bool regressed(int64 step) const { return step % 2 == 1 && step < linear_until_; }

  Options o_;
  int64 linear_until_ = 0, cond_from_ = 0;
  std::vector<std::vector<double>> coefficients_;
  PredictionHistory past_;
};

}  // namespace gradus
