#include "apps/papers/bilevel/adaptive-policy-gradient_cases.h"

#include <algorithm>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "data/environments/cart_pole.h"
#include "optim/bilevel/policy_backup.h"
#include "optim/registry.h"

namespace gradus {
namespace {

struct CartPoleCase {
  double force_max = 10, goal = 1;
  void visit(auto&& f) {
    f("force_max", force_max, "largest force", positive());
    f("goal", goal, "where r2 is largest");
  }
};

CaseFunction cart_pole_function() {
  return case_function<CartPoleCase>(
      {"cartpole-rollout",
       "a cart with a pole under given forces",
       {{"state", "4", CaseType::kReal, "x, xdot, th, thdot"}, {"forces", "T"}},
       {{"states", "T+1,4"},
        {"r1", "T"},
        {"r2", "T"},
        {"dones", "T", CaseType::kInt},
        {"dstate_dforce", "T,4"}}},
      [](const CartPoleCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor& forces = in.tensor("forces");
        const int64 steps = forces.numel();
        CartPole::State start{};
        std::copy_n(in.tensor("state").data(), 4, start.begin());
        CartPole pole(start, o.force_max, o.goal);
        Tensor states({steps + 1, 4}), r1({steps}), r2({steps}), slopes({steps, 4});
        IntTensor dones({steps});
        const auto put = [](Tensor& to, int64 row, const CartPole::State& s) {
          for (size_t i = 0; i < 4; ++i)
            to.mutable_data()[4 * row + static_cast<int64>(i)] = static_cast<real>(s[i]);
        };
        put(states, 0, start);
        for (int64 t = 0; t < steps; ++t) {
          const CartPole::Step at = pole.step(static_cast<double>(forces.data()[t]));
          put(states, t + 1, pole.state());
          put(slopes, t, at.slope);
          r1.mutable_data()[t] = static_cast<real>(at.r1);
          r2.mutable_data()[t] = static_cast<real>(at.r2);
          dones.mutable_data()[t] = pole.done();
        }
        out.set("states", states);
        out.set("r1", r1);
        out.set("r2", r2);
        out.set("dones", dones);
        out.set("dstate_dforce", slopes);
      });
}

Tensor quadratic_form(const Tensor& x, const Tensor& q) { return sum(matmul(x, q) * x, {1}); }

// Tanh networks, a linear model and a quadratic reward from the inputs of a case.
ControlProblem linear_control(const CaseValues& in, double action_scale, double state_limit) {
  ControlProblem problem{
      .policy =
          [=](std::span<const Tensor> p, const Tensor& x) {
            return tanh(linear(tanh(linear(x, p[0], p[1])), p[2], p[3])) * static_cast<real>(action_scale);
          },
      .value =
          [](std::span<const Tensor> p, const Tensor& x) {
            return flatten(matmul(tanh(linear(x, p[0], p[1])), reshape(p[2], {-1, 1})), 0) + p[3];
          },
      .model = [&in](const Tensor& x,
                     const Tensor& u) { return linear(x, in.tensor("A")) + linear(u, in.tensor("B")); },
      .reward =
          [&in](const Tensor& x, const Tensor& u) {
            return -(quadratic_form(x, in.tensor("Q")) + quadratic_form(u, in.tensor("R")));
          }};
  if (state_limit > 0)
    problem.alive = [=](const Tensor& x) {
      return flatten(less_equal(abs(slice(x, 1, 0, 1)), Tensor::scalar(static_cast<real>(state_limit))), 0);
    };
  return problem;
}

const std::vector<std::string> kPolicyNames{"policy_W1", "policy_b1", "policy_W2", "policy_b2"},
    kValueNames{"value_W1", "value_b1", "value_w2", "value_b2"};

std::vector<CaseSlot> control_inputs(std::vector<CaseSlot> more) {
  std::vector<CaseSlot> slots{{"policy_W1", "h,n"}, {"policy_b1", "h"},  {"policy_W2", "m,h"},
                              {"policy_b2", "m"},   {"value_W1", "k,n"}, {"value_b1", "k"},
                              {"value_w2", "k"},    {"value_b2", ""},    {"A", "n,n"},
                              {"B", "n,m"},         {"Q", "n,n"},        {"R", "m,m"}};
  slots.insert(slots.end(), more.begin(), more.end());
  return slots;
}

Tensors tensors_named(const CaseValues& in, const std::vector<std::string>& names) {
  Tensors values;
  for (const std::string& name : names) values.push_back(in.tensor(name));
  return values;
}

struct ImprovementCase {
  double gamma = 0.98, action_scale = 1, state_limit = 0, kappa = 0;
  int64 horizon = 1;
  void visit(auto&& f) {
    f("gamma", gamma, "discount", between(0, 1));
    f("horizon", horizon, "H, steps through the model", at_least(0));
    f("action_scale", action_scale, "largest action", positive());
    f("state_limit", state_limit, "largest |x[0]|; beyond it nothing follows; 0: none", at_least(0));
    f("kappa", kappa, "weight of staying near the protected actions", at_least(0));
  }
};

CaseFunction improvement_function() {
  return case_function<ImprovementCase>(
      {"policy-improvement-gradient",
       "the Bellman backup of a policy and its gradient of ascent",
       control_inputs({{"states", "N,n"},
                       {"protected_states", "P,n", CaseType::kReal, "with kappa", true},
                       {"protected_actions", "P,m", CaseType::kReal, "with kappa", true}}),
       {{"objective", ""},
        {"grad_policy_W1", "h,n"},
        {"grad_policy_b1", "h"},
        {"grad_policy_W2", "m,h"},
        {"grad_policy_b2", "m"}}},
      [](const ImprovementCase& o, const CaseValues& in, CaseValues& out) {
        const ControlProblem problem = linear_control(in, o.action_scale, o.state_limit);
        const Tensors phi = tensors_named(in, kValueNames);
        const ValueAndGrad at = value_and_grad(
            [&](std::span<const Tensor> theta) {
              const Tensor j =
                  backup_objective(problem, theta, phi, in.tensor("states"), {o.gamma, o.horizon});
              if (o.kappa == 0) return j;
              return j - protection_penalty(problem, theta, in.tensor("protected_states"),
                                            in.tensor("protected_actions")) *
                             static_cast<real>(o.kappa);
            },
            tensors_named(in, kPolicyNames), {.allow_unused = true});
        out.set("objective", at.value);
        for (size_t i = 0; i < kPolicyNames.size(); ++i) out.set("grad_" + kPolicyNames[i], at.grads[i]);
      });
}

struct EvaluationCase {
  double gamma = 0.98, tau = 0.01, lr = 1e-3, action_scale = 1, state_limit = 0;
  std::string optimizer = "adam";
  void visit(auto&& f) {
    f("gamma", gamma, "discount", between(0, 1));
    f("tau", tau, "how fast the copy follows", between(0, 1));
    f("lr", lr, "step size of the value", positive());
    f("optimizer", optimizer, "of the value", choices({"adam", "sgd"}));
    f("action_scale", action_scale, "largest action", positive());
    f("state_limit", state_limit, "largest |x[0]|; beyond it nothing follows; 0: none", at_least(0));
  }
};

CaseFunction evaluation_function() {
  std::vector<CaseSlot> outputs{{"loss", "K"}};
  for (const char* prefix : {"", "target_"})
    for (const auto& [name, shape] : std::vector<std::pair<std::string, std::string>>{
             {"value_W1", "k,n"}, {"value_b1", "k"}, {"value_w2", "k"}, {"value_b2", ""}})
      outputs.push_back({prefix + name, shape});
  return case_function<EvaluationCase>(
      {"policy-evaluation", "steps of a value towards its Bellman target by a slow copy",
       control_inputs({{"state_batches", "K,N,n"}}), outputs},
      [](const EvaluationCase& o, const CaseValues& in, CaseValues& out) {
        Parameters phi;
        for (const std::string& name : kValueNames)
          phi.push_back(make_parameter(name, ParamKind::kWeight, in.tensor(name).clone()));
        PolicyEvaluation evaluation(linear_control(in, o.action_scale, o.state_limit), phi,
                                    fmt::format("{}:lr={}", o.optimizer, o.lr), o.gamma, o.tau);
        const Tensors theta = tensors_named(in, kPolicyNames);
        const Tensor& batches = in.tensor("state_batches");
        Tensor loss({batches.dim(0)});
        for (int64 k = 0; k < batches.dim(0); ++k)
          loss.mutable_data()[k] = static_cast<real>(
              evaluation.step(theta, batches.rows(k, k + 1).view({batches.dim(1), batches.dim(2)})));
        out.set("loss", loss);
        for (size_t i = 0; i < phi.size(); ++i) {
          out.set(phi[i]->name, stop_gradient(phi[i]->value));
          out.set("target_" + phi[i]->name, evaluation.copy()[i]);
        }
      });
}

struct LqrCase {
  double a = 1, b = 1, q = 1, r = 1, q2 = 0, w2 = 0, gamma = 1, p_init = 1, k_init = 0, value_lr = 0.01,
         policy_lr = 0.01, tau = 1;
  int64 iterations = 1, value_steps = 1, policy_steps = 1;
  void visit(auto&& f) {
    f("a", a, "x' = a*x + b*u");
    f("b", b, "x' = a*x + b*u");
    f("q", q, "cost of x^2");
    f("r", r, "cost of u^2");
    f("q2", q2, "added cost of x^2");
    f("w2", w2, "its weight");
    f("gamma", gamma, "discount", between(0, 1));
    f("p_init", p_init, "first p of V = -p*x^2");
    f("k_init", k_init, "first k of u = -k*x");
    f("iterations", iterations, "of evaluation and improvement", at_least(1));
    f("value_steps", value_steps, "steps on p an iteration", at_least(0));
    f("policy_steps", policy_steps, "steps on k an iteration", at_least(0));
    f("value_lr", value_lr, "step size of p", positive());
    f("policy_lr", policy_lr, "step size of k", positive());
    f("tau", tau, "how fast the copy of p follows", between(0, 1));
  }
};

CaseFunction lqr_function() {
  return case_function<LqrCase>(
      {"apg-lqr-train",
       "policy evaluation and improvement on the scalar linear-quadratic regulator",
       {{"states", "N"}},
       {{"k", "iterations"}, {"p", "iterations"}, {"p_target", "iterations"}, {"objective", "iterations"}}},
      [](const LqrCase& o, const CaseValues& in, CaseValues& out) {
        const ScalarRegulator regulator{o.a, o.b, o.q + o.w2 * o.q2, o.r};
        const auto number = [](const char* name, double x) {
          return make_parameter(name, ParamKind::kWeight, Tensor::scalar(static_cast<real>(x)));
        };
        const ParameterPtr k = number("k", o.k_init), p = number("p", o.p_init);
        AdaptivePolicy training(regulator.problem(), {k}, {p},
                                {.policy = fmt::format("sgd:lr={}", o.policy_lr),
                                 .value = fmt::format("sgd:lr={}", o.value_lr),
                                 .gamma = o.gamma,
                                 .tau = o.tau});
        const Tensor states = in.tensor("states").view({in.tensor("states").numel(), 1});
        Tensor rows[4];
        for (Tensor& row : rows) row = Tensor({o.iterations});
        for (int64 t = 0; t < o.iterations; ++t) {
          for (int64 i = 0; i < o.value_steps; ++i) training.evaluate(states);
          for (int64 i = 0; i < o.policy_steps; ++i) training.improve(states);
          rows[0].mutable_data()[t] = k->value.item();
          rows[1].mutable_data()[t] = p->value.item();
          rows[2].mutable_data()[t] = training.slow_value()[0].item();
          rows[3].mutable_data()[t] = static_cast<real>(training.objective(states));
        }
        out.set("k", rows[0]);
        out.set("p", rows[1]);
        out.set("p_target", rows[2]);
        out.set("objective", rows[3]);
      });
}

}  // namespace

std::vector<CaseFunction> adaptive_policy_gradient_functions() {
  return {cart_pole_function(), improvement_function(), evaluation_function(), lqr_function()};
}

}  // namespace gradus
