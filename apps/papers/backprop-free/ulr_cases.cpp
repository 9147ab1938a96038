#include "apps/papers/backprop-free/ulr_cases.h"

#include "apps/papers/backprop-free/dense_case.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "core/quasi_random.h"
#include "nn/losses.h"
#include "optim/elements.h"
#include "optim/estimators/likelihood_ratio.h"

namespace gradus {
namespace {

Tensor minus_of(const CaseValues& in) {
  return in.has("losses_minus") ? in.tensor("losses_minus") : Tensor();
}

struct LinearCase {
  std::string baseline = "none";
  void visit(auto&& f) {
    f("baseline", baseline, "what is subtracted from one-sided losses", choices({"none", "leave-one-out"}));
  }
};

CaseFunction linear_function() {
  return case_function<LinearCase>(
      {"linear-likelihood-ratio",
       "estimates for a linear layer with noise on its output",
       {{"x", "N,I"},
        {"noise", "K,N,O", CaseType::kReal, "standard normal"},
        {"losses", "K,N"},
        {"losses_minus", "K,N", CaseType::kReal, "with the noise's sign turned", true},
        {"sigma", "O"}},
       {{"grad_W", "O,I"},
        {"grad_b", "O"},
        {"grad_sigma", "O", CaseType::kReal, "of one-sided losses only", true}}},
      [](const LinearCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor l = effective_losses(in.tensor("losses"), minus_of(in), o.baseline);
        const LinearLikelihoodRatio g =
            linear_likelihood_ratio(in.tensor("x"), in.tensor("noise"), l, in.tensor("sigma"));
        out.set("grad_W", g.weight);
        out.set("grad_b", g.bias);
        if (!in.has("losses_minus")) out.set("grad_sigma", g.sigma);
      });
}

struct LikelihoodConvCase {
  std::string noise_site = "logit", baseline = "none";
  double sigma = 1;
  int64 padding = 0;
  void visit(auto&& f) {
    f("noise_site", noise_site, "on every output position, or in the kernel, a draw a sample",
      choices({"logit", "weight"}));
    f("sigma", sigma, "standard deviation of the noise", positive());
    f("padding", padding, "of the convolution", at_least(0));
    f("baseline", baseline, "what is subtracted from one-sided losses", choices({"none", "leave-one-out"}));
  }
};

CaseFunction likelihood_conv_function() {
  return case_function<LikelihoodConvCase>(
      {"conv-likelihood-ratio",
       "estimates for a convolution",
       {{"losses", "K,N"},
        {"losses_minus", "K,N", CaseType::kReal, "with the noise's sign turned", true},
        {"x", "N,C,H,W", CaseType::kReal, "logit", true},
        {"noise", "K,N,...", CaseType::kReal, "logit: (K,N,O,H',W'); weight: (K,N,O,C,k,k)"},
        {"weight_like", "O,C,k,k", CaseType::kReal, "logit: gives the kernel's shape", true},
        {"noise_bias", "K,N,O", CaseType::kReal, "weight", true}},
       {{"grad_weight", "O,C,k,k"}, {"grad_bias", "O"}}},
      [](const LikelihoodConvCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor l = effective_losses(in.tensor("losses"), minus_of(in), o.baseline);
        const ConvLikelihoodRatio g =
            o.noise_site == "logit"
                ? conv_likelihood_ratio(in.tensor("x"), in.tensor("noise"), l, o.sigma,
                                        in.tensor("weight_like").shape(),
                                        ConvSpec{.pad_h = o.padding, .pad_w = o.padding})
                : kernel_likelihood_ratio(in.tensor("noise"), in.tensor("noise_bias"), l, o.sigma);
        out.set("grad_weight", g.weight);
        out.set("grad_bias", g.bias);
      });
}

struct NetworkCase {
  std::string activation = "logistic", loss = "cross-entropy", injection = "layerwise";
  double sigma = 1;
  bool antithetic = true, exact_head = true;

