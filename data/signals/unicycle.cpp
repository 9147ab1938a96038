#include "data/signals/unicycle.h"

#include <cmath>

#include "core/error.h"

namespace gradus {

Tensor unicycle_step(const Tensor& state, const Tensor& u, const UnicycleOptions& options) {
  if (state.rank() != 2 || state.dim(1) != 3 || !(u.shape() == Shape{state.dim(0)}))
    fail<ShapeError>("unicycle_step: state {}, u {}", state.shape().str(), u.shape().str());
  Tensor after(state.shape());
  for (int64 i = 0; i < state.dim(0); ++i) {
    const real* from = state.data() + 3 * i;
    real* to = after.mutable_data() + 3 * i;
    const double th = static_cast<double>(from[2]);
    to[0] = from[0] + static_cast<real>(options.dt * options.speed * std::cos(th));
    to[1] = from[1] + static_cast<real>(options.dt * options.speed * std::sin(th));
    to[2] = from[2] + static_cast<real>(options.dt * options.turn_rate) * u.data()[i];
  }
  return after;
}

}  // namespace gradus
