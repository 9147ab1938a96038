// Vehicles at constant speed that turn as they are told, and the paths they are to follow.
//   x += dt*speed*cos th,  y += dt*speed*sin th,  th += dt*turn_rate*u   (explicit Euler, all from the old state)
#pragma once

#include "core/options.h"
#include "core/tensor.h"

namespace gradus {

struct UnicycleOptions {
  double dt = 0.05, speed = 1, turn_rate = 2;
  void visit(auto&& f) {
    f("dt", dt, "seconds of a step", positive());
    f("speed", speed, "metres a second");
    f("turn_rate", turn_rate, "radians a second at u = 1");
  }
};
/// state (B,3) of x, y, th, commands u (B) -> the state after a step. Throws ShapeError.
Tensor unicycle_step(const Tensor& state, const Tensor& u, const UnicycleOptions& options = {});

}  // namespace gradus
