#include "apps/rl/cart_pole_control.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "optim/registry.h"

namespace gradus {
namespace {

constexpr double kDiscount = 0.98, kSlow = 0.02, kForce = 10;
constexpr int64 kUnits = 32, kMinibatch = 64;

Tensors plain_values(const Parameters& parameters) {
  Tensors values;
  for (const ParameterPtr& p : parameters) values.push_back(stop_gradient(p->value));
  return values;
}

Tensors leaf_values(const Parameters& parameters) {
  Tensors values;
  for (const ParameterPtr& p : parameters) values.push_back(p->value);
  return values;
}

Tensor tanh_layers(std::span<const Tensor> p, const Tensor& x) {
  Tensor h = x;
  for (size_t i = 0; i < p.size(); i += 2) {
    h = linear(h, p[i], p[i + 1]);
    if (i + 2 < p.size()) h = tanh(h);
  }
  return h;
}

// States in comparable units.
Tensor scaled(const Tensor& x) { return x * Tensor::from({4}, {1, 0.5, 5, 0.5}); }

void descend_step(const Parameters& parameters, Optimizer& optimizer, const Function& loss) {
  const ValueAndGrad at = value_and_grad(loss, leaf_values(parameters), {.allow_unused = true});
  for (size_t i = 0; i < parameters.size(); ++i) parameters[i]->grad = at.grads[i];
  optimizer.step(1, static_cast<double>(at.value.item()));
}

void follow(Tensors& slow, const Parameters& fast) {
  for (size_t i = 0; i < slow.size(); ++i) {
    real* to = slow[i].mutable_data();
    const real* from = fast[i]->value.data();
    for (int64 j = 0; j < slow[i].numel(); ++j) to[j] += static_cast<real>(kSlow) * (from[j] - to[j]);
  }
}

// Transitions, the last 10,000.
struct Memory {
  struct Row {
    CartPole::State x{}, next{};
    double u = 0, r1 = 0, r2 = 0;
    bool done = false;
  };
  std::vector<Row> rows;
  size_t oldest = 0;

  void add(const Row& row) {
    if (rows.size() < 10000) {
      rows.push_back(row);
    } else {
      rows[oldest] = row;
      oldest = (oldest + 1) % rows.size();
    }
  }
  struct Sample {
    Tensor x{Shape({kMinibatch, 4})}, next{Shape({kMinibatch, 4})}, u{Shape({kMinibatch, 1})},
        reward{Shape({kMinibatch})}, keep{Shape({kMinibatch})};
  };
  Sample draw(double w2, Rng& rng) const {
    Sample s;
    for (int64 i = 0; i < kMinibatch; ++i) {
      const Row& row = rows[static_cast<size_t>(rng.below(std::ssize(rows)))];
      for (size_t j = 0; j < 4; ++j) {
        s.x.mutable_data()[4 * i + static_cast<int64>(j)] = static_cast<real>(row.x[j]);
        s.next.mutable_data()[4 * i + static_cast<int64>(j)] = static_cast<real>(row.next[j]);
      }
      s.u.mutable_data()[i] = static_cast<real>(row.u);
      s.reward.mutable_data()[i] = static_cast<real>(row.r1 + w2 * row.r2);
      s.keep.mutable_data()[i] = row.done ? real(0) : real(1);
    }
    return s;
  }
};

CartPole::State start_state(Rng& rng) {
  CartPole::State s{};
  for (double& v : s) v = rng.uniform(-0.05, 0.05);
  return s;
}

// One game that goes on over rounds: plays with mu + noise into the memory.
class Player {
 public:
  explicit Player(Rng rng) : rng_(rng), pole_(start_state(rng_)) {}
  void play(const Parameters& theta, int64 steps, double noise, Memory& memory) {
    const Recording off(false);
    const Tensors policy = plain_values(theta);
    Tensor x({1, 4});
    for (int64 t = 0; t < steps; ++t) {
      for (size_t j = 0; j < 4; ++j) x.mutable_data()[j] = static_cast<real>(pole_.state()[j]);
      Memory::Row row{.x = pole_.state()};
      const double mu = static_cast<double>(cart_pole_policy(policy, x).item());
      row.u = std::clamp(mu + noise * rng_.normal(), -kForce, kForce);
      const CartPole::Step at = pole_.step(row.u);
      row.r1 = at.r1, row.r2 = at.r2, row.next = pole_.state(), row.done = pole_.done();
      memory.add(row);
      if (pole_.done() || ++played_ == kCartPoleSteps) pole_ = CartPole(start_state(rng_)), played_ = 0;
    }
  }

