#include "apps/papers/bilevel/ift-hyperopt_cases.h"

#include <algorithm>

#include "apps/papers/backprop-free/dense_case.h"
#include "autograd/functional/flat.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "optim/bilevel/hyper_training.h"
#include "optim/bilevel/implicit_gradient.h"

namespace gradus {
namespace {

Tensor product_with(const Tensor& matrix, const Tensor& x) {
  return reshape(matmul(matrix, reshape(x, {-1, 1})), {-1});
}

CaseFunction hypergradient_function() {
  return case_function<ImplicitOptions>(
      {"hypergradient",
       "hypergradient by the implicit function theorem from a Hessian, mixed derivatives and gradients",
       {{"hessian", "n,n"}, {"mixed", "n,m"}, {"val_grad", "n"}, {"direct_grad", "m"}},
       {{"inverse_hvp", "n"}, {"hypergrad", "m"}}},
      [](const ImplicitOptions& o, const CaseValues& in, CaseValues& out) {
        // Losses that have these derivatives: L_T = w'Hw/2 + w'M lambda, L_V = val_grad.w + direct_grad.lambda.
        const TwoLevelLoss train = [&](std::span<const Tensor> w, std::span<const Tensor> lambda) {
          return sum(w[0] * (product_with(in.tensor("hessian"), w[0]) * real(0.5) +
                             product_with(in.tensor("mixed"), lambda[0])));
        };
        const TwoLevelLoss val = [&](std::span<const Tensor> w, std::span<const Tensor> lambda) {
          return sum(in.tensor("val_grad") * w[0]) + sum(in.tensor("direct_grad") * lambda[0]);
        };
        const Tensors w{Tensor::zeros(in.tensor("val_grad").shape())},
            lambda{Tensor::zeros(in.tensor("direct_grad").shape())};
        const Hypergradient at = implicit_hypergradient(train, val, w, lambda, o);
        out.set("inverse_hvp", at.inverse_hvp[0]);
        out.set("hypergrad", at.grads[0]);
      });
}

struct WeightDecayCase : ImplicitOptions {
  bool penalty_in_validation = false;
  void visit(auto&& f) {
    ImplicitOptions::visit(f);
    f("penalty_in_validation", penalty_in_validation, "the validation loss holds the penalty too");
  }
};

CaseFunction weight_decay_function() {
  return case_function<WeightDecayCase>(
      {"weight-decay-hypergradient",
       "hypergradient of one logarithmic weight decay for every weight of a tanh network",
       {{"W1", "h,d"},
        {"b1", "h"},
        {"W2", "C,h"},
        {"b2", "C"},
        {"log_decay_W1", "h,d"},
        {"log_decay_W2", "C,h"},
        {"X_train", "n,d"},
        {"y_train", "n", CaseType::kInt},
        {"X_val", "k,d"},
        {"y_val", "k", CaseType::kInt}},
       {{"train_loss", ""},
        {"val_loss", ""},
        {"inverse_hvp", "h*d+h+C*h+C"},
        {"hypergrad_W1", "h,d"},
        {"hypergrad_W2", "C,h"}}},
      [](const WeightDecayCase& o, const CaseValues& in, CaseValues& out) {
        const auto penalty = [](std::span<const Tensor> w, std::span<const Tensor> l) {
          return log_decay_penalty(w[0], l[0]) + log_decay_penalty(w[2], l[1]);
        };
        const Activation act = case_activation("tanh");
        const TwoLevelLoss train = [&](std::span<const Tensor> w, std::span<const Tensor> l) {
          return dense_loss(act, in.tensor("X_train"), in.ints("y_train"))(w) + penalty(w, l);
        };
        const TwoLevelLoss val = [&](std::span<const Tensor> w, std::span<const Tensor> l) {
          const Tensor loss = dense_loss(act, in.tensor("X_val"), in.ints("y_val"))(w);
          return o.penalty_in_validation ? loss + penalty(w, l) : loss;
        };
        const Hypergradient at = implicit_hypergradient(
            train, val, dense_inputs(in), Tensors{in.tensor("log_decay_W1"), in.tensor("log_decay_W2")}, o);
        out.set("train_loss", at.train_loss);
        out.set("val_loss", at.val_loss);
        out.set("inverse_hvp", flatten_all(at.inverse_hvp));
        out.set("hypergrad_W1", at.grads[0]);
        out.set("hypergrad_W2", at.grads[1]);
      });
}

struct DistillationCase : ImplicitOptions {
  double weight_decay = 0;
  void visit(auto&& f) {
    ImplicitOptions::visit(f);
    f("weight_decay", weight_decay, "L2 penalty of the weights in training", at_least(0));
  }
};

CaseFunction distillation_function() {
  return case_function<DistillationCase>(
      {"distillation-hypergradient",
       "hypergradient of the inputs that softmax regression is trained on",
       {{"W", "C,d"},
        {"b", "C"},
        {"X_distilled", "m,d"},
        {"y_distilled", "m", CaseType::kInt},
        {"X_val", "k,d"},
        {"y_val", "k", CaseType::kInt}},
       {{"train_loss", ""}, {"val_loss", ""}, {"inverse_hvp", "C*d+C"}, {"hypergrad_X", "m,d"}}},
      [](const DistillationCase& o, const CaseValues& in, CaseValues& out) {
        const TwoLevelLoss train = [&](std::span<const Tensor> w, std::span<const Tensor> x) {
          return cross_entropy(linear(x[0], w[0], w[1]), in.ints("y_distilled")) +
                 sum(square(w[0])) * static_cast<real>(o.weight_decay / 2);
        };
        const TwoLevelLoss val = [&](std::span<const Tensor> w, std::span<const Tensor>) {
          return cross_entropy(linear(in.tensor("X_val"), w[0], w[1]), in.ints("y_val"));
        };
        const Hypergradient at = implicit_hypergradient(train, val, Tensors{in.tensor("W"), in.tensor("b")},
                                                        Tensors{in.tensor("X_distilled")}, o);
        out.set("train_loss", at.train_loss);
        out.set("val_loss", at.val_loss);
        out.set("inverse_hvp", flatten_all(at.inverse_hvp));
        out.set("hypergrad_X", at.grads[0]);
      });
}

struct IftTrainCase : ImplicitOptions {
  int64 hyper_steps = 1, inner_steps = 1;
  double inner_lr = 0.1, momentum = 0, hyper_lr = 0.1;
  std::string hyper_optimizer = "sgd";
  void visit(auto&& f) {
    f("hyper_steps", hyper_steps, "steps on the hyperparameters", at_least(1));
    f("inner_steps", inner_steps, "steps on the weights before each", at_least(0));
    f("inner_lr", inner_lr, "step size on the weights", positive());
    f("momentum", momentum, "of the steps on the weights", decay_rate());
    ImplicitOptions::visit(f);
    f("hyper_optimizer", hyper_optimizer, "of the hyperparameters", choices({"sgd", "adam", "rmsprop"}));
    f("hyper_lr", hyper_lr, "its step size", positive());
  }
};

CaseFunction ift_train_function() {
  return case_function<IftTrainCase>(
      {"ift-train",
       "linear regression and a weight decay for every weight trained side by side",
       {{"w", "d"},
        {"log_decay", "d"},
        {"X_train", "n,d"},
        {"y_train", "n"},
        {"X_val", "k,d"},
        {"y_val", "k"}},
       {{"w", "d"}, {"log_decay", "d"}, {"val_loss", "hyper_steps"}, {"hypergrad", "hyper_steps,d"}}},
      [](const IftTrainCase& o, const CaseValues& in, CaseValues& out) {
        const auto squares = [&](const Tensor& w, const char* x, const char* y) {
          return mean(square(product_with(in.tensor(x), w) - in.tensor(y))) * real(0.5);
        };
        const ParameterPtr w = make_parameter("w", ParamKind::kWeight, in.tensor("w").clone()),
                           l = make_parameter("log_decay", ParamKind::kWeight,
                                              in.tensor("log_decay").clone());
        HyperTraining training(
            [&](std::span<const Tensor> ws, std::span<const Tensor> ls) {
              return squares(ws[0], "X_train", "y_train") + log_decay_penalty(ws[0], ls[0]);
            },
            [&](std::span<const Tensor> ws, std::span<const Tensor>) {
              return squares(ws[0], "X_val", "y_val");
            },
            {w}, {l}, fmt::format("sgd:lr={},momentum={}", o.inner_lr, o.momentum),
            fmt::format("{}:lr={}", o.hyper_optimizer, o.hyper_lr), o);
        const int64 d = w->value.dim(0);
        Tensor val_loss({o.hyper_steps}), hypergrad({o.hyper_steps, d});
        for (int64 t = 0; t < o.hyper_steps; ++t) {
          for (int64 i = 0; i < o.inner_steps; ++i) training.inner_step();
          const Hypergradient at = training.outer_step();
          val_loss.mutable_data()[t] = static_cast<real>(at.val_loss);
          std::copy_n(at.grads[0].data(), d, hypergrad.mutable_data() + t * d);
        }
        out.set("w", stop_gradient(w->value));
        out.set("log_decay", stop_gradient(l->value));
        out.set("val_loss", val_loss);
        out.set("hypergrad", hypergrad);
      });
}

}  // namespace

std::vector<CaseFunction> ift_hyperopt_functions() {
  return {hypergradient_function(), weight_decay_function(), distillation_function(), ift_train_function()};
}

}  // namespace gradus
