// A pole on a cart, pushed by a continuous force.
//
// Barto, Sutton, Anderson, "Neuronlike Adaptive Elements That Can Solve Difficult Learning Control Problems", IEEE Trans. SMC 13,
// 1983; the equations without friction as Florian, "Correct equations for the dynamics of the cart-pole system", 2007, section 2:
//   state (x, xdot, th, thdot); g = 9.8, masses 1 (cart) and 0.1 (pole), half length 0.5; u = clamp(force, +-force_max)
//   tmp   = (u + 0.05*thdot^2*sin th)/1.1
//   thacc = (9.8*sin th - cos th*tmp)/(0.5*(4/3 - 0.1*cos^2 th/1.1)),  xacc = tmp - 0.05*thacc*cos th/1.1
//   Euler steps of 0.02 with the old velocities
// Rewards at the state before a step: r1 = 1 - (th/0.21)^2 - 0.001*u^2 (balance), r2 = exp(-(x - goal)^2/0.25) (go to the goal).
// Over when |x| > 2.4 or |th| > 12 degrees; the step that fails keeps its rewards, then there is none.
#pragma once

#include <array>
#include <cmath>
#include <numbers>

#include "core/real.h"

namespace gradus {

inline constexpr double kCartPoleStep = 0.02, kCartLimit = 2.4, kPoleLimit = 12 * std::numbers::pi / 180;

template <class T>
struct CartPoleAccelerations {
  T cart, pole;
};
/// T: double, or anything with the operations of a Tensor, so that a batch can be differentiated.
template <class T>
CartPoleAccelerations<T> cart_pole_accelerations(const T& th, const T& thdot, const T& u) {
  using std::cos, std::sin;
  const T s = sin(th), c = cos(th);
  const T tmp = (u + thdot * thdot * s * 0.05) * (1 / 1.1);
  const T pole = (s * 9.8 - c * tmp) / ((c * c * (-0.1 / 1.1) + 4.0 / 3) * 0.5);
  return {tmp - pole * c * (0.05 / 1.1), pole};
}

/// r1 and r2.
template <class T>
T balance_reward(const T& th, const T& u) {
  return 1.0 - th * th * (1 / (0.21 * 0.21)) - u * u * 0.001;
}
template <class T>
T goal_reward(const T& x, double goal) {
  using std::exp;
  return exp((x - goal) * (x - goal) * -4.0);
}

class CartPole {
 public:
  using State = std::array<double, 4>;
  struct Step {
    double r1 = 0, r2 = 0;
    State slope{};  ///< d(next state)/d(force); 0 where the force is clamped
  };

  explicit CartPole(const State& start, double force_max = 10, double goal = 1)
      : state_(start), force_max_(force_max), goal_(goal) {}
  /// Moves, unless it is over (then nothing changes and all is 0).
  Step step(double force);
  const State& state() const { return state_; }
  bool done() const { return done_; }
  static bool fallen(const State& s) { return std::abs(s[0]) > kCartLimit || std::abs(s[2]) > kPoleLimit; }

 private:
  State state_;
  double force_max_, goal_;
  bool done_ = false;
};

}  // namespace gradus
