// A diagonal preconditioner that the clients of a federation share, and that changes only where they meet (SAVIC).
// Paper: Chezhegov, Skorik, Khachaturov, Shalagin, Avetisyan, Takac, Kholodov, Beznosikov, "Local Methods with Adaptivity via Scaling",
//        Russian Mathematical Surveys 79(6), 2024, arXiv 2406.00846.
//   D = |h_0|;  then for p = 1, 2, ... with h_p:
//     adam, rmsprop, adahessian:  D = sqrt(b*D^2 + (1-b)*h^2)        oasis:  D = b*D + (1-b)*h   (may change sign)
//     b = beta;  adam: b = (beta - beta^(p+1))/(1 - beta^(p+1)), as averaging with bias correction
//   D_hat = max(alpha, |D|) (floor max) or |D| + alpha (floor add)
//   h: the clients' mean gradient (adam, rmsprop), or u * (mean Hessian times u), u = +-1 (oasis, adahessian)
// Departures: no code of the authors is public; which gradients h is made of, D_0 and the defaults are our reading.
#pragma once

#include <optional>
#include <string>

#include "core/options.h"
#include "core/tensor.h"

namespace gradus {

struct ScalingOptions {
  std::string scaling = "adam";
  std::optional<double> beta;
  double alpha = 1e-3;
  std::string floor = "max";

  void visit(auto&& f) {
    f("scaling", scaling, "what D is made of, and how; identity: no D",
      choices({"adam", "rmsprop", "oasis", "adahessian", "identity"}));
    f("beta", beta, "share of D that is kept; unless given 0.999, of oasis 0.99", decay_rate());
    f("alpha", alpha, "least value of the divisor", positive());
    f("floor", floor, "how alpha keeps it up: max(alpha, |D|) or |D| + alpha", choices({"max", "add"}));
  }
  double decay() const { return beta.value_or(scaling == "oasis" ? 0.99 : 0.999); }
  /// h is made of Hessian products, not of gradients.
  bool by_hessian() const { return scaling == "oasis" || scaling == "adahessian"; }
  bool identity() const { return scaling == "identity"; }
};

class DiagonalScaling {
 public:
  explicit DiagonalScaling(const ScalingOptions& options) : o_(options) {}
  /// As it was: D and how often it has changed.
  DiagonalScaling(const ScalingOptions& options, const Tensor& d, int64 updates)
      : o_(options), d_(d), updates_(updates) {}
  /// The first h gives D its start, the others change it. Throws ShapeError for another shape than the first one's.
  void update(const Tensor& h);
  /// D, undefined before the first update.
  const Tensor& d() const { return d_; }
  int64 updates() const { return updates_; }
  /// D_hat of D's shape. Throws UsageError before the first update.
  Tensor floored() const;

 private:
  ScalingOptions o_;
  Tensor d_;
  int64 updates_ = 0;
};

}  // namespace gradus
