// Agents: rollouts are functions of their seed, models and rewards those of the simulator.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "apps/rl/agent.h"
#include "apps/rl/cart_pole_control.h"
#include "apps/rl/policy_gradient.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "core/error.h"
#include "data/environments/simple_worlds.h"
#include "data/environments/snake.h"

namespace gradus::rl_tests {

TEST_CASE("rl: the model of the cart and pole is the simulator's step, its rewards and ends too") {
  Rng rng(2);
  const Tensor x = rng.uniform_tensor({20, 4}, real(-0.2), real(0.2)), u = rng.uniform_tensor({20, 1}, -9, 9);
  const ControlProblem problem = cart_pole_problem(0.5);
  const Tensor next = problem.model(x, u), reward = problem.reward(x, u), alive = problem.alive(next);
  int64 fallen = 0;
  for (int64 i = 0; i < 20; ++i) {
    CartPole::State s{};
    for (size_t j = 0; j < 4; ++j) s[j] = double(x.data()[4 * i + int64(j)]);
    CartPole pole(s);
    const CartPole::Step at = pole.step(double(u.data()[i]));
    for (size_t j = 0; j < 4; ++j)
      CHECK(double(next.data()[4 * i + int64(j)]) == doctest::Approx(pole.state()[j]).epsilon(1e-5));
    CHECK(double(reward.data()[i]) == doctest::Approx(at.r1 + 0.5 * at.r2).epsilon(1e-5));
    CHECK((alive.data()[i] == 0) == pole.done());
    fallen += pole.done();
  }
  CHECK(fallen < 20);
}

TEST_CASE("rl: a policy that pushes against the fall balances longer than none") {
  // A network of zeros pushes nothing; one linear path of weights pushes along the angle.
  Parameters still = cart_pole_network("policy", 4, 1, Rng(1));
  for (const ParameterPtr& p : still) p->value.fill(0);
  Parameters pushes = cart_pole_network("policy", 4, 1, Rng(1));
  for (const ParameterPtr& p : pushes) p->value.fill(0);
  real* first = pushes[0]->value.mutable_data();
  first[2] = real(0.2), first[3] = real(0.1);
  pushes[2]->value.mutable_data()[0] = 1;
  pushes[4]->value.mutable_data()[0] = 10;
  const CartPoleScore a = score_policy(still, Rng(5)), b = score_policy(pushes, Rng(5));
  CHECK(a.balance < 150);
  CHECK(b.balance > 200);
  CHECK(b.combined > b.balance);
}

TEST_CASE("rl: rollouts of Snake hang on the seed alone, and copies go on from the same games") {
  const std::string spec = "snake:rows=4,cols=4,step_limit=20";
  Episodes games(3, spec, Rng(7)), again(3, spec, Rng(7));
  const Tensors theta = actor_critic_network(games.front(), 8, Rng(1));
  const Rollout a = games.play(theta, 15), b = again.play(theta, 15);
  CHECK(a.observations.shape() == Shape({16 * 3, Snake::kPlanes * 16}));
  CHECK(a.actions.values() == b.actions.values());
  CHECK(a.observations.values() == b.observations.values());
  Episodes copy = games;
  CHECK(copy.play(theta, 5).actions.values() == games.play(theta, 5).actions.values());
  copy.reseed(Rng(99));
  CHECK(copy.play(theta, 20).actions.values() != games.play(theta, 20).actions.values());
  // Every board shows one head; a game that ended starts anew with a snake of one cell.
  for (int64 row = 0; row < 16 * 3; ++row) {
    real heads = 0, cells = 0;
    for (int64 i = 0; i < 16; ++i) {
      heads += a.observations.data()[row * 80 + 16 + i];
      cells += a.observations.data()[row * 80 + i];
    }
    CHECK(heads == 1);
    if (row >= 3 && a.dones.data()[row - 3] == 1) CHECK(cells == 1);
  }
}

TEST_CASE("rl: the loss of a rollout ignores what follows the end of an episode") {
  Episodes games(2, "snake:rows=3,cols=3,step_limit=3", Rng(4));  // games of three steps at most
  const Tensors theta = actor_critic_network(games.front(), 8, Rng(1));
  Rollout r = games.play(theta, 3);
  for (int64 i = 0; i < 2; ++i) r.dones.mutable_data()[4 + i] = 1;
  const auto number = [](double v) { return Tensor::scalar(static_cast<real>(v)); };
  const LossWeights w{number(0.9), number(0.8), number(0.5), number(0.01)};
  const real before = rollout_loss(theta, r, w).item();
  for (int64 i = 0; i < 2 * 45; ++i) r.observations.mutable_data()[3 * 2 * 45 + i] += 1;  // the last boards
  CHECK(rollout_loss(theta, r, w).item() == before);
}

// The probability of each action in the first state.
std::vector<real> first_policy(const Tensors& theta, const std::string& spec) {
  const EnvironmentPtr world = make_environment(spec, Rng(1));
  Tensor x({1, world->observation_size()});
  world->observe({x.mutable_data(), static_cast<size_t>(x.numel())});
  return softmax(actor_critic_forward(theta, x).logits).values();
}

TEST_CASE("policy gradient: finds the best arm with every baseline, and no two alike") {
  const std::string spec = "bandit:arms=4";
  const std::vector<double> means = bandit_means({.arms = 4});
  const size_t best = static_cast<size_t>(std::max_element(means.begin(), means.end()) - means.begin());
  std::vector<real> last;
  for (const char* baseline : {"value", "mean", "none"}) {
    CAPTURE(baseline);
    const Tensors theta = train_policy({.environment = spec,
                                        .optim = "adam:lr=0.03",
                                        .baseline = baseline,
                                        .updates = 60,
                                        .steps = 5,
                                        .hidden = 4});
    const std::vector<real> p = first_policy(theta, spec);
    CHECK(p[best] > real(0.8));
    CHECK(p != last);
    last = p;
  }
  CHECK_THROWS_WITH_AS(train_policy({.environment = "bandits"}), doctest::Contains("bandit"), UsageError);
  CHECK_THROWS_WITH_AS(train_policy({.environment = "bandit", .baseline = "median", .updates = 1}),
                       doctest::Contains("median"), UsageError);
}

TEST_CASE("policy gradient: walks the grid, spells the word; the same seed is the same training") {
  double last = 0;
  const auto remember = [&](int64, double mean) {
    last = mean;
    return true;
  };
  train_policy({.environment = "pattern:length=3,letters=3",
                .optim = "adam:lr=0.03",
                .updates = 120,
                .steps = 6,
                .hidden = 8},
               remember);
  CHECK(last > 0.9);
  train_policy({.environment = "grid-world:rows=3,cols=3,step_limit=12",
                .optim = "adam:lr=0.02",
                .updates = 120,
                .steps = 8,
                .hidden = 8},
               remember);
  CHECK(last > 0.9);
  const PolicyGradientOptions few{
      .environment = "cart-pole", .updates = 3, .episodes = 4, .steps = 5, .hidden = 4};
  CHECK(train_policy(few)[0].values() == train_policy(few)[0].values());
}

}  // namespace gradus::rl_tests
