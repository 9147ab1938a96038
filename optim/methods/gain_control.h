// A recurrent population that keeps its synapses and chooses one gain a neuron for the stimuli of the day.
//
// Paper: Duong, Bredenberg, Heeger, Simoncelli, "Adaptive Coding Efficiency in Recurrent Cortical Circuits via Gain Control", 2023,
//        arXiv 2305.19869.
//   r(s) = (I - G W)^-1 G f(s),  G = diag(g);  u = f + W r, so r = g o u
//   L(g) = sum_s p_s (||f - D r||^2 + alpha*||r||^2) + gamma*||g - 1||^2,  D = I - W
//   exact gradient: (I - G W)' lam = D'(D r - f) + alpha*r;  dL/dg_i = 2 sum_s p_s lam_i u_i + 2*gamma*(g_i - 1)
//   local rule, input power held fixed: m_i = sum_s p_s u_i^2,  g_i = (gamma + m_i)/(gamma + (1+alpha)*m_i)
// Departures: the paper's exact dynamics, decoder and penalty are not public; these are our reconstruction. The local rule is the
// optimum where W = 0, otherwise it leaves out how u hangs on g.
#pragma once

#include <vector>

#include "core/options.h"
#include "core/tensor.h"

namespace gradus {

/// Responses and total inputs, (S,N).
struct CircuitState {
  Tensor r, u;
};
/// W (N,N), drive (S,N), g (N). Throws ShapeError, NumericError where I - G W is singular.
CircuitState circuit_steady_state(const Tensor& W, const Tensor& drive, const Tensor& g);

/// W and the stimuli with their weights (S), which sum to 1.
struct GainProblem {
  Tensor W, drive, weights;
};
struct GainObjectiveOptions {
  double alpha = 1, gamma = 5;
  void visit(auto&& f) {
    f("alpha", alpha, "price of activity", at_least(0));
    f("gamma", gamma, "price of gains that differ from 1", at_least(0));
  }
};
struct GainObjective {
  double loss = 0;
  Tensor grad_g;  ///< (N)
};
GainObjective gain_objective(const GainProblem& problem, const Tensor& g,
                             const GainObjectiveOptions& options);

struct GainDescentOptions : GainObjectiveOptions {
  double lr = 0.05;
  int64 steps = 50;
  void visit(auto&& f) {
    GainObjectiveOptions::visit(f);
    f("lr", lr, "step size", positive());
    f("steps", steps, "projected steps g <- max(g - lr*grad, 0)", at_least(0));
  }
};
struct DescendedGains {
  Tensor g;
  std::vector<double> losses;  ///< before each step, and after all
};
DescendedGains descend_gains(const GainProblem& problem, const Tensor& g, const GainDescentOptions& options);

struct LocalGainOptions : GainObjectiveOptions {
  double damping = 0.5;
  int64 steps = 20;
  void visit(auto&& f) {
    GainObjectiveOptions::visit(f);
    f("damping", damping, "share of the way to the rule's gains", between(0, 1));
    f("steps", steps, "rounds; input power is taken anew in each", at_least(1));
  }
};
struct LocalGains {
  Tensor g, input_power;  ///< (N); power as last used
};
LocalGains local_gains(const GainProblem& problem, const Tensor& g, const LocalGainOptions& options);

/// Of each neuron, from responses (S,N) to orientations in degrees (S), with q = max(r,0) and z = sum_s q exp(2i theta).
struct OrientationTuning {
  Tensor preferred;    ///< angle(z)/2 in [0,180)
  Tensor peak;         ///< max q
  Tensor selectivity;  ///< |z|/sum q; 0 where q is
};
OrientationTuning orientation_tuning(const Tensor& responses, const Tensor& stimuli);

}  // namespace gradus
