// Wrappers that learn one factor s on the whole way from the first weights x0, for all tensors together. Internal to
// wrappers.
//   u: the move of the rule inside from w;   D = (w - x0)/(s + eps), the way it would have gone by itself
//   s: the new factor, of s and the gradients along D;   w <- x0 + s*(D + u)
// While s is small, x0 + s*(D + u) may round to x0, and nothing would ever be learned. Slot "lost" keeps what rounding took
// from the weights, so that w - x0 + lost is the way in full.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "optim/vocabulary/sums.h"
#include "optim/wrapper.h"
#include "optim/wrappers/direction.h"

namespace gradus {

/// Options need eps. A subclass says which s is next.
template <class O>
class LearnedScale : public Wrapper<O> {
 public:
  using Wrapper<O>::Wrapper;

  /// A new factor puts the weights where no step led them.
  bool leaves_path() const override { return true; }
  /// The decay of the rule inside is part of its move, which the factor scales.
  double kept_by_decay(const Parameter&, double) const override { return 1; }

  void apply(Objective& objective, const StepInfo& info) override {
    auto& rows = this->table().rows();
    const double before = this->table().shared().scalar("s", first_scale());
    double next = before;
    std::vector<bool> stepping(rows.size());
    if (!info.finish) {
      ++this->table().steps;
      for (size_t i = 0; i < rows.size(); ++i) {
        if (!rows[i].active()) continue;
        stepping[i] = true;
        ++rows[i].steps;
        rows[i].state.starting_at("x0", rows[i].parameter->value);
      }
      next = next_scale(before);
    }
    const std::vector<Tensor> from = weights_of(rows);
    this->inner().apply(objective, info);
    this->table().shared().scalar("s") = next;
    const real s = real(std::max(next, 0.0)), unscaled = real(1 / (before + this->options().eps));
    for (size_t i = 0; i < rows.size(); ++i) {
      if (rows[i].parameter->frozen) continue;
      Tensor& value = rows[i].parameter->value;
      if (stepping[i])
        for_each_element(value, from[i], std::as_const(rows[i].state("x0")), rows[i].state("lost"),
                         [=](real& w, real x, real x0, real& lost) {
                           const real way = s * ((x - x0 + lost) * unscaled + (w - x));
                           w = x0 + way;
                           lost = way - (w - x0);
                         });
      else  // gradients that were held back move it, or nothing does
        for_each_element(value, from[i], [=](real& w, real x) { w = x + s * (w - x); });
    }
  }

 protected:
  virtual double first_scale() const = 0;
  /// From the scale so far and the gradients, which are those of the batch; nothing has moved yet.
  virtual double next_scale(double s) = 0;
};

}  // namespace gradus
