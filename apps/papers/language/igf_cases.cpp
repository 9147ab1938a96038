#include "apps/papers/language/igf_cases.h"

#include <algorithm>
#include <cmath>

#include "apps/papers/landscape.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "data/selection/context_filter.h"
#include "nn/alignment/token_scores.h"
#include "nn/selection/secondary_learner.h"
#include "optim/methods/information_gain.h"
#include "optim/registry.h"

namespace gradus {
namespace {

// The language model of these cases: a table of logits, a row a previous token.
struct TableModel {
  ParameterPtr table;
  Parameters parameters{table};

  explicit TableModel(const Tensor& logits)
      : table(make_parameter("logits", ParamKind::kWeight, logits.clone())) {}

  // Mean loss of the transitions of each context, (M).
  static Tensor losses(const Tensor& w, const IntTensor& contexts) {
    const int64 m = contexts.dim(0), length = contexts.dim(1);
    if (length < 2) fail<DataError>("contexts {}: need two tokens or more", contexts.shape().str());
    IntTensor from({m, length - 1}), to({m, length - 1});
    for (int64 i = 0; i < m; ++i)
      for (int64 t = 0; t + 1 < length; ++t) {
        from.mutable_data()[i * (length - 1) + t] = contexts[i * length + t];
        to.mutable_data()[i * (length - 1) + t] = contexts[i * length + t + 1];
      }
    return -mean(token_logp(embedding(w, from), to), {1});
  }
  double perplexity(const IntTensor& contexts) const {
    const Recording off(false);
    return std::exp(static_cast<double>(mean(losses(table->value, contexts)).item()));
  }
  // The gradient of one context's loss.
  Tensor gradient(const IntTensor& contexts, int64 i) const {
    const Recording on(true);
    return grad(sum(losses(table->value, contexts.rows(i, i + 1))), {table->value})[0];
  }
};

struct GainCase {
  double lr = 0.05, eps = 1e-8, max_grad_norm = 3;
  std::string optimizer = "adamw";
  void visit(auto&& f) {
    f("lr", lr, "step size", at_least(0));
    f("eps", eps, "of adamw", positive());
    f("max_grad_norm", max_grad_norm, "largest norm of a gradient", positive());
    f("optimizer", optimizer, "that makes the step", choices({"adamw", "sgd"}));
  }
  std::string spec() const {
    const std::string rule = optimizer == "sgd" ? "sgd:lr=1" : fmt::format("adam:lr=1,eps={}", eps);
    return fmt::format("clip-norm({}):max_norm={}", rule, max_grad_norm);
  }
};

CaseFunction information_gain_function() {
  return case_function<GainCase>(
      {"information-gain",
       "by how much a step on each context lowers the perplexity of an objective set",
       {{"logits", "V,V", CaseType::kReal, "the language model: a row a previous token"},
        {"contexts", "M,L", CaseType::kInt},
        {"objective", "O,L", CaseType::kInt}},
       {{"base_perplexity", ""}, {"information_gain", "M"}, {"standardised", "M"}}},
      [](const GainCase& o, const CaseValues& in, CaseValues& out) {
        const TableModel model(in.tensor("logits"));
        const IntTensor &contexts = in.ints("contexts"), &objective = in.ints("objective");
        const InformationGain ig = information_gain(
            model.parameters, contexts.dim(0),
            [&](int64 i) { model.table->grad = model.gradient(contexts, i); },
            [&] { return model.perplexity(objective); }, o.spec(), o.lr);
        out.set("base_perplexity", ig.base);
        out.set("information_gain", tensor_of(ig.gain));
        out.set("standardised", tensor_of(ig.standardised));
      });
}

CaseFunction secondary_function() {
  return case_function<NoOptions>(
      {"secondary-learner",
       "the network that predicts information gains, its loss and gradients",
       {{"contexts", "B,L", CaseType::kInt},
        {"targets", "B"},
        {"dropout_mask", "B,H", CaseType::kReal, "0 or 1/(1-p); ones in evaluation"},
        {"embedding", "V,D"},
        {"conv_weight", "C,D,3"},
        {"conv_bias", "C"},
        {"fc1_weight", "H,C"},
        {"fc1_bias", "H"},
        {"fc2_weight", "H,H"},
        {"fc2_bias", "H"},
        {"fc3_weight", "1,H"},
        {"fc3_bias", "1"}},
       {{"pooled", "B,C"},
        {"q", "B"},
        {"loss", ""},
        {"grad_embedding", "V,D"},
        {"grad_conv_weight", "C,D,3"},
        {"grad_conv_bias", "C"},
        {"grad_fc1_weight", "H,C"},
        {"grad_fc3_weight", "1,H"}}},
      [](const NoOptions&, const CaseValues& in, CaseValues& out) {
        const auto w = [&](const char* name) { return variable(in.tensor(name)); };
        const SecondaryWeights weights{w("embedding"),  w("conv_weight"), w("conv_bias"),
                                       w("fc1_weight"), w("fc1_bias"),    w("fc2_weight"),
                                       w("fc2_bias"),   w("fc3_weight"),  w("fc3_bias")};
        const SecondaryOutput output =
            secondary_forward(weights, in.ints("contexts"), in.tensor("dropout_mask"));
        const Tensor loss = mse_loss(output.q, in.tensor("targets"));
        const std::vector<Tensor> grads =
            grad(loss, {weights.embedding, weights.conv_weight, weights.conv_bias, weights.fc1_weight,
                        weights.fc3_weight});
        out.set("pooled", output.pooled.detach());
        out.set("q", output.q.detach());
        out.set("loss", loss.detach());
        out.set("grad_embedding", grads[0]);
        out.set("grad_conv_weight", grads[1]);
        out.set("grad_conv_bias", grads[2]);
        out.set("grad_fc1_weight", grads[3]);
        out.set("grad_fc3_weight", grads[4]);
      });
}

CaseFunction filter_function() {
  return case_function<ContextFilterOptions>(
      {"filter-stream",
       "which contexts of a stream are accepted, and the batches they join",
       {{"q", "M", CaseType::kReal, "predicted gains"}},
       {{"accepted", "M", CaseType::kInt, "1, 0, -1: not drawn"},
        {"batch", "M", CaseType::kInt, "-1: none"},
        {"batches", "", CaseType::kInt, "whole ones"}}},
      [](const ContextFilterOptions& o, const CaseValues& in, CaseValues& out) {
        ContextFilter filter(o);
        const std::vector<double> q = doubles_of(in.tensor("q"));
        IntTensor accepted = IntTensor::full(in.tensor("q").shape(), -1),
                  batch = IntTensor::full(accepted.shape(), -1);
        for (size_t i = 0; i < q.size() && !filter.done(); ++i) {
          const int64 open = filter.batches();
          const bool taken = filter.offer(q[i]);
          accepted.mutable_data()[i] = taken;
          if (taken) batch.mutable_data()[i] = open;
        }
        out.set("accepted", accepted);
        out.set("batch", batch);
        out.set("batches", IntTensor::full({}, filter.batches()));
      });
}

struct FinetuneCase : ContextFilterOptions {
  FinetuneCase() { switch_batches = 2, batch_size = 2, max_batches = 4; }
  double lr = 0.05, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, max_grad_norm = 3;
  int64 total_steps = 4;
  void visit(auto&& f) {
    f("lr", lr, "step size at the start", at_least(0));
    f("beta1", beta1, "decay of the gradient mean", decay_rate());
    f("beta2", beta2, "decay of the mean of squared gradients", decay_rate());
    f("eps", eps, "added to the bias-corrected root", positive());
    f("max_grad_norm", max_grad_norm, "largest norm of a gradient", positive());
    ContextFilterOptions::visit(f);
    f("total_steps", total_steps, "after which the step size is 0", at_least(1));
  }
};

CaseFunction finetune_function() {
  return case_function<FinetuneCase>(
      {"igf-finetune",
       "a table of logits fine-tuned on the contexts that a filter accepts",
       {{"logits", "V,V"}, {"contexts", "M,L", CaseType::kInt}, {"q", "M"}, {"test", "O,L", CaseType::kInt}},
       {{"accepted", "M", CaseType::kInt}, {"logits", "V,V"}, {"perplexity", "P"}}},
      [](const FinetuneCase& o, const CaseValues& in, CaseValues& out) {
        const TableModel model(in.tensor("logits"));
        const OptimizerPtr adam =
            make_optimizer(fmt::format("clip-norm(adam:lr=1,beta1={},beta2={},eps={}):max_norm={}", o.beta1,
                                       o.beta2, o.eps, o.max_grad_norm),
                           model.parameters);
        ContextFilter filter(o);
        const std::vector<double> q = doubles_of(in.tensor("q"));
        std::vector<double> perplexity{model.perplexity(in.ints("test"))};
        IntTensor accepted = IntTensor::full(in.tensor("q").shape(), -1);
        Tensor sum_of_gradients = Tensor::zeros(in.tensor("logits").shape());
        for (size_t i = 0; i < q.size() && !filter.done(); ++i) {
          const int64 k = filter.batches();
          const bool taken = filter.offer(q[i]);
          accepted.mutable_data()[i] = taken;
          if (!taken) continue;
          add_in_place(sum_of_gradients, model.gradient(in.ints("contexts"), static_cast<int64>(i)));
          if (filter.batches() == k) continue;
          model.table->grad = sum_of_gradients / static_cast<real>(o.batch_size);
          adam->step(o.lr * std::max(0.0, 1 - static_cast<double>(k) / static_cast<double>(o.total_steps)));
          sum_of_gradients.fill(0);
          perplexity.push_back(model.perplexity(in.ints("test")));
        }
        out.set("accepted", accepted);
        out.set("logits", model.table->value.detach());
        out.set("perplexity", tensor_of(perplexity));
      });
}

}  // namespace

std::vector<CaseFunction> igf_functions() {
  return {information_gain_function(), secondary_function(), filter_function(), finetune_function()};
}

}  // namespace gradus
