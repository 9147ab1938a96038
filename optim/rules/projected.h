// Words shared by the rules that keep their moments in a projection of a matrix gradient: the projection, Adam's direction
// of what is projected, plain Adam of the same form for all else.
#pragma once

#include <span>
#include <vector>

#include "optim/rule.h"
#include "optim/vocabulary/moment_options.h"

namespace gradus::rules {

/// Matrices; all else takes the rule's plain form.
inline bool is_projected(const Param& p) { return p.data.rank() == 2 && p.data.numel() > 0; }

/// The shorter side of matrices (m,n) seen through the columns of P (min(m,n), rank).
struct ShortSide {
  Tensor p;
  bool left;  ///< m < n: P' x; else x P

  /// (rank,n) or (m,rank).
  Tensor down(const Tensor& x) const;
  /// (m,n).
  Tensor back(const Tensor& x) const;
  /// A channel is what `down` shortens: a column of x if `left`, else a row. One number a channel: ||a||/(||b|| + 1e-8).
  std::vector<double> channel_ratios(const Tensor& a, const Tensor& b) const;
  /// Multiplies every channel of x by its factor.
  void scale_channels(Tensor& x, const std::vector<double>& factors) const;
};

/// The slot "P" of this many columns, made by `basis(shorter side, rank)` in steps 1, 1+gap, 1+2*gap, ...
template <class Basis>
ShortSide projection_of(const Param& p, State& s, int64 rank, int64 gap, int64 t, const Basis& basis) {
  const int64 side = std::min(p.rows(), p.cols()), columns = std::min(rank, side);
  Tensor& place = s("P", {side, columns});
  if ((t - 1) % gap == 0) place.copy_from(basis(side, columns));
  return {place, p.rows() < p.cols()};
}
/// The first `rank` singular vectors of x on its shorter side, as columns; the entry of largest size of each is positive.
Tensor singular_basis(const Tensor& x, int64 rank);

/// m/(sqrt(v) + eps), m and v (slots of x's shape) the means of x and x^2.
Tensor adam_direction(State& s, const Tensor& x, const MomentOptions& o);
/// w <- (1 - lr*weight_decay)*(w - step*u).
void move_then_decay(Param& p, const Tensor& u, double step, double lr, double weight_decay);
/// Adam on the whole tensor, eps beside the uncorrected root, decay after the step.
void plain_adam(Param& p, State& s, const MomentOptions& o, const StepInfo& k);

/// The norm of what steps along may grow by a hundredth a step: x divided by max(||x||/(N + 1e-8), 1.01)/1.01, N = ||x||
/// of the last step (number "norm"). A norm of zero limits nothing.
void limit_growth(Tensor& x, State& s);

/// Options of the rules that project: rank and time of the projection.
struct ProjectedOptions : MomentOptions {
  int64 rank = 4, update_gap = 200;
  ProjectedOptions() { eps = 1e-6; }
  void visit(auto&& f) {
    MomentOptions::visit(f);
    f("rank", rank, "dimension of the projection", at_least(1));
    f("update_gap", update_gap, "steps between new projections", at_least(1));
  }
};

}  // namespace gradus::rules
