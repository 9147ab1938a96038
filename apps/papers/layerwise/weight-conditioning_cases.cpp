#include "apps/papers/layerwise/weight-conditioning_cases.h"

#include "autograd/functional/functional.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "nn/layers/conv.h"
#include "nn/registry.h"
#include "nn/weight_conditioning.h"
#include "optim/registry.h"

namespace gradus {
namespace {

struct ConditionCase : ConditioningOptions {
  void visit(auto&& f) { visit_weight(f); }
};

struct ConditionedConvCase {
  std::string mode = "row";
  double gain = 1;
  int64 stride = 1, padding = 0;
  void visit(auto&& f) {
    f("mode", mode, "as of condition-weight", choices({"row", "column", "row_column"}));
    f("gain", gain, "factor on the conditioned weight", positive());
    f("stride", stride, "of the kernel", at_least(1));
    f("padding", padding, "zeros on each side", at_least(0));
  }
};

struct ConditionedSgdCase {
  ConditioningOptions conditioning;
  double lr = 0.1, weight_decay = 0;
  int64 steps = 1;
  void visit(auto&& f) {
    f("mode", conditioning.mode, "as of condition-weight", choices({"row", "column", "row_column"}));
    f("detach", conditioning.detach, "norms are constants of the gradient");
    f("fixed", conditioning.fixed, "norms are those of the first weights");
    f("condition_head", conditioning.condition_head, "W2 too");
    f("gain", conditioning.gain, "factor on the conditioned weights", positive());
    f("lr", lr, "step size", positive());
    f("weight_decay", weight_decay, "of W1 and W2, added to the gradient", at_least(0));
    f("steps", steps, "how many", at_least(0));
  }
};

void copy_into(const ParamSlot& slot, const Tensor& value) { slot.parameter()->value.copy_from(value); }

CaseFunction condition_weight_function() {
  return case_function<ConditionCase>(
      {"condition-weight",
       "the effective weight, the gradient of the weight, condition numbers (none of a singular matrix)",
       {{"weight", "o,..."}, {"grad_conditioned", "o,..."}},
       {{"conditioned", "o,..."},
        {"grad_weight", "o,..."},
        {.name = "condition_number", .shape = "", .optional = true},
        {.name = "condition_number_conditioned", .shape = "", .optional = true}}},
      [](const ConditionCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor& weight = in.tensor("weight");
        const Vjp result = vjp([&](std::span<const Tensor> xs) { return conditioned_weight(xs[0], o); },
                               {{weight}}, in.tensor("grad_conditioned"), {.allow_unused = true});
        out.set("conditioned", result.value);
        out.set("grad_weight", result.grads[0]);
        if (const auto before = condition_number(weight)) out.set("condition_number", *before);
        if (const auto after = condition_number(result.value))
          out.set("condition_number_conditioned", *after);
      });
}

CaseFunction conditioned_conv_function() {
  return case_function<ConditionedConvCase>(
      {"conditioned-conv2d",
       "a convolution with its effective kernel, and the gradients of all that enters it",
       {{"weight", "o,c,k,k"}, {"bias", "o"}, {"X", "n,c,s,s"}, {"grad_output", "n,o,t,t"}},
       {{"output", "n,o,t,t"}, {"grad_weight", "o,c,k,k"}, {"grad_bias", "o"}, {"grad_X", "n,c,s,s"}}},
      [](const ConditionedConvCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor& weight = in.tensor("weight");
        Conv2d conv(weight.dim(1), weight.dim(0), weight.dim(2), {.stride = o.stride, .pad = o.padding});
        copy_into(conv.weight, weight);
        copy_into(conv.bias, in.tensor("bias"));
        condition_layers(conv, {.mode = o.mode, .gain = o.gain}, true);
        const Tensor x = variable(in.tensor("X")), y = conv(x), g = in.tensor("grad_output");
        const std::vector<Tensor> grads =
            grad(std::span(&y, 1),
                 std::vector<Tensor>{conv.weight.parameter()->value, conv.bias.parameter()->value, x},
                 std::span(&g, 1));
        out.set("output", y.detach());
        out.set("grad_weight", grads[0]);
        out.set("grad_bias", grads[1]);
        out.set("grad_X", grads[2]);
      });
}

CaseFunction conditioned_sgd_function() {
  return case_function<ConditionedSgdCase>(
      {"conditioned-sgd",
       "full-batch gradient descent on tanh(X V1' + b1) V2' + b2 with effective weights V, half the squared "
       "error; losses and norms of the rows of W1 before every step and at the end",
       {{"W1", "h,d"}, {"b1", "h"}, {"W2", "c,h"}, {"b2", "c"}, {"X", "n,d"}, {"Y", "n,c"}},
       {{"W1", "h,d"},
        {"b1", "h"},
        {"W2", "c,h"},
        {"b2", "c"},
        {"losses", "steps+1"},
        {"row_norms", "steps+1,h"}}},
      [](const ConditionedSgdCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor &w1 = in.tensor("W1"), &y = in.tensor("Y");
        const int64 h = w1.dim(0), c = y.dim(1);
        const auto model = make_model(fmt::format("mlp:hidden={},act=tanh", h),
                                      {.channels = w1.dim(1), .height = 1, .width = 1, .targets = c}, Rng(0));
        const std::pair<const char*, const char*> names[] = {
            {"W1", "fc1.weight"}, {"b1", "fc1.bias"}, {"W2", "fc2.weight"}, {"b2", "fc2.bias"}};
        for (const auto& [name, parameter] : names) copy_into(model->find_slot(parameter), in.tensor(name));
        condition_layers(*model, o.conditioning, true);
        const Parameters parameters = model->parameters();
        const auto optimizer = make_optimizer(fmt::format("sgd:lr={},weight_decay={}", o.lr, o.weight_decay),
                                              parameters, {parse_group("kind=bias:weight_decay=0")});
        const Tensor x = in.tensor("X").view({y.dim(0), w1.dim(1), 1, 1});
        const ParamSlot first = model->find_slot("fc1.weight");
        std::vector<real> losses, norms;
        for (int64 t = 0;; ++t) {
          const Tensor loss = mse_loss((*model)(x), y) * (real(0.5) * static_cast<real>(c));
          losses.push_back(loss.item());
          const Tensor rows = norm(first.parameter()->value.detach(), {1});
          norms.insert(norms.end(), rows.span().begin(), rows.span().end());
          if (t == o.steps) break;
          std::vector<Tensor> values;
          for (const auto& p : parameters) values.push_back(p->value);
          const std::vector<Tensor> grads = grad(loss, values);
          for (size_t i = 0; i < grads.size(); ++i) parameters[i]->grad = grads[i];
          optimizer->step();
        }
        for (const auto& [name, parameter] : names)
          out.set(name, model->find_slot(parameter).parameter()->value.clone());
        out.set("losses", Tensor::from({o.steps + 1}, losses));
        out.set("row_norms", Tensor::from({o.steps + 1, h}, norms));
      });
}

}  // namespace

std::vector<CaseFunction> weight_conditioning_functions() {
  return {condition_weight_function(), conditioned_conv_function(), conditioned_sgd_function()};
}

}  // namespace gradus
