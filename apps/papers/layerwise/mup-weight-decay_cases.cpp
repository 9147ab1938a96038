#include "apps/papers/layerwise/mup-weight-decay_cases.h"

#include <cmath>

#include "autograd/functional/flat.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "nn/registry.h"
#include "optim/methods/width_scaling.h"
#include "optim/registry.h"

namespace gradus {
namespace {

struct WidthCase : WidthTuned, WidthRule {
  void visit(auto&& f) {
    WidthTuned::visit(f);
    WidthRule::visit(f);
  }
  WidthValues at(double width) const { return width_values(*this, *this, width); }
};
struct AdamWCase : WidthCase {
  double beta1 = 0.9, beta2 = 0.95;
  void visit(auto&& f) {
    WidthCase::visit(f);
    f("beta1", beta1, "decay of m", decay_rate());
    f("beta2", beta2, "decay of v", decay_rate());
  }
  // AdamW with the values of vectors; the matrices named have those of matrices.
  OptimizerPtr optimizer(const Parameters& parameters, const std::vector<std::string>& matrices,
                         double width) const {
    const WidthValues v = at(width);
    GroupSpec group{.names = matrices,
                    .options = {{"lr", fmt::format("{}", v.matrix_lr)},
                                {"weight_decay", fmt::format("{}", v.matrix_weight_decay)},
                                {"eps", fmt::format("{}", v.matrix_eps)}}};
    return make_optimizer(fmt::format("adamw:lr={},weight_decay={},eps={},beta1={},beta2={}", v.vector_lr,
                                      v.vector_weight_decay, eps, beta1, beta2),
                          parameters,
                          matrices.empty() ? std::vector<GroupSpec>{} : std::vector<GroupSpec>{group});
  }
};
struct ScaledAdamWCase : AdamWCase {
  int64 width = 128;
  void visit(auto&& f) {
    AdamWCase::visit(f);
    f("width", width, "of the network", at_least(1));
  }
};
struct ResidualCase : AdamWCase {
  double clip_norm = 1;
  int64 steps = 1;
  void visit(auto&& f) {
    AdamWCase::visit(f);
    f("clip_norm", clip_norm, "largest norm of all gradients together; 0: any", at_least(0));
    f("steps", steps, "how many", at_least(0));
  }
};
struct WalkCase {
  double lr = 0.01, weight_decay = 1;
  void visit(auto&& f) {
    f("lr", lr, "step size", positive());
    f("weight_decay", weight_decay, "decoupled", at_least(0));
  }
};
struct PowerCase {
  int64 iterations = 30;
  void visit(auto&& f) { f("iterations", iterations, "of the power method", at_least(0)); }
};

CaseFunction width_scaling_function() {
  return case_function<WidthCase>({"width-scaling",
                                   "the values of a rule at every width",
                                   {{"width", "N", CaseType::kInt}},
                                   {{"matrix_lr", "N"},
                                    {"matrix_weight_decay", "N"},
                                    {"vector_lr", "N"},
                                    {"vector_weight_decay", "N"},
                                    {"output_multiplier", "N"},
                                    {"matrix_eps", "N"},
                                    {"top_singular_prediction", "N"}}},
                                  [](const WidthCase& o, const CaseValues& in, CaseValues& out) {
                                    const IntTensor& widths = in.ints("width");
                                    const std::pair<const char*, double WidthValues::*> columns[] = {
                                        {"matrix_lr", &WidthValues::matrix_lr},
                                        {"matrix_weight_decay", &WidthValues::matrix_weight_decay},
                                        {"vector_lr", &WidthValues::vector_lr},
                                        {"vector_weight_decay", &WidthValues::vector_weight_decay},
                                        {"output_multiplier", &WidthValues::output_multiplier},
                                        {"matrix_eps", &WidthValues::matrix_eps},
                                        {"top_singular_prediction", &WidthValues::top_singular_prediction}};
                                    for (const auto& [name, member] : columns) {
                                      Tensor values({widths.numel()});
                                      for (int64 i = 0; i < widths.numel(); ++i) {
                                        if (widths[i] < 1)
                                          fail<DataError>("inputs.width: {} is no width", widths[i]);
                                        values.mutable_data()[i] =
                                            static_cast<real>(o.at(static_cast<double>(widths[i])).*member);
                                      }
                                      out.set(name, values);
                                    }
                                  });
}

CaseFunction scaled_adamw_function() {
  return case_function<ScaledAdamWCase>(
      {"scaled-adamw",
       "AdamW over given gradients: a matrix, a norm's gain and a head by the rule",
       {{"matrix", "h,d"},
        {"vector", "d"},
        {"head", "c,d"},
        {"grad_matrix", "T,h,d"},
        {"grad_vector", "T,d"},
        {"grad_head", "T,c,d"}},
       {{"matrix", "h,d"}, {"vector", "d"}, {"head", "c,d"}}},
      [](const ScaledAdamWCase& o, const CaseValues& in, CaseValues& out) {
        Parameters parameters;
        for (const auto& [name, kind] :
             {std::pair{"matrix", ParamKind::kWeight}, std::pair{"vector", ParamKind::kNorm},
              std::pair{"head", ParamKind::kHead}})
          parameters.push_back(make_parameter(name, kind, in.tensor(name).clone()));
        const auto optimizer = o.optimizer(parameters, {"matrix"}, static_cast<double>(o.width));
        for (int64 t = 0; t < in.tensor("grad_vector").dim(0); ++t) {
          for (const auto& p : parameters)
            p->grad = in.tensor("grad_" + p->name).rows(t, t + 1).view(p->value.shape());
          optimizer->step();
        }
        for (const auto& p : parameters) out.set(p->name, p->value.clone());
      });
}

double rms_of(const Tensor& t) {
  return std::sqrt(inner({&t, 1}, {&t, 1}) / static_cast<double>(std::max<int64>(t.numel(), 1)));
}

CaseFunction random_walk_function() {
  return case_function<WalkCase>(
      {"random-walk",
       "decayed steps along given updates; rms before the first and after every one, and what independent "
       "updates of variance 1 give",
       {{"w", "n"}, {"updates", "T,n"}},
       {{"w", "n"}, {"rms", "T+1"}, {"expected_rms", "T+1"}, {"stationary_rms", ""}}},
      [](const WalkCase& o, const CaseValues& in, CaseValues& out) {
        const Parameters w = {make_parameter("w", ParamKind::kWeight, in.tensor("w").clone())};
        const auto optimizer =
            make_optimizer(fmt::format("sgdw:lr={},weight_decay={}", o.lr, o.weight_decay), w);
        const Tensor& updates = in.tensor("updates");
        const double start = rms_of(w[0]->value);
        std::vector<real> rms, expected;
        for (int64 t = 0;; ++t) {
          rms.push_back(static_cast<real>(rms_of(w[0]->value)));
          expected.push_back(static_cast<real>(random_walk_rms(o.lr, o.weight_decay, start, t)));
          if (t == updates.dim(0)) break;
          w[0]->grad = updates.rows(t, t + 1).view(w[0]->value.shape());
          optimizer->step();
        }
        const int64 count = updates.dim(0) + 1;
        out.set("w", w[0]->value.clone());
        out.set("rms", Tensor::from({count}, rms));
        out.set("expected_rms", Tensor::from({count}, expected));
        out.set("stationary_rms", random_walk_limit(o.lr, o.weight_decay));
      });
}

CaseFunction top_singular_function() {
  return case_function<PowerCase>({"top-singular-value",
                                   "the largest singular value by the power method, and the gain of a layer",
                                   {{"W", "o,d"}, {"start", "d"}, {"X", "n,d"}},
                                   {{"singular_value", ""}, {"vector", "d"}, {"gain", ""}}},
                                  [](const PowerCase& o, const CaseValues& in, CaseValues& out) {
                                    const TopSingular top = top_singular(in.tensor("W"), in.tensor("start"),
                                                                         static_cast<int>(o.iterations));
                                    out.set("singular_value", top.value);
                                    out.set("vector", top.vector);
                                    out.set("gain", layer_gain(in.tensor("W"), in.tensor("X")));
                                  });
}

// The parameters of the network, blocks numbered from 0 on, and what else there is.
std::vector<CaseSlot> residual_slots(const std::vector<CaseSlot>& others) {
  std::vector<CaseSlot> slots = {{"W_in", "d,p"}};
  for (const char* number : {"0", "#"})
    for (const auto& [name, shape] :
         {std::pair{"gain", "d"}, std::pair{"up", "h,d"}, std::pair{"down", "d,h"}})
      slots.push_back({.name = std::string(name) + number, .shape = shape, .optional = true});
  slots.push_back({"gain_out", "d"});
  slots.push_back({"W_out", "c,d"});
  slots.insert(slots.end(), others.begin(), others.end());
  return slots;
}

CaseFunction residual_mlp_function() {
  return case_function<ResidualCase>(
      {"residual-mlp-train",
       "full-batch AdamW on a residual perceptron, its matrices by the rule; losses before every step and at "
       "the end, gradient norms before clipping",
       residual_slots({{"X", "n,p"}, {"labels", "n", CaseType::kInt}}),
       residual_slots({{"losses", "steps+1"}, {"grad_norms", "steps"}})},
      [](const ResidualCase& o, const CaseValues& in, CaseValues& out) {
        std::vector<std::pair<std::string, std::string>> names = {{"W_in", "in.weight"}};
        std::vector<std::string> matrices;
        int64 blocks = 0;
        for (; in.has(fmt::format("up{}", blocks)); ++blocks) {
          const std::string below = fmt::format("blocks.{}.", blocks);
          names.emplace_back(fmt::format("gain{}", blocks), below + "norm.weight");
          names.emplace_back(fmt::format("up{}", blocks), below + "up.weight");
          names.emplace_back(fmt::format("down{}", blocks), below + "down.weight");
          matrices.push_back(below + "up.weight");
          matrices.push_back(below + "down.weight");
        }
        names.emplace_back("gain_out", "norm.weight");
        names.emplace_back("W_out", "head.weight");
        const int64 width = in.tensor("W_in").dim(0);
        const auto model = make_model(fmt::format("residual-mlp:width={},hidden={},blocks={}", width,
                                                  blocks ? in.tensor("up0").dim(0) : 1, blocks),
                                      {.channels = in.tensor("W_in").dim(1),
                                       .height = 1,
                                       .width = 1,
                                       .classes = in.tensor("W_out").dim(0)},
                                      Rng(0));
        for (const auto& [name, parameter] : names)
          model->find_slot(parameter).parameter()->value.copy_from(in.tensor(name));
        const Parameters parameters = model->parameters();
        const auto optimizer = o.optimizer(parameters, matrices, static_cast<double>(width));
        const real multiplier = static_cast<real>(o.at(static_cast<double>(width)).output_multiplier);
        const Tensor x = in.tensor("X").view({in.tensor("X").dim(0), in.tensor("X").dim(1), 1, 1});
        std::vector<real> losses, norms;
        for (int64 t = 0;; ++t) {
          const Tensor loss = cross_entropy((*model)(x)*multiplier, in.ints("labels"));
          losses.push_back(loss.item());
          if (t == o.steps) break;
          std::vector<Tensor> values;
          for (const auto& p : parameters) values.push_back(p->value);
          std::vector<Tensor> grads = grad(loss, values);
          const double norm = std::sqrt(inner(grads, grads));
          norms.push_back(static_cast<real>(norm));
          for (size_t i = 0; i < grads.size(); ++i)
            parameters[i]->grad = o.clip_norm > 0 && norm > o.clip_norm
                                      ? grads[i].detach() * static_cast<real>(o.clip_norm / norm)
                                      : grads[i];
          optimizer->step();
        }
        for (const auto& [name, parameter] : names)
          out.set(name, model->find_slot(parameter).parameter()->value.clone());
        out.set("losses", Tensor::from({o.steps + 1}, losses));
        out.set("grad_norms", Tensor::from({o.steps}, norms));
      });
}

}  // namespace

std::vector<CaseFunction> mup_weight_decay_functions() {
  return {width_scaling_function(), scaled_adamw_function(), random_walk_function(), top_singular_function(),
          residual_mlp_function()};
}

}  // namespace gradus
