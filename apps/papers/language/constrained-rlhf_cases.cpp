#include "apps/papers/language/constrained-rlhf_cases.h"

#include <algorithm>

#include "apps/papers/landscape.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "nn/alignment/constrained_policy.h"
#include "optim/methods/nelder_mead.h"
#include "optim/registry.h"

namespace gradus {
namespace {

struct MixedCase : MultiplierOptions {
  bool normalize = true;
  void visit(auto&& f) {
    visit_squash(f);
    f("normalize", normalize, "advantages, each part by itself");
  }
};

CaseFunction mixed_function() {
  return case_function<MixedCase>(
      {"mixed-advantage",
       "advantages of the distance and of reward models, mixed by multipliers",
       {{"kl_advantages", "B"}, {"rm_advantages", "B,N"}, {"multipliers", "N"}},
       {{"mu", "N"}, {"kl_weight", ""}, {"mixed", "B"}}},
      [](const MixedCase& o, const CaseValues& in, CaseValues& out) {
        const std::vector<double> lambda = doubles_of(in.tensor("multipliers"));
        const Multipliers multipliers(lambda, std::vector<double>(lambda.size(), 0), o);
        out.set("mu", tensor_of(multipliers.mu()));
        out.set("kl_weight", multipliers.kl_weight());
        out.set("mixed", mixed_advantage(in.tensor("kl_advantages"), in.tensor("rm_advantages"), multipliers,
                                         o.normalize));
      });
}

CaseFunction multipliers_function() {
  return case_function<MultiplierOptions>(
      {"multiplier-updates",
       "steps of the multipliers on K minibatches",
       {{"multipliers", "N"}, {"thresholds", "N"}, {"reward_to_go", "K,B,N"}},
       {{"multipliers", "K,N"}, {"mu", "K,N"}}},
      [](const MultiplierOptions& o, const CaseValues& in, CaseValues& out) {
        Multipliers multipliers(doubles_of(in.tensor("multipliers")), doubles_of(in.tensor("thresholds")), o);
        const Tensor& to_go = in.tensor("reward_to_go");
        const Shape rows{to_go.dim(0), to_go.dim(2)};
        std::vector<double> lambda, mu;
        for (int64 k = 0; k < to_go.dim(0); ++k) {
          multipliers.update(to_go.rows(k, k + 1).view({to_go.dim(1), to_go.dim(2)}));
          lambda.insert(lambda.end(), multipliers.values().begin(), multipliers.values().end());
          const std::vector<double> now = multipliers.mu();
          mu.insert(mu.end(), now.begin(), now.end());
        }
        out.set("multipliers", tensor_of(lambda, rows));
        out.set("mu", tensor_of(mu, rows));
      });
}

CaseFunction multi_gae_function() {
  return case_function<GaeOptions>({"multi-reward-gae",
                                    "generalised advantages of the steps of episodes for K rewards",
                                    {{"rewards", "T,K"},
                                     {"values", "T,K"},
                                     {"dones", "T", CaseType::kInt, "1: the episode ends with this step"},
                                     {"last_values", "K", CaseType::kReal, "behind the last step"}},
                                    {{"advantages", "T,K"}, {"returns", "T,K"}, {"reward_to_go", "T,K"}}},
                                   [](const GaeOptions& o, const CaseValues& in, CaseValues& out) {
                                     const Gae g = gae(in.tensor("rewards"), in.tensor("values"),
                                                       in.ints("dones"), in.tensor("last_values"), o);
                                     out.set("advantages", g.advantages);
                                     out.set("returns", g.returns);
                                     out.set("reward_to_go", g.reward_to_go);
                                   });
}

struct ConstrainedPpoCase : MultiplierOptions {
  ConstrainedPpoOptions ppo;
  double lr = 0.05;
  int64 epochs = 2, minibatch = 4;
  bool fixed_multipliers = false;
  void visit(auto&& f) {
    visit_squash(f);
    ppo.visit(f);
    f("lr", lr, "step size", at_least(0));
    f("epochs", epochs, "passes over the steps", at_least(0));
    f("minibatch", minibatch, "steps of a minibatch", at_least(1));
    f("max_grad_norm", max_grad_norm, "largest norm of a gradient", positive());
    visit_steps(f);
    f("fixed_multipliers", fixed_multipliers, "they stay as they are");
  }
};

IntTensor int_rows(const IntTensor& x, int64 from, int64 to) {
  return IntTensor::from({to - from},
                         x.span().subspan(static_cast<size_t>(from), static_cast<size_t>(to - from)));
}

CaseFunction constrained_ppo_function() {
  return case_function<ConstrainedPpoCase>(
      {"constrained-ppo",
       "a linear policy with value heads, trained on M recorded steps",
       {{"features", "M,D"},
        {"actions", "M", CaseType::kInt},
        {"old_logp", "M"},
        {"advantages", "M,N+1", CaseType::kReal, "of the reward models, the last of the distance"},
        {"returns", "M,N+1"},
        {"reward_to_go", "M,N"},
        {"thresholds", "N"},
        {"policy_weight", "A,D"},
        {"value_weight", "N+1,D"},
        {"multipliers", "N"}},
       {{"policy_weight", "A,D"},
        {"value_weight", "N+1,D"},
        {"multipliers", "N"},
        {"losses", "U,2", CaseType::kReal, "policy and value, before each step"}}},
      [](const ConstrainedPpoCase& o, const CaseValues& in, CaseValues& out) {
        Multipliers multipliers(doubles_of(in.tensor("multipliers")), doubles_of(in.tensor("thresholds")), o);
        const ParameterPtr policy = make_parameter("policy", ParamKind::kWeight,
                                                   in.tensor("policy_weight").clone()),
                           value =
                               make_parameter("value", ParamKind::kWeight, in.tensor("value_weight").clone());
        const OptimizerPtr descent =
            make_optimizer(fmt::format("clip-norm(sgd:lr=1):max_norm={}", o.max_grad_norm), {policy, value});
        const int64 count = in.tensor("features").dim(0);
        std::vector<double> losses;
        for (int64 epoch = 0; epoch < o.epochs; ++epoch)
          for (int64 from = 0; from < count; from += o.minibatch) {
            const int64 to = std::min(count, from + o.minibatch);
            const auto rows = [&](const char* name) { return in.tensor(name).rows(from, to); };
            const Tensor &w = policy->value, &v = value->value, x = rows("features");
            const ConstrainedLoss loss = constrained_ppo_loss(
                {.logp = token_logp(linear(x, w), int_rows(in.ints("actions"), from, to)),
                 .values = linear(x, v),
                 .old_logp = rows("old_logp"),
                 .advantages = rows("advantages"),
                 .returns = rows("returns")},
                multipliers, o.ppo);
            losses.insert(losses.end(),
                          {static_cast<double>(loss.policy.item()), static_cast<double>(loss.value.item())});
            const std::vector<Tensor> grads = grad(loss.policy + loss.value, {w, v});
            policy->grad = grads[0];
            value->grad = grads[1];
            descent->step(o.lr);
            if (!o.fixed_multipliers) multipliers.update(rows("reward_to_go"));
          }
        out.set("policy_weight", policy->value.detach());
        out.set("value_weight", value->value.detach());
        out.set("multipliers", tensor_of(multipliers.values()));
        out.set("losses", tensor_of(losses, {static_cast<int64>(losses.size()) / 2, 2}));
      });
}

CaseFunction nelder_mead_function() {
  return case_function<NelderMeadOptions>(
      {"nelder-mead",
       "the minimum of a quadratic form by a simplex, with a cache of values",
       {{"simplex", "n+1,n"}, {"matrix", "n,n"}, {"center", "n"}},
       {{"simplex", "n+1,n"},
        {"values", "n+1"},
        {"moves", "I", CaseType::kInt,
         "0 reflected, 1 expanded, 2 reflected beyond the best, 3 contracted, 4 shrunk"},
        {"evaluations", "", CaseType::kInt}}},
      [](const NelderMeadOptions& o, const CaseValues& in, CaseValues& out) {
        const std::vector<double> matrix = doubles_of(in.tensor("matrix")),
                                  center = doubles_of(in.tensor("center")),
                                  flat = doubles_of(in.tensor("simplex"));
        const size_t n = center.size();
        std::vector<NelderMead::Point> points;
        for (size_t k = 0; k <= n; ++k)
          points.emplace_back(flat.begin() + static_cast<std::ptrdiff_t>(k * n),
                              flat.begin() + static_cast<std::ptrdiff_t>((k + 1) * n));
        NelderMead search(
            points,
            [&](const NelderMead::Point& x) {
              double f = 0;
              for (size_t i = 0; i < n; ++i)
                for (size_t j = 0; j < n; ++j)
                  f += (x[i] - center[i]) * matrix[i * n + j] * (x[j] - center[j]);
              return f;
            },
            o);
        std::vector<int64> moves;
        for (const SimplexMove move : search.run()) moves.push_back(static_cast<int64>(move));
        std::vector<double> last;
        for (const NelderMead::Point& p : search.simplex()) last.insert(last.end(), p.begin(), p.end());
        out.set("simplex", tensor_of(last, in.tensor("simplex").shape()));
        out.set("values", tensor_of(search.values()));
        out.set("moves", IntTensor::from({static_cast<int64>(moves.size())}, moves));
        out.set("evaluations", IntTensor::full({}, search.evaluations()));
      });
}

}  // namespace

std::vector<CaseFunction> constrained_rlhf_functions() {
  return {mixed_function(), multipliers_function(), multi_gae_function(), constrained_ppo_function(),
          nelder_mead_function()};
}

}  // namespace gradus
