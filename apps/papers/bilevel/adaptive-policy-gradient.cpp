// A policy tuned to an added task by the gradient of its Bellman backup.
// Paper: Hao, Lu, Liang, Zhou, Mou, "Adaptive Policy Learning to Additional Tasks", 2023, arXiv 2305.15193. What is known of it is the
//        principle; the procedure is a reconstruction (optim/bilevel/policy_backup.h).
//   J(theta) = mean_x [r(x, u) + gamma*alive*Vbar(f(x, u))], u = mu_theta(x);  theta <- theta + lr*dJ/dtheta
// The claims at our scale: a policy that balances a pole learns to bring the cart to x = 1 as well, in at most half of the
// environment steps of DDPG from the same start, ends within 5 % of DDPG's return, and keeps 95 % of its balance return; on the
// scalar linear-quadratic regulator with an added cost it finds the Riccati solution, and the mean of ||dJ||^2 falls as 1/t.
// Departures: the pole's policy is pretrained with the known model; 7,000 environment steps; networks of 32 units; five steps of
// backup in place of one, and value (and model) are fitted to 1,000 steps of the start policy first (they count).
// Tried before: one step of backup, no such fit, 6,000 steps, step sizes 1e-3 to 1e-2: returns touch 360 to 460 once and fall to
// 80 to 150, with the known model and a fitted one; DDPG ends at 150 to 350. One step with the fit, 3e-4 and 1e-3: the same.
// These were tried on seeds 0 to 2, of which a recorded run is to keep clear (--first-seed 100).
#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "apps/papers/bilevel/adaptive-policy-gradient_cases.h"
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/rl/cart_pole_control.h"
#include "core/error.h"
#include "optim/bilevel/policy_backup.h"

