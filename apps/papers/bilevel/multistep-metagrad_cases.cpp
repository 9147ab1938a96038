#include "apps/papers/bilevel/multistep-metagrad_cases.h"

#include "apps/papers/backprop-free/dense_case.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "data/environments/snake.h"
#include "nn/alignment/actor_critic.h"
#include "nn/alignment/advantages.h"
#include "optim/bilevel/multistep_metagradient.h"

namespace gradus {
namespace {

Tensor element_of(const Tensor& x, int64 i) { return reshape(slice(x, 0, i, i + 1), std::vector<int64>{}); }

CaseFunction lambda_return_function() {
  return case_function<NoOptions>(
      {"lambda-return",
       "lambda-returns and their derivatives in the logits of discount and trace",
       {{"rewards", "T,E"}, {"dones", "T,E"}, {"values", "T+1,E"}, {"eta", "2", CaseType::kReal, "logits"}},
       {{"returns", "T,E"}, {"dreturns_dgamma_logit", "T,E"}, {"dreturns_dlambda_logit", "T,E"}}},
      [](const NoOptions&, const CaseValues& in, CaseValues& out) {
        const Function returns = [&](std::span<const Tensor> eta) {
          return lambda_returns(in.tensor("rewards"), in.tensor("dones"), in.tensor("values"),
                                sigmoid(element_of(eta[0], 0)), sigmoid(element_of(eta[0], 1)));
        };
        const Tensors eta{in.tensor("eta")};
        const Jvp by_gamma = jvp(returns, eta, Tensors{Tensor::from({2}, {1, 0})}),
                  by_lambda = jvp(returns, eta, Tensors{Tensor::from({2}, {0, 1})});
        out.set("returns", by_gamma.value);
        out.set("dreturns_dgamma_logit", by_gamma.tangent);
        out.set("dreturns_dlambda_logit", by_lambda.tangent);
      });
}

struct MetaGradientCase {
  double inner_lr = 0.1, value_coef = 0.5, entropy_coef = 0.01, outer_gamma = 0.99, outer_lambda = 1,
         outer_value_coef = 0, outer_entropy_coef = 0;
  void visit(auto&& f) {
    f("inner_lr", inner_lr, "step size of the agent", at_least(0));
    f("value_coef", value_coef, "weight of the critic's loss");
    f("entropy_coef", entropy_coef, "weight of the entropy, where eta does not hold it");
    f("outer_gamma", outer_gamma, "discount of the outer loss", between(0, 1));
    f("outer_lambda", outer_lambda, "trace of the outer loss", between(0, 1));
    f("outer_value_coef", outer_value_coef, "weight of the critic's loss in the outer loss");
    f("outer_entropy_coef", outer_entropy_coef, "weight of the entropy in the outer loss");
  }
};

CaseFunction meta_gradients_function() {
  return case_function<MetaGradientCase>(
      {"meta-gradients",
       "meta-gradients of a linear actor-critic through 1 to N steps",
       {{"policy_weight", "A,D"},
        {"value_weight", "D"},
        {"observations", "N+1,T+1,E,D"},
        {"actions", "N+1,T,E", CaseType::kInt},
        {"rewards", "N+1,T,E"},
        {"dones", "N+1,T,E"},
        {"eta", "m", CaseType::kReal,
         "logits of discount and trace; perhaps the logarithm of the entropy's weight"}},
       {{"meta_gradients", "N,m"}, {"outer_loss", "N"}, {"policy_weight", "A,D"}, {"value_weight", "D"}}},
      [](const MetaGradientCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor& all = in.tensor("observations");
        const int64 steps = all.dim(0) - 1, count = all.dim(1) - 1, envs = all.dim(2), width = all.dim(3);
        const int64 m = in.tensor("eta").numel();
        if (m != 2 && m != 3) fail<DataError>("inputs.eta: {} numbers, not 2 or 3", m);
        const auto number = [](double x) { return Tensor::scalar(static_cast<real>(x)); };
        const auto loss = [&](std::span<const Tensor> theta, int64 n, const Tensor& gamma,
                              const Tensor& lambda, const Tensor& value_coef, const Tensor& entropy_coef) {
          const Tensor seen = row_of(all, n).view({(count + 1) * envs, width});
          const Tensor values = reshape(matmul(seen, reshape(theta[1], {-1, 1})), {count + 1, envs});
          const Tensor returns =
              lambda_returns(row_of(in.tensor("rewards"), n), row_of(in.tensor("dones"), n),
                             stop_gradient(values), gamma, lambda);
          return actor_critic_loss(matmul(seen.rows(0, count * envs), theta[0], false, true),
                                   flatten(slice(values, 0, 0, count), 0),
                                   row_of(in.ints("actions"), n).view({count * envs}), flatten(returns, 0),
                                   value_coef, entropy_coef);
        };
        const MetaObjective objective{
            .inner =
                [&](std::span<const Tensor> theta, const Tensor& eta, int64 j) {
                  return loss(theta, j, sigmoid(element_of(eta, 0)), sigmoid(element_of(eta, 1)),
                              number(o.value_coef),
                              m == 3 ? exp(element_of(eta, 2)) : number(o.entropy_coef));
                },
            .outer =
                [&](std::span<const Tensor> theta, int64 n) {
                  return loss(theta, n, number(o.outer_gamma), number(o.outer_lambda),
                              number(o.outer_value_coef), number(o.outer_entropy_coef));
                }};
        const MetaGradients at =
            multistep_metagradients(objective, Tensors{in.tensor("policy_weight"), in.tensor("value_weight")},
                                    in.tensor("eta"), steps, o.inner_lr);
        Tensor losses({steps});
        for (int64 n = 0; n < steps; ++n)
          losses.mutable_data()[n] = static_cast<real>(at.outer_loss[static_cast<size_t>(n)]);
        out.set("meta_gradients", stack(at.grads, 0));
        out.set("outer_loss", losses);
        out.set("policy_weight", at.theta[0]);
        out.set("value_weight", at.theta[1]);
      });
}

struct MetaUpdateCase {
  double rho = 1, meta_lr = 1e-3, max_grad_norm = 0;
  void visit(auto&& f) {
    f("rho", rho, "weight of one more step", at_least(0));
    f("meta_lr", meta_lr, "step size of Adam", positive());
    f("max_grad_norm", max_grad_norm, "longer mixtures are scaled down to it; 0: none", at_least(0));
  }
};

CaseFunction meta_update_function() {
  return case_function<MetaUpdateCase>({"meta-update",
                                        "mixtures of meta-gradients and Adam on them",
                                        {{"meta_gradients", "M,N,m"}, {"eta", "m"}},
                                        {{"weights", "N"}, {"mixed_meta_gradient", "M,m"}, {"eta", "M,m"}}},
                                       [](const MetaUpdateCase& o, const CaseValues& in, CaseValues& out) {
                                         const Tensor& all = in.tensor("meta_gradients");
                                         const int64 n = all.dim(1);
                                         const std::vector<double> weights = mixture_weights(n, o.rho);
                                         MetaStep adam(in.tensor("eta"), o.meta_lr, o.max_grad_norm);
                                         Tensors mixed, eta;
                                         for (int64 s = 0; s < all.dim(0); ++s) {
                                           Tensors grads;
                                           for (int64 i = 0; i < n; ++i)
                                             grads.push_back(row_of(row_of(all, s), i));
                                           mixed.push_back(mix_metagradients(weights, grads));
                                           adam.step(mixed.back());
                                           eta.push_back(adam.eta().clone());
                                         }
                                         const std::vector<real> w(weights.begin(), weights.end());
                                         out.set("weights", Tensor::from({n}, w));
                                         out.set("mixed_meta_gradient", stack(mixed, 0));
                                         out.set("eta", stack(eta, 0));
                                       });
}

struct SnakeCase {
  int64 rows = 6, cols = 6, step_limit = 500;
  void visit(auto&& f) {
    f("rows", rows, "of the board", at_least(1));
    f("cols", cols, "of the board", at_least(1));
    f("step_limit", step_limit, "after which a game ends", at_least(1));
  }
};

CaseFunction snake_function() {
  return case_function<SnakeCase>(
      {"snake-rollout",
       "a game of Snake by given fruits and actions",
       {{"start_cell", "2", CaseType::kInt, "row, column"},
        {"fruit_cells", "F,2", CaseType::kInt, "in order of appearance"},
        {"actions", "T", CaseType::kInt, "0 up, 1 right, 2 down, 3 left"}},
       {{"rewards", "T"},
        {"dones", "T", CaseType::kInt},
        {"lengths", "T", CaseType::kInt},
        {"heads", "T,2", CaseType::kInt},
        {"observation", "5,rows,cols"}}},
      [](const SnakeCase& o, const CaseValues& in, CaseValues& out) {
        const IntTensor &start = in.ints("start_cell"), &fruits = in.ints("fruit_cells"),
                        &actions = in.ints("actions");
        Snake snake(o.rows, o.cols, o.step_limit, {start[0], start[1]},
                    [&, next = int64{0}](const Snake&) mutable -> std::optional<Snake::Cell> {
                      if (next >= fruits.dim(0)) return std::nullopt;
                      ++next;
                      return Snake::Cell{fruits[2 * next - 2], fruits[2 * next - 1]};
                    });
        const int64 steps = actions.numel();
        Tensor rewards({steps}), observation({Snake::kPlanes, o.rows, o.cols});
        IntTensor dones({steps}), lengths({steps}), heads({steps, 2});
        for (int64 t = 0; t < steps; ++t) {
          rewards.mutable_data()[t] = static_cast<real>(snake.step(actions[t]));
          dones.mutable_data()[t] = snake.done();
          lengths.mutable_data()[t] = std::ssize(snake.body());
          for (int64 i = 0; i < 2; ++i)
            heads.mutable_data()[2 * t + i] = snake.body().front()[static_cast<size_t>(i)];
        }
        snake.observe({observation.mutable_data(), static_cast<size_t>(observation.numel())});
        out.set("rewards", rewards);
        out.set("dones", dones);
        out.set("lengths", lengths);
        out.set("heads", heads);
        out.set("observation", observation);
      });
}

}  // namespace

std::vector<CaseFunction> multistep_metagrad_functions() {
  return {lambda_return_function(), meta_gradients_function(), meta_update_function(), snake_function()};
}

}  // namespace gradus