  void visit_network(auto&& f) {
    f("activation", activation, "of hidden layers", choices({"logistic", "tanh", "threshold", "relu"}));
    f("sigma", sigma, "standard deviation of the noise", positive());
    f("injection", injection, "one layer noisy at a time, or all at once", choices({"layerwise", "all"}));
    f("antithetic", antithetic, "every draw with both signs; all: always");
    f("exact_head", exact_head, "the last layer has no noise and gets its exact gradient");
  }
  // The gradient of W1, b1, ... at these parameters.
  LikelihoodGradient gradient(const std::vector<Tensor>& params, const std::vector<Tensor>& noise,
                              const Tensor& x, const IntTensor& y) const {
    const Activation act = case_activation(activation);
    NoisyNetwork network;
    for (size_t i = 0; i < params.size(); i += 2)
      network.layers.push_back(
          {{[](std::span<const Tensor> p, const Tensor& h) { return linear(h, p[0], p[1]); },
            {params[i], params[i + 1]}},
           i + 2 < params.size() ? act.function : std::function<Tensor(const Tensor&)>()});
    network.head_losses = [&](const Tensor& logits) { return cross_entropy(logits, y, Reduction::kNone); };
    network.losses = network.head_losses;
    if (loss == "zero-one") network.losses = [&](const Tensor& logits) { return zero_one_loss(logits, y); };
    return likelihood_gradient(network, x, noise, {sigma, injection, "none", antithetic, exact_head});
  }
  static std::vector<Tensor> flat(const std::vector<std::vector<Tensor>>& grads) {
    std::vector<Tensor> all;
    for (const std::vector<Tensor>& layer : grads) all.insert(all.end(), layer.begin(), layer.end());
    return all;
  }
};

struct GradientCase : NetworkCase {
  void visit(auto&& f) {
    visit_network(f);
    f("loss", loss, "of a sample", choices({"cross-entropy", "zero-one"}));
  }
};

CaseFunction ulr_gradient_function() {
  return case_function<GradientCase>(
      {"ulr-gradient",
       "likelihood-ratio gradient of a fully connected network; forwards: noisy passes",
       {{"W#", "o#,i#"},
        {"b#", "o#"},
        {"noise#", "K,N,o#", CaseType::kReal, "of every noisy layer", true},
        {"X", "N,D"},
        {"y", "N", CaseType::kInt}},
       {{"grad_W#", "o#,i#"}, {"grad_b#", "o#"}, {"forwards", "", CaseType::kInt}}},
      [](const GradientCase& o, const CaseValues& in, CaseValues& out) {
        const LikelihoodGradient at =
            o.gradient(dense_inputs(in), in.tensors("noise#"), in.tensor("X"), in.ints("y"));
        set_dense(out, "grad_", NetworkCase::flat(at.grads));
        out.set("forwards", IntTensor::full({}, at.forwards));
      });
}

struct UlrTrainCase : NetworkCase {
  double lr = 0.01, weight_decay = 1e-4;
  void visit(auto&& f) {
    visit_network(f);
    f("lr", lr, "step size", positive());
    f("weight_decay", weight_decay, "added to the gradient, times the parameter", at_least(0));
  }
};

CaseFunction ulr_train_function() {
  return case_function<UlrTrainCase>(
      {"ulr-train",
       "SGD steps by likelihood-ratio gradients; losses without noise before each step",
       {{"W#", "o#,i#"},
        {"b#", "o#"},
        {"noise#", "S,K,N,o#", CaseType::kReal, "of every noisy layer", true},
        {"X", "S,N,D"},
        {"y", "S,N", CaseType::kInt}},
       {{"loss", "S"}, {"W#", "o#,i#"}, {"b#", "o#"}}},
      [](const UlrTrainCase& o, const CaseValues& in, CaseValues& out) {
        std::vector<Tensor> params = copies_of(dense_inputs(in));
        const std::vector<Tensor> noise = in.tensors("noise#");
        const Tensor& x = in.tensor("X");
        Tensor loss({x.dim(0)});
        for (int64 s = 0; s < x.dim(0); ++s) {
          std::vector<Tensor> now;
          for (const Tensor& e : noise) now.push_back(row_of(e, s));
          const LikelihoodGradient at = o.gradient(params, now, row_of(x, s), row_of(in.ints("y"), s));
          loss.mutable_data()[s] = static_cast<real>(at.loss);
          const std::vector<Tensor> grads = NetworkCase::flat(at.grads);
          for (size_t i = 0; i < params.size(); ++i)
            for_each_element(params[i], grads[i],
                             [lr = static_cast<real>(o.lr), decay = static_cast<real>(o.weight_decay)](
                                 real& w, real g) { w -= lr * (g + decay * w); });
        }
        out.set("loss", loss);
        set_dense(out, "", params);
      });
}

struct QmcCase {
  int64 num_points = 1, start_index = 1;
  void visit(auto&& f) {
    f("num_points", num_points, "points", at_least(1));
    f("start_index", start_index, "of the first point", at_least(0));
  }
};

CaseFunction qmc_function() {
  return case_function<QmcCase>({"qmc-normal",
                                 "shifted Halton points, and standard normal variables of them",
                                 {{"shift", "d", CaseType::kReal, "at most ten coordinates"}},
                                 {{"uniform", "num_points,d"}, {"normal", "num_points,d"}}},
                                [](const QmcCase& o, const CaseValues& in, CaseValues& out) {
                                  const Tensor& shift = in.tensor("shift");
                                  const std::vector<double> by(shift.data(), shift.data() + shift.numel());
                                  const Tensor uniform = halton_points(o.num_points, by, o.start_index);
                                  out.set("uniform", uniform);
                                  out.set("normal", normal_of_uniform(uniform));
                                });
}

}  // namespace

std::vector<CaseFunction> ulr_functions() {
  return {linear_function(), likelihood_conv_function(), ulr_gradient_function(), ulr_train_function(),
          qmc_function()};
}

}  // namespace gradus
