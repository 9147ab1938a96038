#include "apps/papers/backprop-free/forward-gradient_cases.h"

#include "apps/papers/backprop-free/dense_case.h"
#include "autograd/ops/conv.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/shape_ops.h"
#include "optim/estimators/forward_gradient.h"
#include "optim/problems/test_functions.h"

namespace gradus {
namespace {

using Directions = std::vector<std::vector<Tensor>>;

std::vector<CaseSlot> network_inputs(const std::string& steps) {
  const std::string s = steps.empty() ? "" : steps + ",";
  return {{"W#", "o#,i#"},
          {"b#", "o#"},
          {"X", s + "N,D"},
          {"y", s + "N", CaseType::kInt},
          {"v_W#", (steps.empty() ? "K," : s) + "o#,i#", CaseType::kReal, "directions"},
          {"v_b#", (steps.empty() ? "K," : s) + "o#"}};
}

// Row k of every tensor.
std::vector<Tensor> direction_of(const std::vector<Tensor>& all, int64 k) {
  std::vector<Tensor> v;
  for (const Tensor& t : all) v.push_back(row_of(t, k));
  return v;
}

struct ForwardCase {
  std::string activation = "relu";
  void visit(auto&& f) { f("activation", activation, "of hidden layers", choices({"relu", "tanh"})); }
};

CaseFunction forward_gradient_function() {
  return case_function<ForwardCase>(
      {"forward-gradient",
       "mean of K forward gradients of a network's cross-entropy",
       network_inputs(""),
       {{"loss", ""}, {"directional_derivatives", "K"}, {"grad_W#", "o#,i#"}, {"grad_b#", "o#"}}},
      [](const ForwardCase& o, const CaseValues& in, CaseValues& out) {
        const std::vector<Tensor> params = dense_inputs(in), v = dense_inputs(in, "v_");
        Directions directions;
        for (int64 k = 0; k < v.at(0).dim(0); ++k) directions.push_back(direction_of(v, k));
        const ForwardGradient at = forward_gradient(
            dense_loss(case_activation(o.activation), in.tensor("X"), in.ints("y")), params, directions);
        std::vector<real> d(at.derivatives.begin(), at.derivatives.end());
        out.set("loss", at.loss);
        out.set("directional_derivatives", Tensor::from({std::ssize(d)}, d));
        set_dense(out, "grad_", at.grads);
      });
}

struct MinimizeCase {
  std::string objective = "rosenbrock";
  double lr = 5e-4, lr_decay = 0;
  void visit(auto&& f) {
    f("objective", objective, "function of two variables", choices({"beale", "rosenbrock"}));
    f("lr", lr, "first step size", positive());
    f("lr_decay", lr_decay, "rate of its exponential decay", at_least(0));
  }
};

CaseFunction minimize_function() {
  return case_function<MinimizeCase>(
      {"fgd-minimize",
       "forward gradient descent on a function of two variables: points after, losses before each step",
       {{"theta", "2"}, {"directions", "T,2"}},
       {{"theta", "T,2"}, {"loss", "T"}}},
      [](const MinimizeCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor& v = in.tensor("directions");
        const int64 steps = v.dim(0);
        const Function f = [&](std::span<const Tensor> w) {
          return o.objective == "beale" ? beale(w[0]) : rosenbrock(w[0]);
        };
        std::vector<Tensor> w{in.tensor("theta").clone()};
        Tensor path({steps, 2}), loss({steps});
        for (int64 t = 0; t < steps; ++t) {
          const Directions direction{{row_of(v, t)}};
          loss.mutable_data()[t] =
              static_cast<real>(ForwardDescent{o.lr, o.lr_decay}.step(f, w, direction, t));
          std::copy_n(w[0].data(), 2, path.mutable_data() + 2 * t);
        }
        out.set("theta", path);
        out.set("loss", loss);
      });
}

struct TrainCase {
  std::string activation = "relu";
  double lr = 2e-4, lr_decay = 1e-4;
  void visit(auto&& f) {
    f("activation", activation, "of hidden layers", choices({"relu", "tanh"}));
    f("lr", lr, "first step size", positive());
    f("lr_decay", lr_decay, "rate of its exponential decay", at_least(0));
  }
};

CaseFunction fgd_train_function() {
  return case_function<TrainCase>(
      {"fgd-train",
       "forward gradient descent of a network, a batch and a direction a step: losses before each step",
       network_inputs("S"),
       {{"loss", "S"}, {"W#", "o#,i#"}, {"b#", "o#"}}},
      [](const TrainCase& o, const CaseValues& in, CaseValues& out) {
        const std::vector<Tensor> v = dense_inputs(in, "v_");
        std::vector<Tensor> params = copies_of(dense_inputs(in));
        const Tensor& x = in.tensor("X");
        Tensor loss({x.dim(0)});
        for (int64 s = 0; s < x.dim(0); ++s) {
          const Directions direction{direction_of(v, s)};
          loss.mutable_data()[s] = static_cast<real>(ForwardDescent{o.lr, o.lr_decay}.step(
              dense_loss(case_activation(o.activation), row_of(x, s), row_of(in.ints("y"), s)), params,
              direction, s));
        }
        out.set("loss", loss);
        set_dense(out, "", params);
      });
}

struct ConvCase {
  int64 stride = 1, padding = 0, pool = 2;
  void visit(auto&& f) {
    f("stride", stride, "of the convolution", at_least(1));
    f("padding", padding, "of the convolution", at_least(0));
    f("pool", pool, "window and stride of the pooling", at_least(1));
  }
};

CaseFunction conv_function() {
  return case_function<ConvCase>(
      {"conv-forward-gradient",
       "forward gradient of linear(flatten(max_pool(relu(conv(x))))) along one direction over all four "
       "tensors",
       {{"conv_weight", "O,C,k,k"},
        {"conv_bias", "O"},
        {"W", "K,F"},
        {"b", "K"},
        {"x", "N,C,H,W"},
        {"y", "N", CaseType::kInt},
        {"v_conv_weight", "O,C,k,k"},
        {"v_conv_bias", "O"},
        {"v_W", "K,F"},
        {"v_b", "K"}},
       {{"loss", ""},
        {"directional_derivative", ""},
        {"grad_conv_weight", "O,C,k,k"},
        {"grad_conv_bias", "O"},
        {"grad_W", "K,F"},
        {"grad_b", "K"}}},
      [](const ConvCase& o, const CaseValues& in, CaseValues& out) {
        const std::vector<std::string> names{"conv_weight", "conv_bias", "W", "b"};
        std::vector<Tensor> params;
        Directions v(1);
        for (const std::string& name : names) {
          params.push_back(in.tensor(name));
          v[0].push_back(in.tensor("v_" + name));
        }
        const Function f = [&](std::span<const Tensor> p) {
          const Tensor h = relu(conv2d(
              in.tensor("x"), p[0], p[1],
              ConvSpec{.stride_h = o.stride, .stride_w = o.stride, .pad_h = o.padding, .pad_w = o.padding}));
          const Tensor pooled = max_pool2d(h, pool_spec(o.pool));
          return cross_entropy(linear(flatten(pooled, 1), p[2], p[3]), in.ints("y"));
        };
        const ForwardGradient at = forward_gradient(f, params, v);
        out.set("loss", at.loss);
        out.set("directional_derivative", at.derivatives[0]);
        for (size_t i = 0; i < names.size(); ++i) out.set("grad_" + names[i], at.grads[i]);
      });
}

}  // namespace

std::vector<CaseFunction> forward_gradient_functions() {
  return {forward_gradient_function(), minimize_function(), fgd_train_function(), conv_function()};
}

}  // namespace gradus