 private:
  Rng rng_;
  CartPole pole_;
  int64 played_ = 0;
};

// What a round does with the memory.
class Learner {
 public:
  virtual ~Learner() = default;
  // Of what the start policy has seen, with the policy as it is.
  virtual void prepare(const Memory& /*memory*/, int64 /*steps*/, Rng& /*rng*/) {}
  virtual void learn(const Memory& memory, int64 steps, Rng& rng) = 0;
};

class Apg final : public Learner {
 public:
  Apg(const Parameters& theta, const ControlOptions& o, const Rng& rng)
      : learned_(o.method == "apg-learned"),
        w2_(o.w2),
        model_(cart_pole_network("model", 5, 4, rng.fork("model"))),
        model_optimizer_(make_optimizer("adam:lr=3e-3", model_)),
        policy_(problem(), theta, cart_pole_network("value", 4, 1, rng.fork("value")),
                {.policy = fmt::format("adam:lr={}", o.lr),
                 .value = "adam:lr=1e-3",
                 .gamma = kDiscount,
                 .tau = kSlow,
                 .horizon = o.horizon}) {}

  void prepare(const Memory& memory, int64 steps, Rng& rng) override {
    fit_model(memory, steps, rng);
    for (int64 i = 0; i < steps; ++i) policy_.evaluate(memory.draw(w2_, rng).x);
  }
  void learn(const Memory& memory, int64 steps, Rng& rng) override {
    fit_model(memory, steps, rng);
    for (int64 i = 0; i < steps; ++i) {
      if (i % 4 == 3)
        policy_.improve(memory.draw(w2_, rng).x);
      else
        policy_.evaluate(memory.draw(w2_, rng).x);
    }
  }

 private:
  void fit_model(const Memory& memory, int64 steps, Rng& rng) {
    if (!learned_) return;
    for (int64 i = 0; i < steps; ++i) {
      const Memory::Sample s = memory.draw(w2_, rng);
      descend_step(model_, *model_optimizer_, [&](std::span<const Tensor> p) {
        return mean(square(change(p, s.x, s.u) - (s.next - s.x) * real(10)));
      });
    }
  }
  // Ten times the change of the state.
  static Tensor change(std::span<const Tensor> p, const Tensor& x, const Tensor& u) {
    return tanh_layers(p, concat(Tensors{scaled(x), u * static_cast<real>(1 / kForce)}, 1));
  }
  ControlProblem problem() {
    ControlProblem made = cart_pole_problem(w2_);
    if (learned_)
      made.model = [this](const Tensor& x, const Tensor& u) {
        return x + change(plain_values(model_), x, u) * real(0.1);
      };
    return made;
  }

  bool learned_;
  double w2_;
  Parameters model_;
  OptimizerPtr model_optimizer_;
  AdaptivePolicy policy_;
};

class Ddpg final : public Learner {
 public:
  Ddpg(const Parameters& theta, const ControlOptions& o, const Rng& rng)
      : theta_(theta),
        critic_(cart_pole_network("critic", 5, 1, rng.fork("critic"))),
        w2_(o.w2),
        policy_optimizer_(make_optimizer(fmt::format("adam:lr={}", o.lr), theta_)),
        critic_optimizer_(make_optimizer("adam:lr=3e-3", critic_)) {
    for (const Tensor& t : plain_values(theta_)) slow_policy_.push_back(t.clone());
    for (const Tensor& t : plain_values(critic_)) slow_critic_.push_back(t.clone());
  }

  void learn(const Memory& memory, int64 steps, Rng& rng) override {
    for (int64 i = 0; i < steps; ++i) {
      const Memory::Sample s = memory.draw(w2_, rng);
      Tensor target;
      {
        const Recording off(false);
        target = s.reward + s.keep * q(slow_critic_, s.next, cart_pole_policy(slow_policy_, s.next)) *
                                static_cast<real>(kDiscount);
      }
      descend_step(critic_, *critic_optimizer_,
                   [&](std::span<const Tensor> p) { return mean(square(q(p, s.x, s.u) - target)); });
      const Tensors critic = plain_values(critic_);
      descend_step(theta_, *policy_optimizer_, [&](std::span<const Tensor> p) {
        return -mean(q(critic, s.x, cart_pole_policy(p, s.x)));
      });
      follow(slow_policy_, theta_);
      follow(slow_critic_, critic_);
    }
  }

