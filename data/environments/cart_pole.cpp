#include "data/environments/cart_pole.h"

#include <algorithm>

namespace gradus {

CartPole::Step CartPole::step(double force) {
  Step out;
  if (done_) return out;
  const auto [x, xdot, th, thdot] = state_;
  const double u = std::clamp(force, -force_max_, force_max_);
  out.r1 = balance_reward(th, u);
  out.r2 = goal_reward(x, goal_);
  const auto [cart, pole] = cart_pole_accelerations(th, thdot, u);
  state_ = {x + kCartPoleStep * xdot, xdot + kCartPoleStep * cart, th + kCartPoleStep * thdot,
            thdot + kCartPoleStep * pole};
  if (u == force) {
    const double c = std::cos(th), tmp_slope = 1 / 1.1;
    const double pole_slope = -c * tmp_slope / (0.5 * (4.0 / 3 - 0.1 * c * c / 1.1));
    out.slope = {0, kCartPoleStep * (tmp_slope - 0.05 * pole_slope * c / 1.1), 0, kCartPoleStep * pole_slope};
  }
  done_ = fallen(state_);
  return out;
}

}  // namespace gradus
