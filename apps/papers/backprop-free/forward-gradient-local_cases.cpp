#include "apps/papers/backprop-free/forward-gradient-local_cases.h"

#include "apps/papers/backprop-free/dense_case.h"
#include "autograd/ops/conv.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "optim/estimators/guess_projection.h"
#include "optim/estimators/local_guess.h"
#include "optim/registry.h"

namespace gradus {
namespace {

CaseFunction guess_projection_function() {
  return case_function<GuessProjectionOptions>(
      {"guess-projection",
       "each sample's contribution to the gradient of one tensor projected on its guess; grad is their sum",
       {{"target", "N,..."}, {"guess", "N,..."}},
       {{"per_sample", "N,...", CaseType::kReal, "not of avg-weight", true}, {"grad", "..."}}},
      [](const GuessProjectionOptions& o, const CaseValues& in, CaseValues& out) {
        const GuessProjection p = guess_projection(in.tensor("target"), in.tensor("guess"), o);
        if (p.per_sample.defined()) out.set("per_sample", p.per_sample);
        out.set("grad", p.grad);
      });
}

struct ActivationCase {
  bool random_guess = false;
  double eps = 1e-16;
  int64 padding = 0;
  void visit(auto&& f) {
    f("random_guess", random_guess, "<t,g> g, not divided by the guess's squared length");
    f("eps", eps, "added to the squared length of a guess", at_least(0));
    f("padding", padding, "of the convolution", at_least(0));
  }
};

CaseFunction activation_projection_function() {
  return case_function<ActivationCase>(
      {"activation-projection",
       "projection at the output of relu(conv(x) + bias), and the gradients of the block's parameters it "
       "gives",
       {{"x", "N,C,H,W"},
        {"conv_weight", "O,C,k,k"},
        {"conv_bias", "O"},
        {"target", "N,O,P,Q"},
        {"guess", "N,O,P,Q"}},
       {{"delta", "N,O,P,Q"}, {"grad_conv_weight", "O,C,k,k"}, {"grad_conv_bias", "O"}}},
      [](const ActivationCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor delta = guess_projection(in.tensor("target"), in.tensor("guess"),
                                              {o.random_guess ? "random-weight" : "weight", o.eps})
                                 .per_sample;
        const LocalLayer block{
            [&](std::span<const Tensor> p, const Tensor& x) {
              return relu(conv2d(x, p[0], p[1], ConvSpec{.pad_h = o.padding, .pad_w = o.padding}));
            },
            {in.tensor("conv_weight"), in.tensor("conv_bias")}};
        const std::vector<Tensor> grads = block.pull_back(in.tensor("x"), delta);
        out.set("delta", delta);
        out.set("grad_conv_weight", grads[0]);
        out.set("grad_conv_bias", grads[1]);
      });
}

struct GuessTrainCase {
  std::string space = "weight", target = "global";
  double lr = 0.05, momentum = 0.9, weight_decay = 5e-4;
  void visit(auto&& f) {
    f("space", space, "what is projected", choices({"weight", "avg-weight", "activation"}));
    f("target", target, "loss whose gradient is estimated", choices({"global", "local"}));
    f("lr", lr, "step size", positive());
    f("momentum", momentum, "of SGD", decay_rate());
    f("weight_decay", weight_decay, "of SGD, added to the gradient", at_least(0));
  }
};

// W and b of these names as parameters of an optimizer, and the layer they make.
struct NamedLayer {
  NamedLayer(const CaseValues& in, const std::string& name, bool with_relu, Parameters& parameters)
      : weight(make_parameter(name + "_W", ParamKind::kWeight, in.tensor(name + "_W").clone())),
        bias(make_parameter(name + "_b", ParamKind::kBias, in.tensor(name + "_b").clone())) {
    parameters.insert(parameters.end(), {weight, bias});
    layer = {[with_relu](std::span<const Tensor> p, const Tensor& x) {
               const Tensor y = linear(x, p[0], p[1]);
               return with_relu ? relu(y) : y;
             },
             {weight->value, bias->value}};
  }
  void set_grads(const std::vector<Tensor>& grads) { weight->grad = grads[0], bias->grad = grads[1]; }

  ParameterPtr weight, bias;
  LocalLayer layer;
};

CaseFunction guess_train_function() {
  return case_function<GuessTrainCase>(
      {"guess-train",
       "steps of a network of blocks relu(x W' + b) with linear heads, guessed by local losses; losses "
       "before each "
       "step",
       {{"block#_W", "o#,i#"},
        {"block#_b", "o#"},
        {"aux#_W", "C,a#", CaseType::kReal, "heads of all blocks but the last", true},
        {"aux#_b", "C", CaseType::kReal, "", true},
        {"classifier_W", "C,L"},
        {"classifier_b", "C"},
        {"X", "S,N,D"},
        {"y", "S,N", CaseType::kInt}},
       {{"loss", "S"},
        {"aux_loss", "S,B"},
        {"block#_W", "o#,i#"},
        {"block#_b", "o#"},
        {"aux#_W", "C,a#", CaseType::kReal, "", true},
        {"aux#_b", "C", CaseType::kReal, "", true},
        {"classifier_W", "C,L"},
        {"classifier_b", "C"}}},
      [](const GuessTrainCase& o, const CaseValues& in, CaseValues& out) {
        const size_t count = in.tensors("block#_W").size();
        if (in.tensors("aux#_W").size() + 1 != count)
          fail<DataError>("inputs: {} blocks take {} auxiliary heads, not {}", count, count - 1,
                          in.tensors("aux#_W").size());
        Parameters parameters;
        std::vector<NamedLayer> layers, heads;
        std::vector<GuessBlock> blocks;
        for (size_t k = 0; k < count; ++k) {
          const int64 number = static_cast<int64>(k) + 1;
          layers.emplace_back(in, numbered_name("block#", number), true, parameters);
          heads.emplace_back(in, k + 1 == count ? "classifier" : numbered_name("aux#", number), false,
                             parameters);
          blocks.push_back({layers.back().layer, heads.back().layer});
        }
        const OptimizerPtr sgd = make_optimizer(
            fmt::format("sgd:lr={},momentum={},weight_decay={}", o.lr, o.momentum, o.weight_decay),
            parameters);
        const Tensor& x = in.tensor("X");
        const int64 steps = x.dim(0), local = static_cast<int64>(count) - 1;
        Tensor loss({steps}), aux_loss({steps, local});
        for (int64 s = 0; s < steps; ++s) {
          const GuessGradient at = guess_gradient(blocks, row_of(x, s), row_of(in.ints("y"), s),
                                                  {.space = o.space, .target = o.target});
          loss.mutable_data()[s] = static_cast<real>(at.loss);
          for (size_t k = 0; k < count; ++k) {
            layers[k].set_grads(at.layers[k]);
            heads[k].set_grads(at.heads[k]);
            if (k + 1 < count)
              aux_loss.mutable_data()[s * local + static_cast<int64>(k)] =
                  static_cast<real>(at.local_losses[k]);
          }
          GivenGradients given(parameters, at.loss);
          sgd->step(given, 1);
        }
        out.set("loss", loss);
        out.set("aux_loss", aux_loss);
        for (const ParameterPtr& p : parameters) out.set(p->name, stop_gradient(p->value));
      });
}

}  // namespace

std::vector<CaseFunction> forward_gradient_local_functions() {
  return {guess_projection_function(), activation_projection_function(), guess_train_function()};
}

}  // namespace gradus