 private:
  static Tensor q(std::span<const Tensor> p, const Tensor& x, const Tensor& u) {
    return flatten(tanh_layers(p, concat(Tensors{scaled(x), u * static_cast<real>(1 / kForce)}, 1)), 0) *
           real(30);
  }
  Parameters theta_, critic_;
  double w2_;
  OptimizerPtr policy_optimizer_, critic_optimizer_;
  Tensors slow_policy_, slow_critic_;
};

}  // namespace

Parameters cart_pole_network(const std::string& name, int64 inputs, int64 outputs, Rng rng) {
  Parameters made;
  const int64 sizes[] = {inputs, kUnits, kUnits, outputs};
  for (int i = 0; i < 3; ++i) {
    const double gain = i == 2 ? 0.1 : 1;
    made.push_back(make_parameter(
        fmt::format("{}.{}.weight", name, i), ParamKind::kWeight,
        rng.normal_tensor({sizes[i + 1], sizes[i]}, 0,
                          static_cast<real>(gain / std::sqrt(static_cast<double>(sizes[i]))))));
    made.push_back(
        make_parameter(fmt::format("{}.{}.bias", name, i), ParamKind::kBias, Tensor::zeros({sizes[i + 1]})));
  }
  return made;
}

Tensor cart_pole_policy(std::span<const Tensor> theta, const Tensor& x) {
  return tanh(tanh_layers(theta, scaled(x))) * static_cast<real>(kForce);
}

Tensor cart_pole_model(const Tensor& x, const Tensor& u) {
  const auto column = [&](int64 j) { return slice(x, 1, j, j + 1); };
  const auto at = cart_pole_accelerations(column(2), column(3), u);
  const Tensor change[] = {column(1), at.cart, column(3), at.pole};
  return x + concat(change, 1) * static_cast<real>(kCartPoleStep);
}

ControlProblem cart_pole_problem(double w2) {
  return {.policy = cart_pole_policy,
          .value = [](std::span<const Tensor> phi,
                      const Tensor& x) { return flatten(tanh_layers(phi, scaled(x)), 0) * real(30); },
          .model = cart_pole_model,
          .reward =
              [w2](const Tensor& x, const Tensor& u) {
                const Tensor r1 = balance_reward(slice(x, 1, 2, 3), u),
                             r2 = goal_reward(slice(x, 1, 0, 1), 1);
                return flatten(r1 + r2 * static_cast<real>(w2), 0);
              },
          .alive =
              [](const Tensor& x) {
                Tensor alive({x.dim(0)});
                for (int64 i = 0; i < x.dim(0); ++i) {
                  CartPole::State s{};
                  for (size_t j = 0; j < 4; ++j)
                    s[j] = static_cast<double>(x.data()[4 * i + static_cast<int64>(j)]);
                  alive.mutable_data()[i] = CartPole::fallen(s) ? real(0) : real(1);
                }
                return alive;
              }};
}

CartPoleScore score_policy(const Parameters& theta, const Rng& rng, int64 steps) {
  const Recording off(false);
  constexpr int64 kStarts = 8;
  const Tensors policy = plain_values(theta);
  Rng draws = rng;
  std::vector<CartPole> poles;
  for (int64 i = 0; i < kStarts; ++i) poles.emplace_back(start_state(draws));
  Tensor x({kStarts, 4});
  CartPoleScore score;
  for (int64 t = 0; t < steps; ++t) {
    for (size_t i = 0; i < poles.size(); ++i)
      for (size_t j = 0; j < 4; ++j) x.mutable_data()[4 * i + j] = static_cast<real>(poles[i].state()[j]);
    const Tensor u = cart_pole_policy(policy, x);
    for (size_t i = 0; i < poles.size(); ++i) {
      const CartPole::Step at = poles[i].step(static_cast<double>(u.data()[i]));
      score.balance += at.r1 / kStarts;
      score.combined += (at.r1 + at.r2) / kStarts;
    }
  }
  return score;
}

void control_cart_pole(Parameters& theta, const ControlOptions& o, const Rng& rng,
                       const std::function<bool(int64 steps)>& after) {
  std::unique_ptr<Learner> learner;
  if (o.method == "ddpg")
    learner = std::make_unique<Ddpg>(theta, o, rng.fork("ddpg"));
  else
    learner = std::make_unique<Apg>(theta, o, rng.fork("apg"));
  Memory memory;
  Player player(rng.fork("player"));
  Rng draws = rng.fork("minibatches");
  int64 steps = 0;
  if (o.method != "ddpg" && o.first_steps > 0) {
    player.play(theta, o.first_steps, 1, memory);
    steps += o.first_steps;
    learner->prepare(memory, 4 * o.gradient_steps, draws);
  }
  for (int64 round = 0; round < o.rounds; ++round) {
    player.play(theta, o.steps_per_round, 1 * std::pow(0.9, static_cast<double>(round)), memory);
    steps += o.steps_per_round;
    learner->learn(memory, o.gradient_steps, draws);
    if (!after(steps)) return;
  }
}

}  // namespace gradus
