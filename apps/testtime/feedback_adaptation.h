// A controller that adapts a frozen network to sparse feedback in one pass, and gradient steps on the feedback as baseline.
//
// Paper: Yeo, Kar, Sodagar, Zamir, "Rapid Network Adaptation: Learning to Adapt Neural Networks Using Test-Time Feedback",
//        ICCV 2023, arXiv 2309.15762.
//   f(x; beta) = relu(x w1' + b1 + beta) w2' + b2, frozen
//   beta(z, q) = relu([z ; q] ctrl_w' + ctrl_b) film_w' + film_b,  z = y*mask, q = prediction*mask
//   training: y0 = f(x; 0), a constant; y1 = f(x; beta(y*mask, y0*mask)); Adam with AMSGrad and coupled decay on mean |y1 - y|
//   test: q <- f(x), then `iterations` times q <- f(x; beta(y*mask, q*mask)); no gradient
//   baseline (tto): Adam steps on b1 for mean |(f(x) - y) mask|
// Departure: network and controller are perceptrons of one hidden layer, in place of a U-Net and a convolutional encoder.
#pragma once

#include <memory>
#include <vector>

#include "core/options.h"
#include "core/tensor.h"

namespace gradus {

struct ModulatedNet {
  Tensor w1, b1, w2, b2;  ///< (H,di), (H), (dy,H), (dy)
};
struct FeedbackController {
  Tensor ctrl_w, ctrl_b, film_w, film_b;  ///< (E,2dy), (E), (H,E), (H)
};
/// x (B,di), beta (B,H) or undefined (none) -> (B,dy).
Tensor modulated_output(const ModulatedNet& net, const Tensor& x, const Tensor& beta = {});
/// target, prediction, mask (B,dy) -> beta (B,H).
Tensor controller_shift(const FeedbackController& controller, const Tensor& target, const Tensor& prediction,
                        const Tensor& mask);

struct ControllerTrainingOptions {
  double lr = 3e-5, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 2e-6;
  void visit(auto&& f) {
    f("lr", lr, "step size of Adam", positive());
    f("beta1", beta1, "of Adam", decay_rate());
    f("beta2", beta2, "of Adam", decay_rate());
    f("eps", eps, "of Adam", positive());
    f("weight_decay", weight_decay, "added to the gradient", at_least(0));
  }
};
/// Moves a controller, the network frozen.
class ControllerTraining {
 public:
  ControllerTraining(const ModulatedNet& net, const FeedbackController& start,
                     const ControllerTrainingOptions& options);
  ~ControllerTraining();
  /// One step on a batch x (B,di), y and mask (B,dy); returns the loss before it.
  double step(const Tensor& x, const Tensor& y, const Tensor& mask);
  FeedbackController controller() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The closed loop on a batch, without gradients.
Tensor adapt_to_feedback(const ModulatedNet& net, const FeedbackController& controller, const Tensor& x,
                         const Tensor& y, const Tensor& mask, int64 iterations = 1);

struct GradientAdaptationOptions {
  int64 steps = 10;
  double lr = 1e-2, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  void visit(auto&& f) {
    f("steps", steps, "steps on a batch's feedback", at_least(0));
    f("lr", lr, "step size of Adam", positive());
    f("beta1", beta1, "of Adam", decay_rate());
    f("beta2", beta2, "of Adam", decay_rate());
    f("eps", eps, "of Adam", positive());
    f("weight_decay", weight_decay, "added to the gradient", at_least(0));
  }
};
struct GradientAdaptation {
  std::vector<double> losses;  ///< before each step
  Tensor b1, prediction;       ///< after all
};
GradientAdaptation adapt_by_gradient(const ModulatedNet& net, const Tensor& x, const Tensor& y,
                                     const Tensor& mask, const GradientAdaptationOptions& options);

}  // namespace gradus
