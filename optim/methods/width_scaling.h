// Step size, weight decay and multipliers of AdamW as functions of the width: muP with decay that follows it.
//
// Paper: Fan, Liu, Zhao, Yuan, Gu, "Robust Layerwise Scaling Rules by Proper Weight Decay Tuning", 2025, arXiv 2510.15262; muP:
//        Yang, Hu, "Tensor Programs IV", ICML 2021, arXiv 2011.14522; "Tensor Programs V", 2022, arXiv 2203.03466.
//   k = width/base_width, lr and weight_decay tuned at base_width; w <- w*(1 - lr*weight_decay) - lr*m/(sqrt(v) + eps)
//   matrices (both dimensions grow):      lr/k,  weight_decay*k^p
//   all others (one grows, or none):      lr,    no decay
//   logits times 1/k;  std of a matrix's first values ~ 1/sqrt(fan_in) (nn/mup.h)
//   p = 0 (constant), 1/2 (sqrt: the paper), 1 (linear: lr*weight_decay stays);  standard: all of it constant
// With normalised layers training reaches a steady state in which the top singular value of a matrix is about
//   sqrt(lr/weight_decay) * width^0.75:  width^(1/4), width^0, width^(-1/4) with p = 0, 1/2, 1, width^(3/4) with standard.
// The 0.75 is the paper's measurement; matrices of independent noise would have 0.5.
#pragma once

#include <string>

#include "core/options.h"
#include "core/tensor.h"

namespace gradus {

/// How the values follow the width; "standard" is no rule at all.
struct WidthRule {
  int64 base_width = 128;
  std::string rule = "sqrt";
  bool scale_eps = false;
  void visit(auto&& f) {
    f("base_width", base_width, "width that lr and weight_decay were tuned at", at_least(1));
    f("rule", rule,
      "weight decay of matrices: constant, or with the root of the width, or with the width; standard: "
      "nothing "
      "follows the width",
      choices({"sqrt", "constant", "linear", "standard"}));
    f("scale_eps", scale_eps, "eps of matrices is divided by the width too");
  }
};
/// What was tuned at the base width.
struct WidthTuned {
  double lr = 1e-3, weight_decay = 0.1, eps = 1e-8;
  void visit(auto&& f) {
    f("lr", lr, "step size", positive());
    f("weight_decay", weight_decay, "decoupled weight decay", at_least(0));
    f("eps", eps, "added to the root", at_least(0));
  }
};

/// Factors on the values tuned, at k = width/base_width > 0.
struct WidthFactors {
  double matrix_lr = 1, matrix_weight_decay = 1, matrix_eps = 1;
  double output = 1;  ///< on the logits
};
WidthFactors width_factors(const WidthRule& rule, double k);

struct WidthValues {
  double matrix_lr, matrix_weight_decay, matrix_eps, vector_lr, vector_weight_decay, output_multiplier;
  /// sqrt(matrix_lr/matrix_weight_decay) * width^0.75: infinite without decay.
  double top_singular_prediction;
};
WidthValues width_values(const WidthTuned& tuned, const WidthRule& rule, double width);

/// rms(w) after `steps` of w <- (1 - lr*weight_decay) w - lr*u, u independent of variance 1:
///   a = (1 - lr*weight_decay)^2,  sqrt(a^t rms_0^2 + lr^2 (1 - a^t)/(1 - a))
double random_walk_rms(double lr, double weight_decay, double rms_0, int64 steps);
/// Its limit sqrt(lr/(weight_decay (2 - lr*weight_decay))); infinite without decay.
double random_walk_limit(double lr, double weight_decay);

struct TopSingular {
  double value;   ///< ||W v||
  Tensor vector;  ///< v (d), of norm 1
};
/// Of W (o,d) by `iterations` times v <- W'(W v)/norm from `start` (d). Throws ShapeError, NumericError for a start of zeros.
TopSingular top_singular(const Tensor& w, const Tensor& start, int iterations);
/// rms(X W')/rms(X): how much a layer without bias enlarges its inputs X (n,d).
double layer_gain(const Tensor& w, const Tensor& x);

}  // namespace gradus
