#include "apps/active/minimax_policy.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "autograd/functional/functional.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"
#include "data/selection/complexity.h"
#include "data/selection/gradient_embedding.h"
#include "optim/estimators/score_function.h"
#include "optim/registry.h"

namespace gradus {
namespace {

constexpr int64 kDesignIterations =
    30;  // within a few per cent of C, of which only its order of size is asked

double complexity_of(const ExplorationGame& game, std::span<const double> theta) {
  return exploration_complexity(game.queries, game.hypotheses, theta, kDesignIterations).value;
}

// Answers of bernoulli arms have means in [-1,1].
bool allowed(const ExplorationGame& game, std::span<const double> theta) {
  if (!game.bernoulli()) return true;
  const int64 n = game.queries.dim(0), d = game.queries.dim(1);
  for (int64 i = 0; i < n; ++i) {
    double mu = 0;
    for (int64 k = 0; k < d; ++k)
      mu += static_cast<double>(game.queries.data()[i * d + k]) * theta[static_cast<size_t>(k)];
    if (std::abs(mu) >= 1) return false;
  }
  return true;
}

Tensor tensor_of_rows(std::span<const std::vector<double>> rows, int64 repeats) {
  const auto d = static_cast<int64>(rows[0].size());
  Tensor out({std::ssize(rows) * repeats, d});
  real* to = out.mutable_data();
  for (const std::vector<double>& row : rows)
    for (int64 r = 0; r < repeats; ++r)
      for (const double x : row) *to++ = static_cast<real>(x);
  return out;
}

Tensor answers(const ExplorationGame& game, int64 episodes, Rng rng) {
  const Shape shape{episodes, game.horizon};
  return game.bernoulli() ? rng.uniform_tensor(shape) : rng.normal_tensor(shape);
}

Rollouts play_drawn(const ExplorationGame& game, const PolicyWeights& w, const Tensor& thetas,
                    const Rng& rng) {
  Rng actions = rng.fork("actions");
  return play(game, w, thetas, actions.uniform_tensor({thetas.dim(0), game.horizon}),
              answers(game, thetas.dim(0), rng.fork("answers")));
}

}  // namespace

std::vector<double> random_instance(const ExplorationGame& game, double radius, Rng rng) {
  for (int tries = 0; tries < 1000; ++tries) {
    std::vector<double> theta;
    for (int64 k = 0; k < game.queries.dim(1); ++k) theta.push_back(rng.normal());
    const double c = complexity_of(game, theta);
    if (!std::isfinite(c)) continue;
    for (double& x : theta) x *= std::sqrt(c / radius);
    if (allowed(game, theta)) return theta;
  }
  fail<NumericError>("exploration: no problem of complexity {:.4g} was found", radius);
}

PolicyGradient policy_gradient(const ExplorationGame& game, const PolicyWeights& w, const Rollouts& played,
                               std::span<const double> offsets) {
  const int64 m = std::ssize(offsets), episodes = played.loss.numel(), r = episodes / std::max<int64>(m, 1);
  if (m < 1 || episodes != m * r)
    fail<ShapeError>("policy gradient: {} episodes of {} instances", episodes, m);
  // (An offset is a constant of its instance: the baseline takes it out again.)
  Tensor losses({m, r});
  PolicyGradient out;
  for (int64 i = 0; i < episodes; ++i) {
    const double less = static_cast<double>(played.loss.data()[i]) - offsets[static_cast<size_t>(i / r)];
    losses.mutable_data()[i] = static_cast<real>(less);
    out.objective += less / static_cast<double>(episodes);
  }
  const Tensor advantage = leave_one_out_advantage(losses);
  const int64 steps = played.actions.numel();
  ValueAndGrad found = value_and_grad(
      [&](std::span<const Tensor> p) {
        const PolicyWeights at(p.begin(), p.end());
        const Tensor actions =
            policy_surrogate(action_logits(at, played.features), played.actions.view({steps}), advantage);
        const Tensor q = softmax(output_logits(game, at, played.end, played.theta_hat));
        return actions + mean(sum(q * played.losses, {1}));
      },
      w);
  out.grads = std::move(found.grads);
  return out;
}

std::vector<std::vector<double>> solve_minimax(const ExplorationGame& game, const Parameters& policy,
                                               std::span<const DifficultyClass> classes,
                                               const MinimaxOptions& o, const Rng& rng,
                                               const ShareDone& share, bool ascend) {
  const auto each = static_cast<size_t>(o.instances), count = each * classes.size();
  if (count == 0) fail<UsageError>("minimax: no class of problems");
  const size_t d = static_cast<size_t>(game.queries.dim(1));
  std::vector<double> thetas, radius, offsets;
  const auto fresh = [&](size_t j, std::uint64_t turn) {
    return random_instance(game, radius[j], rng.fork("instances").fork(turn).fork(j));
  };
  for (size_t j = 0; j < count; ++j) {
    radius.push_back(classes[j / each].radius);
    offsets.push_back(classes[j / each].offset);
    const std::vector<double> theta = fresh(j, 0);
    thetas.insert(thetas.end(), theta.begin(), theta.end());
  }
  Adversary adversary(std::vector<double>(count, 0), thetas, o.adversary);
  const OptimizerPtr adam = make_optimizer(fmt::format("adam:lr={}", o.policy_lr), policy);
  std::vector<double> last(offsets);  // of each instance, the loss of its last rollouts
  for (int64 t = 0; t < o.iterations; ++t) {
    if (share && t % 10 == 0) share(static_cast<double>(t) / static_cast<double>(o.iterations));
    const Rng own = rng.fork("iteration").fork(static_cast<std::uint64_t>(t));
    Rng draw = own.fork("draw");
    const std::vector<double> p = adversary.probabilities();
    std::vector<size_t> drawn;
    std::vector<std::vector<double>> rows;
    std::vector<double> less;
    for (int64 i = 0; i < o.drawn; ++i) {
      // One draw from each part of [0,1): all instances are met in proportion.
      const double u = (static_cast<double>(i) + draw.uniform()) / static_cast<double>(o.drawn);
      drawn.push_back(static_cast<size_t>(drawn_index(p, u)));
      if (!ascend)
        adversary.replace(drawn.back(), fresh(drawn.back(), static_cast<std::uint64_t>(t * o.drawn + i + 1)));
      const std::span<const double> theta = adversary.theta(drawn.back());
      rows.emplace_back(theta.begin(), theta.end());
      less.push_back(offsets[drawn.back()]);
    }
    const PolicyWeights w = weights_of(policy);
    const Rollouts played = play_drawn(game, w, tensor_of_rows(rows, o.rollouts), own.fork("rollouts"));
    const PolicyGradient found = policy_gradient(game, w, played, less);
    for (size_t i = 0; i < policy.size(); ++i) policy[i]->grad = found.grads[i];
    GivenGradients given(policy, found.objective);
    adam->step(given, 1);
    if (!ascend) continue;
    std::vector<double> gradients(count * d, 0), sums(count, 0), met(count, 0);
    const auto r = static_cast<double>(o.rollouts);
    for (int64 e = 0; e < played.loss.numel(); ++e) {
      const size_t j = drawn[static_cast<size_t>(e / o.rollouts)];
      sums[j] += static_cast<double>(played.loss.data()[e]), met[j] += 1;
      for (size_t k = 0; k < d; ++k)
        gradients[j * d + k] +=
            static_cast<double>(played.theta_gradient.data()[static_cast<size_t>(e) * d + k]) / r;
    }
    for (size_t j = 0; j < count; ++j)
      if (met[j] > 0) last[j] = sums[j] / met[j];
    adversary.ascend(last, offsets, gradients);
    adversary.enforce(
        [&](size_t j, std::span<const double> theta) {
          if (!allowed(game, theta)) {
            adversary.replace(j, fresh(j, static_cast<std::uint64_t>(o.iterations + t)));
            return 0.0;
          }
          return met[j] > 0 ? complexity_of(game, theta)
                            : 0.0;  // (the others have hardly moved; they are checked when met)
        },
        radius);
    if ((t + 1) % o.reseed_every == 0) {
      std::vector<size_t> order(count);
      std::iota(order.begin(), order.end(), size_t{0});
      std::stable_sort(order.begin(), order.end(),
                       [&](size_t a, size_t b) { return adversary.weights()[a] < adversary.weights()[b]; });
      for (size_t i = 0; i < count / 10; ++i)
        adversary.replace(order[i], fresh(order[i], static_cast<std::uint64_t>(2 * o.iterations + t)));
    }
  }
  // All of them inside their class.
  adversary.enforce([&](size_t, std::span<const double> theta) { return complexity_of(game, theta); },
                    radius);
  std::vector<std::vector<double>> pool;
  for (size_t j = 0; j < count; ++j) pool.emplace_back(adversary.theta(j).begin(), adversary.theta(j).end());
  return pool;
}

std::vector<double> mean_losses(const ExplorationGame& game, const Parameters* policy,
                                std::span<const std::vector<double>> thetas, int64 rollouts, const Rng& rng) {
  std::vector<double> means;
  for (size_t j = 0; j < thetas.size(); ++j) {
    const Tensor rows = tensor_of_rows(thetas.subspan(j, 1), rollouts);
    const Rng own = rng.fork(j);
    const Tensor loss = policy ? play_drawn(game, weights_of(*policy), rows, own).loss
                               : play_uniform(game, rows, answers(game, rollouts, own.fork("answers")));
    double sum = 0;
    for (const real x : loss.span()) sum += static_cast<double>(x);
    means.push_back(sum / static_cast<double>(rollouts));
  }
  return means;
}

Parameters copy_of(const Parameters& policy) {
  Parameters copy;
  for (const ParameterPtr& p : policy)
    copy.push_back(make_parameter(p->name, p->kind, p->value.detach().clone()));
  return copy;
}

LearnedExploration learn_to_explore(const ExplorationGame& game, std::span<const double> radii,
                                    const MinimaxOptions& o, int64 value_rollouts, const Rng& rng,
                                    const ShareDone& share) {
  LearnedExploration out;
  const auto parts = static_cast<double>(radii.size() + 1);
  double done = 0;
  const ShareDone part = [&](double s) {
    if (share) share((done + s) / parts);
  };
  Parameters policy = exploration_policy(game, o.hidden, rng.fork("policy"));
  std::vector<DifficultyClass> classes;
  for (size_t k = 0; k < radii.size(); ++k) {
    const DifficultyClass alone{radii[k], 0};
    std::vector<std::vector<double>> pool =
        solve_minimax(game, policy, {&alone, 1}, o, rng.fork("class").fork(k), part);
    for (int64 i = 0; i < o.instances; ++i)
      pool.push_back(
          random_instance(game, radii[k], rng.fork("others").fork(k).fork(static_cast<std::uint64_t>(i))));
    const std::vector<double> losses =
        mean_losses(game, &policy, pool, value_rollouts, rng.fork("value").fork(k));
    classes.push_back({radii[k], *std::max_element(losses.begin(), losses.end())});
    out.values.push_back(classes.back().offset);
    out.by_class.push_back(copy_of(policy));
    out.instances.push_back(std::move(pool));
    done += 1;
  }
  const std::vector<std::vector<double>> last =
      solve_minimax(game, policy, classes, o, rng.fork("robust"), part);
  for (size_t j = 0; j < last.size(); ++j)
    out.instances[j / static_cast<size_t>(o.instances)].push_back(last[j]);
  out.robust = std::move(policy);
  return out;
}

}  // namespace gradus
