#include "apps/papers/selection/learn-to-active-learn_cases.h"

#include "apps/active/adversary.h"
#include "apps/active/exploration.h"
#include "apps/papers/landscape.h"
#include "autograd/functional/functional.h"
#include "autograd/ops/matmul.h"
#include "core/error.h"
#include "data/selection/complexity.h"
#include "optim/estimators/score_function.h"

namespace gradus {
namespace {

struct ComplexityCase {
  int64 iterations = 100;
  double ridge = 1e-6;
  void visit(auto&& f) {
    f("iterations", iterations, "of the primal-dual iteration", at_least(1));
    f("ridge", ridge, "added to the design's diagonal", at_least(0));
  }
};

CaseFunction complexity_function() {
  return case_function<ComplexityCase>(
      {"complexity",
       "difficulty of finding the best hypothesis, and the share of measurements each query gets",
       {{"queries", "n,d"}, {"hypotheses", "m,d"}, {"theta", "d"}},
       {{"best", "", CaseType::kInt}, {"complexity", ""}, {"allocation", "n"}}},
      [](const ComplexityCase& o, const CaseValues& in, CaseValues& out) {
        const Complexity c = exploration_complexity(in.tensor("queries"), in.tensor("hypotheses"),
                                                    doubles_of(in.tensor("theta")), o.iterations, o.ridge);
        out.set("best", IntTensor::full({}, c.best));
        out.set("complexity", c.value);
        out.set("allocation", Tensor::from({std::ssize(c.allocation)},
                                           std::vector<real>(c.allocation.begin(), c.allocation.end())));
      });
}

struct RolloutCase {
  int64 horizon = 5;
  std::string loss = "regret", noise_model = "gaussian";
  void visit(auto&& f) {
    f("horizon", horizon, "measurements", at_least(1));
    f("loss", loss, "of an output", exploration_losses());
    f("noise_model", noise_model, "of a measurement", exploration_noise());
  }
};

CaseFunction rollout_function() {
  return case_function<RolloutCase>(
      {"rollout",
       "one episode of a policy with given draws: what it did, its loss and the estimate of its gradient in "
       "theta",
       {{"queries", "n,n"},
        {"hypotheses", "m,n"},
        {"theta", "n"},
        {"u_action", "horizon"},
        {"draws", "horizon", CaseType::kReal, "standard normal, or uniform"},
        {"w1", "h,3*n+1"},
        {"b1", "h"},
        {"w2", "h,h"},
        {"b2", "h"},
        {"w_action", "n,h"},
        {"b_action", "n"},
        {"w_output", "m,h"},
        {"b_output", "m"}},
       {{"actions", "horizon", CaseType::kInt},
        {"observations", "horizon"},
        {"action_logp", "horizon"},
        {"output_probs", "m"},
        {"loss", ""},
        {"score", "n"},
        {"theta_gradient", "n"}}},
      [](const RolloutCase& o, const CaseValues& in, CaseValues& out) {
        const ExplorationGame game{in.tensor("queries"), in.tensor("hypotheses"), o.horizon, o.loss,
                                   o.noise_model};
        PolicyWeights w;
        for (const char* name : {"w1", "b1", "w2", "b2", "w_action", "b_action", "w_output", "b_output"})
          w.push_back(in.tensor(name));
        const auto row = [&](const char* name) {
          const Tensor& t = in.tensor(name);
          return t.view({1, t.numel()});
        };
        const Rollouts played = play(game, w, row("theta"), row("u_action"), row("draws"));
        const auto flat = [](const Tensor& t) { return t.view({t.numel()}); };
        out.set("actions", played.actions.view({o.horizon}));
        out.set("observations", flat(played.observations));
        out.set("action_logp", flat(played.log_p));
        out.set("output_probs", flat(played.output));
        out.set("loss", static_cast<double>(played.loss.item()));
        out.set("score", flat(played.score));
        out.set("theta_gradient", flat(played.theta_gradient));
      });
}

struct PolicyGradientCase {
  bool baseline = true;
  void visit(auto&& f) { f("baseline", baseline, "subtract the other rollouts' mean loss"); }
};

CaseFunction policy_gradient_function() {
  return case_function<PolicyGradientCase>(
      {"policy-gradient",
       "estimate of the gradient of a linear softmax policy from the losses of M problems, R rollouts each",
       {{"weight", "n,F"}, {"features", "M,R,T,F"}, {"actions", "M,R,T", CaseType::kInt}, {"losses", "M,R"}},
       {{"advantage", "M,R"}, {"gradient", "n,F"}}},
      [](const PolicyGradientCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor& f = in.tensor("features");
        const int64 width = f.dim(3), rows = f.numel() / width;
        const Tensor advantage = leave_one_out_advantage(in.tensor("losses"), o.baseline);
        const std::vector<Tensor> at{in.tensor("weight")};
        const ValueAndGrad found = value_and_grad(
            [&](std::span<const Tensor> w) {
              return policy_surrogate(matmul(f.view({rows, width}), w[0], false, true),
                                      in.ints("actions").view({rows}), advantage);
            },
            at);
        out.set("advantage", advantage);
        out.set("gradient", found.grads[0]);
      });
}

CaseFunction adversary_updates_function() {
  return case_function<AdversaryOptions>(
      {"adversary-updates",
       "steps of the instances and their weights; the complexity of theta is complexity_scale/|theta|^2 here",
       {{"weights", "N"},
        {"thetas", "N,d"},
        {"losses", "S,N"},
        {"offsets", "N"},
        {"theta_gradients", "S,N,d"},
        {"complexity_scale", ""},
        {"radius", "N"}},
       {{"probabilities", "S,N"}, {"weights", "S,N"}, {"thetas", "N,d"}}},
      [](const AdversaryOptions& o, const CaseValues& in, CaseValues& out) {
        const Tensor& losses = in.tensor("losses");
        const int64 steps = losses.dim(0), n = losses.dim(1);
        const double scale = in.scalar("complexity_scale");
        const std::vector<double> radius = doubles_of(in.tensor("radius")),
                                  offsets = doubles_of(in.tensor("offsets"));
        Adversary adversary(doubles_of(in.tensor("weights")), doubles_of(in.tensor("thetas")), o);
        Tensor probabilities({steps, n}), weights({steps, n});
        const auto put = [&](Tensor& to, int64 s, const std::vector<double>& from) {
          for (int64 j = 0; j < n; ++j)
            to.mutable_data()[s * n + j] = static_cast<real>(from[static_cast<size_t>(j)]);
        };
        for (int64 s = 0; s < steps; ++s) {
          put(probabilities, s, adversary.probabilities());
          adversary.ascend(doubles_of(losses.rows(s, s + 1)), offsets,
                           doubles_of(in.tensor("theta_gradients").rows(s, s + 1)));
          adversary.enforce(
              [&](size_t, std::span<const double> theta) {
                double squares = 0;
                for (const double x : theta) squares += x * x;
                return scale / squares;
              },
              radius);
          put(weights, s, adversary.weights());
        }
        out.set("probabilities", probabilities);
        out.set("weights", weights);
        out.set("thetas",
                Tensor::from(in.tensor("thetas").shape(),
                             std::vector<real>(adversary.thetas().begin(), adversary.thetas().end())));
      });
}

}  // namespace

std::vector<CaseFunction> learn_to_active_learn_functions() {
  return {complexity_function(), rollout_function(), policy_gradient_function(),
          adversary_updates_function()};
}

}  // namespace gradus
