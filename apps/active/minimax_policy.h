// Learning a policy of measurements that is near the best one for problems of every difficulty.
//
// Paper: Zhang, Jain, Jamieson, "Learning to Actively Learn: A Robust Approach", 2020, arXiv 2010.15382.
//   Theta(r) = {theta: C(theta) <= r} (data/selection/complexity.h), r_k = r_1*2^(k-1)
//   pi_k = argmin max over Theta(r_k) of loss,  V_k = that loss;   pi* = argmin max_k [max over Theta(r_k) of loss - V_k]
// The solver plays a policy (score function gradients, optim/estimators/score_function.h, and the loss's own gradient in its output)
// against weighted instances (adversary.h). Three stages: A pi_k one after another, each from the one before; B V_k over the instances of
// A and as many at random; C pi* from pi_K on the instances of all classes, less V_k.
// Reconstructions: step sizes, rollouts, first instances on the border of their class; the paper lets others ascend for V_k.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "apps/active/adversary.h"
#include "apps/active/exploration.h"

namespace gradus {

struct MinimaxOptions {
  AdversaryOptions adversary;
  int64 instances = 64, drawn = 16, rollouts = 16, iterations = 1000, hidden = 64, reseed_every = 200;
  double policy_lr = 1e-3;
  void visit(auto&& f) {
    f("instances", instances, "of each class of problems", at_least(1));
    f("drawn", drawn, "instances played each iteration", at_least(1));
    f("rollouts", rollouts, "of each of these", at_least(2));
    f("iterations", iterations, "of each stage", at_least(1));
    f("hidden", hidden, "units of both layers", at_least(1));
    f("reseed_every", reseed_every, "iterations, after which the tenth with the least weight starts anew",
      at_least(1));
    f("policy_lr", policy_lr, "Adam's step size of the policy", positive());
    adversary.visit(f);
  }
};

/// Problems up to a difficulty, and the loss that is no regret there.
struct DifficultyClass {
  double radius = 1, offset = 0;
};
/// An instance on the border of its class: a normal direction, scaled to C = radius. Throws NumericError where none is found.
std::vector<double> random_instance(const ExplorationGame& game, double radius, Rng rng);

/// One iteration's policy gradient from rollouts in order of their M instances: of the mean of loss - offset. offsets (M).
struct PolicyGradient {
  double objective = 0;
  std::vector<Tensor> grads;
};
PolicyGradient policy_gradient(const ExplorationGame& game, const PolicyWeights& w, const Rollouts& played,
                               std::span<const double> offsets);

/// Asked between iterations with the share that is done; throws to end it.
using ShareDone = std::function<void(double share)>;
/// Trains the policy in place; returns all instances in the end, class by class (the adversary's pool). With `ascend` false the
/// instances stay where they are, drawn anew each iteration: plain policy gradient on random problems.
std::vector<std::vector<double>> solve_minimax(const ExplorationGame& game, const Parameters& policy,
                                               std::span<const DifficultyClass> classes,
                                               const MinimaxOptions& options, const Rng& rng,
                                               const ShareDone& share = nullptr, bool ascend = true);
/// Mean loss of a policy on each of the thetas, over so many rollouts. Without a policy (null): of uniform play.
std::vector<double> mean_losses(const ExplorationGame& game, const Parameters* policy,
                                std::span<const std::vector<double>> thetas, int64 rollouts, const Rng& rng);

struct LearnedExploration {
  std::vector<Parameters> by_class;                         ///< pi_k
  std::vector<double> values;                               ///< V_k
  Parameters robust;                                        ///< pi*
  std::vector<std::vector<std::vector<double>>> instances;  ///< of each class: adversaries of pi_k and of pi*
};
/// All three stages. radii ascend. `value_rollouts` of each instance for V.
LearnedExploration learn_to_explore(const ExplorationGame& game, std::span<const double> radii,
                                    const MinimaxOptions& options, int64 value_rollouts, const Rng& rng,
                                    const ShareDone& share = nullptr);
/// A copy with parameters of its own.
Parameters copy_of(const Parameters& policy);

}  // namespace gradus
