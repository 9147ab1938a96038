#include "apps/papers/backprop-free/gbnn_cases.h"

#include "apps/papers/backprop-free/dense_case.h"
#include "autograd/functional/functional.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "nn/boosting/boosted_network.h"

namespace gradus {
namespace {

struct LossCase {
  std::string loss = "squared";
  void visit(auto&& f) { f("loss", loss, "what is boosted", boosting_loss_choices()); }
};

CaseFunction residuals_function() {
  return case_function<LossCase>(
      {"residuals",
       "constant start, residuals at a raw prediction, and what it says",
       {{"y", "N,...", CaseType::kReal, "multiclass: one-hot (N,K); binary: -1 and 1"},
        {"raw_prediction", "N,..."}},
       {{"initial", "k"}, {"residuals", "N,..."}, {"prediction", "N,..."}}},
      [](const LossCase& o, const CaseValues& in, CaseValues& out) {
        const BoostingLoss loss = boosting_loss(o.loss);
        const Tensor &y = in.tensor("y"), &raw = in.tensor("raw_prediction");
        out.set("initial", boosting_start(loss, y));
        out.set("residuals", boosting_residuals(loss, y, raw));
        out.set("prediction", boosting_prediction(loss, raw));
      });
}

struct StepCase {
  std::string loss = "squared";
  double eta = 1;
  void visit(auto&& f) {
    f("loss", loss, "what is boosted", boosting_loss_choices());
    f("eta", eta, "shrinkage", positive());
  }
};

CaseFunction newton_step_function() {
  return case_function<StepCase>(
      {"newton-step",
       "step along a block's predictions, one number over all points and classes, and where it leads",
       {{"y", "N,..."}, {"raw_prediction", "N,..."}, {"block_prediction", "N,..."}},
       {{"step", ""}, {"raw_prediction", "N,..."}}},
      [](const StepCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor &raw = in.tensor("raw_prediction"), &f = in.tensor("block_prediction");
        const double step = o.eta * boosting_newton_step(boosting_loss(o.loss), in.tensor("y"), raw, f);
        out.set("step", step);
        out.set("raw_prediction", raw + static_cast<real>(step) * f);
      });
}

struct ObjectiveCase {
  std::string activation = "logistic";
  double alpha = 1e-4;
  void visit(auto&& f) {
    f("activation", activation, "of hidden units", choices({"logistic", "tanh", "relu"}));
    f("alpha", alpha, "penalty on the weights", at_least(0));
  }
};

CaseFunction block_objective_function() {
  return case_function<ObjectiveCase>(
      {"block-objective",
       "least squares of a block on residuals, with its gradients",
       {{"X", "N,d"}, {"residuals", "N,K"}, {"W", "J,d"}, {"b", "J"}, {"V", "K,J"}, {"c", "K"}},
       {{"objective", ""}, {"grad_W", "J,d"}, {"grad_b", "J"}, {"grad_V", "K,J"}, {"grad_c", "K"}}},
      [](const ObjectiveCase& o, const CaseValues& in, CaseValues& out) {
        const std::vector<std::string> names{"W", "b", "V", "c"};
        std::vector<Tensor> params;
        for (const std::string& name : names) params.push_back(in.tensor(name));
        const Activation act = case_activation(o.activation);
        const ValueAndGrad at = value_and_grad(
            [&](std::span<const Tensor> p) {
              return block_objective(p, act, in.tensor("X"), in.tensor("residuals"), o.alpha);
            },
            params);
        out.set("objective", stop_gradient(at.value));
        for (size_t i = 0; i < names.size(); ++i) out.set("grad_" + names[i], at.grads[i]);
      });
}

struct BoostCase {
  std::string loss = "squared", activation = "logistic";
  double eta = 1;
  std::optional<int64> stages;
  void visit(auto&& f) {
    f("loss", loss, "what is boosted", boosting_loss_choices());
    f("eta", eta, "shrinkage", positive());
    f("activation", activation, "of hidden units", choices({"logistic", "tanh", "relu"}));
    f("stages", stages, "blocks that are merged; none: all", at_least(1));
  }
};

CaseFunction boost_function() {
  return case_function<BoostCase>(
      {"boost",
       "boosting with T given blocks: steps, predictions by stage, and the first `stages` blocks as one "
       "network",
       {{"X", "N,d"},
        {"y", "N,..."},
        {"W", "T,J,d"},
        {"b", "T,J"},
        {"V", "T,K,J"},
        {"c", "T,K"},
        {"X_test", "M,d"}},
       {{"steps", "T"},
        {"raw_prediction", "N,..."},
        {"staged_test", "T,M,K"},
        {"hidden_weight", "U,d"},
        {"hidden_bias", "U"},
        {"output_weight", "K,U"},
        {"output_bias", "K"}}},
      [](const BoostCase& o, const CaseValues& in, CaseValues& out) {
        const BoostingLoss loss = boosting_loss(o.loss);
        const Activation act = case_activation(o.activation);
        const Tensor &x = in.tensor("X"), &y = in.tensor("y"), &w = in.tensor("W");
        const Tensor start = boosting_start(loss, y);
        BoostedNetwork network(loss, act, start);
        Tensor raw =
            broadcast_to(reshape(start, y.rank() == 2 ? Shape{1, start.numel()} : Shape{1}), y.shape());
        std::vector<Tensor> staged;
        std::vector<real> steps;
        for (int64 t = 0; t < w.dim(0); ++t) {
          network.add(
              {row_of(w, t), row_of(in.tensor("b"), t), row_of(in.tensor("V"), t), row_of(in.tensor("c"), t)},
              x, y, raw, o.eta);
          staged.push_back(network.raw(in.tensor("X_test")));
          steps.push_back(static_cast<real>(network.steps().back()));
        }
        const BoostedBlock merged = network.merged(o.stages.value_or(-1));
        out.set("steps", Tensor::from({w.dim(0)}, steps));
        out.set("raw_prediction", raw);
        out.set("staged_test", stack(staged, 0));
        out.set("hidden_weight", merged.hidden_weight);
        out.set("hidden_bias", merged.hidden_bias);
        out.set("output_weight", merged.output_weight);
        out.set("output_bias", merged.output_bias);
      });
}

}  // namespace

std::vector<CaseFunction> gbnn_functions() {
  return {residuals_function(), newton_step_function(), block_objective_function(), boost_function()};
}

}  // namespace gradus