namespace gradus::paper_entries {
namespace {

constexpr double kGoodReturn = 420;  // of r1 + r2 over 300 steps: balancing alone gives 305

Outcome adapt_policy(const Trial& trial) {
  const Rng rng = Rng(static_cast<std::uint64_t>(trial.seed)).fork("cart-pole");
  Parameters theta = cart_pole_network("policy", 4, 1, rng.fork("policy"));
  const bool quick = trial.quick;
  const auto score = [&] { return score_policy(theta, rng.fork("score"), quick ? 10 : kCartPoleSteps); };
  const auto options = [&](const std::string& method, double lr, double w2, int64 rounds) {
    return ControlOptions{.method = method,
                          .lr = lr,
                          .w2 = w2,
                          .rounds = quick ? 1 : rounds,
                          .steps_per_round = quick ? 20 : 500,
                          .gradient_steps = quick ? 4 : 400,
                          .first_steps = quick ? 20 : 1000};
  };
  Outcome outcome;
  control_cart_pole(theta, options("apg", 1e-3, 0, 16), rng.fork("pretraining"),
                    [&](int64) { return score().balance < 295; });
  const double balance = score().balance;
  const std::string method = trial.word("method");
  const int64 rounds = method == "ddpg" ? 14 : 12;  // with the first steps of apg the same number of steps
  Curve& curve = outcome.curves["combined_return"];
  curve.x_label = "environment step";
  std::optional<int64> reached;
  std::vector<CartPoleScore> last;
  try {
    control_cart_pole(
        theta, options(method, trial.number("lr"), 1, rounds), rng.fork("adaptation"), [&](int64 steps) {
          trial.checkpoint(static_cast<double>(steps) / 7000);
          last.push_back(score());
          curve.x.push_back(static_cast<double>(steps)), curve.y.push_back(last.back().combined);
          if (!reached && last.back().combined >= kGoodReturn) reached = steps;
          return true;
        });
  } catch (const NumericError& e) {
    outcome.diverged = true, outcome.note = e.what();
    return outcome;
  }
  // A single policy's score jumps from round to round: the mean of the last three.
  CartPoleScore end;
  const size_t count = std::min<size_t>(last.size(), 3);
  for (size_t i = last.size() - count; i < last.size(); ++i) {
    end.combined += last[i].combined / static_cast<double>(count);
    end.balance += last[i].balance / static_cast<double>(count);
  }
  outcome.metrics = {{"adaptation_steps", static_cast<double>(reached.value_or(7500))},
                     {"final_return", end.combined},
                     {"pretrained_balance", balance},
                     {"balance_kept", end.balance / std::max(balance, 1.0)}};
  return outcome;
}

// x' = x + u, cost x^2 + u^2 and an added x^2: p = 1 + sqrt(3), k = p/(1 + p) by the Riccati equation p^2 = 2 + 2p.
Outcome regulator(const Trial& trial) {
  Rng rng = Rng(static_cast<std::uint64_t>(trial.seed)).fork("regulator");
  const Tensor states = rng.normal_tensor({16, 1});
  const auto number = [](const char* name, double x) {
    return make_parameter(name, ParamKind::kWeight, Tensor::scalar(static_cast<real>(x)));
  };
  const double golden = (1 + std::sqrt(5.0)) / 2, p = 1 + std::sqrt(3.0);
  const ParameterPtr k = number("k", golden / (1 + golden)), value = number("p", golden);
  AdaptivePolicy training(ScalarRegulator{.q = 2}.problem(), {k}, {value},
                          {.policy = "sgd:lr=0.02", .value = "sgd:lr=0.05", .gamma = 1, .tau = 1});
  Outcome outcome;
  Curve& curve = outcome.curves["mean_squared_gradient"];
  curve.x_label = "step";
  double total = 0, next = 10;
  const int64 steps = trial.quick ? 30 : 3000;
  for (int64 t = 1; t <= steps; ++t) {
    for (int i = 0; i < 3; ++i) training.evaluate(states);
    total += training.improve(states);
    if (static_cast<double>(t) < next) continue;
    trial.checkpoint(static_cast<double>(t) / static_cast<double>(steps));
    curve.x.push_back(static_cast<double>(t)), curve.y.push_back(total / static_cast<double>(t));
    next *= 1.3;
  }
  outcome.metrics["riccati_error"] = std::abs(static_cast<double>(k->value.item()) - p / (1 + p));
  return outcome;
}

void apg_experiment(Experiment& e) {
  const std::vector<double> lr = {3e-4, 1e-3};
  for (const char* method : {"apg", "apg-learned", "ddpg"})
    e.arm(method).run(adapt_policy, {{"method", method}}).tune("lr", lr);
  e.arm("regulator").run(regulator).untuned("its steps are fixed by the curvature of the problem");
  e.tune_for("final_return");
  for (const char* name : {"apg", "apg-learned"}) {
    e.claim(fmt::format("{}: a good return in at most half of DDPG's steps", name),
            ratio_at_most(name, "ddpg", "adaptation_steps", 0.5));
    e.claim(fmt::format("{}: its final return is within 5 % of DDPG's or above", name),
            not_worse(name, "ddpg", "final_return", 0.05 * kGoodReturn));
    e.claim(fmt::format("{}: 95 % of the balance return is kept", name),
            at_least(name, "balance_kept", 0.95));
  }
  e.claim("the regulator's gain is the Riccati solution", at_most("regulator", "riccati_error", 1e-3));
  e.claim("the mean of ||dJ||^2 falls as 1/t", rate_at_most("regulator", "mean_squared_gradient", -0.9));
}

}  // namespace

Paper adaptive_policy_gradient() {
  return {.slug = "adaptive-policy-gradient",
          .family = "bilevel",
          .title = "Adaptive Policy Learning to Additional Tasks",
          .authors = "Hao, Lu, Liang, et al.",
          .venue = "arXiv",
          .year = 2023,
          .arxiv = "2305.15193",
          .idea =
              "A pretrained policy is tuned to an added task by the deterministic gradient of \"reward now "
              "and value of the next "
              "state\", through the action and a model of one step, in place of learning a critic of actions "
              "from nothing.",
          .equations =
              "J(theta) = mean_x [r(x, u) + gamma*alive*Vbar(f(x, u))],  u = mu_theta(x)\n"
              "V: (V(x) - [r(x, mu(x)) + gamma*alive*Vbar(f(x, mu(x)))])^2,  Vbar <- (1 - tau)*Vbar + tau*V",
          .files = {"optim/bilevel/policy_backup.cpp", "data/environments/cart_pole.cpp",
                    "apps/rl/cart_pole_control.cpp"},
          .use = "AdaptivePolicy of optim/bilevel/policy_backup.h",
          .functions = adaptive_policy_gradient_functions(),
          .experiment = apg_experiment,
          .minutes = 2};
}

}  // namespace gradus::paper_entries
