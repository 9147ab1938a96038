#include "apps/papers/layerwise/adadagrad_cases.h"

#include <cmath>

#include "optim/methods/batch_growth.h"
#include "optim/registry.h"

namespace gradus {
namespace {

struct BatchTestCase : BatchTestOptions {
  bool per_tensor = false;
  int64 max_batch_size = 1000;
  void visit(auto&& f) {
    BatchTestOptions::visit(f);
    f("per_tensor", per_tensor, "inner products within each tensor");
    f("max_batch_size", max_batch_size, "largest size", at_least(1));
  }
};
struct MicroBatchCase {
  double eta = 0.5;
  void visit(auto&& f) { f("eta", eta, "largest deviation of the mean gradient over its norm", positive()); }
};
// The rule of the registry, its accumulator starting as the paper's code has it.
struct AdagradCase {
  std::string method = "adagrad";
  double lr = 0.01, eps = 1e-10;
  std::optional<double> initial_accumulator_value;
  void visit_rule(auto&& f, std::vector<std::string> methods) {
    f("method", method, "one accumulator an element, one in all, or one a row", choices(std::move(methods)));
    f("lr", lr, "step size", positive());
    f("eps", eps, "added to the root", at_least(0));
    f("initial_accumulator_value", initial_accumulator_value,
      "the accumulator's start; unless given 0, of norm and per_unit 0.01", at_least(0));
  }
  void visit(auto&& f) { visit_rule(f, {"adagrad", "norm", "per_unit"}); }
  std::string spec() const {
    const double start = initial_accumulator_value.value_or(method == "adagrad" ? 0 : 0.01);
    if (method == "adagrad")
      return fmt::format("adagrad:lr={},eps={},initial_accumulator_value={}", lr, eps, start);
    return fmt::format("adagrad-norm:lr={},eps={},b0={},per_unit={}", lr, eps, std::sqrt(start),
                       method == "per_unit");
  }
};
struct AdaptiveCase : BatchTestOptions, AdagradCase {
  std::string loss = "squared";
  int64 batch_size = 2, max_batch_size = 1000, test_interval = 1, steps = 1;
  void visit(auto&& f) {
    BatchTestOptions::visit(f);
    visit_rule(f, {"adagrad", "norm"});
    f("loss", loss, "squared: (u - y)^2/2; logistic: log(1 + exp(-y u))", choices({"squared", "logistic"}));
    f("batch_size", batch_size, "the first one", at_least(2));
    f("max_batch_size", max_batch_size, "largest size", at_least(1));
    f("test_interval", test_interval, "steps between tests", at_least(1));
    f("steps", steps, "how many", at_least(0));
  }
};

CaseFunction batch_size_test_function() {
  return case_function<BatchTestCase>(
      {"batch-size-test",
       "variances of the gradients of a batch's examples, the size the test asks for, the next batch size",
       {{"grads", "b,P"},
        {.name = "tensor_sizes",
         .shape = "K",
         .type = CaseType::kInt,
         .help = "of P, for per_tensor",
         .optional = true}},
       {{"grad_norm_squared", ""},
        {"variance", ""},
        {"inner_product_variance", ""},
        {"orthogonal_variance", ""},
        {.name = "wanted", .shape = "", .optional = true},
        {"batch_size", "", CaseType::kInt}}},
      [](const BatchTestCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor& grads = in.tensor("grads");
        std::vector<int64> tensors;
        if (o.per_tensor) tensors = in.ints("tensor_sizes").values();
        const GradientSpread spread = gradient_spread(grads, tensors);
        const auto wanted = wanted_batch_size(spread, o);
        out.set("grad_norm_squared", spread.grad_norm_squared);
        out.set("variance", spread.variance);
        out.set("inner_product_variance", spread.inner_product_variance);
        out.set("orthogonal_variance", spread.orthogonal_variance);
        if (wanted) out.set("wanted", *wanted);
        out.set("batch_size", IntTensor::full({}, grown_batch_size(grads.dim(0), wanted, o.max_batch_size)));
      });
}

CaseFunction micro_batch_function() {
  return case_function<MicroBatchCase>(
      {"micro-batch-variance",
       "the variance of single gradients from micro-batches: by the law of total variance, and from their "
       "means alone",
       {{"grads", "K,m,P"}},
       {{"mean_grad", "P"},
        {"variance", ""},
        {"between_variance", ""},
        {"wanted", ""},
        {"wanted_between", ""}}},
      [](const MicroBatchCase& o, const CaseValues& in, CaseValues& out) {
        const MicroBatchSpread spread = micro_batch_spread(in.tensor("grads"));
        const double allowed = o.eta * o.eta * spread.norm_squared;
        out.set("mean_grad", spread.mean);
        out.set("variance", spread.variance);
        out.set("between_variance", spread.between);
        out.set("wanted", spread.variance / allowed);
        out.set("wanted_between", spread.between / allowed);
      });
}

CaseFunction adagrad_steps_function() {
  return case_function<AdagradCase>(
      {"adagrad-steps",
       "AdaGrad over given gradients, and its accumulator: (o,d), of norm [], of per_unit (o,1)",
       {{"W", "o,d"}, {"grads", "T,o,d"}},
       {{"W", "o,d"}, {"accumulator", "..."}}},
      [](const AdagradCase& o, const CaseValues& in, CaseValues& out) {
        const Parameters w = {make_parameter("W", ParamKind::kWeight, in.tensor("W").clone())};
        const auto optimizer = make_optimizer(o.spec(), w);
        const Tensor& grads = in.tensor("grads");
        for (int64 t = 0; t < grads.dim(0); ++t) {
          w[0]->grad = grads.rows(t, t + 1).view(w[0]->value.shape());
          optimizer->step();
        }
        out.set("W", w[0]->value.clone());
        if (o.method == "norm")
          out.set("accumulator", optimizer->scalar("S").value_or(o.initial_accumulator_value.value_or(0.01)));
        else if (const Tensor* slot = optimizer->slot(*w[0], o.method == "adagrad" ? "q" : "S"))
          out.set("accumulator", slot->clone());
      });
}

CaseFunction adadagrad_function() {
  return case_function<AdaptiveCase>(
      {"adadagrad",
       "AdaGrad on a linear model with batches that grow: sizes at first and after every step, mean losses "
       "before the steps, examples used",
       {{"X", "N,d"},
        {"y", "N"},
        {"weights", "d"},
        {"order", "M", CaseType::kInt, "of the examples, begun again at its end"}},
       {{"weights", "d"},
        {"batch_sizes", "steps+1", CaseType::kInt},
        {"losses", "steps"},
        {"samples", "", CaseType::kInt}}},
      [](const AdaptiveCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor &x = in.tensor("X"), &y = in.tensor("y");
        const IntTensor& order = in.ints("order");
        const int64 d = x.dim(1);
        const Parameters w = {make_parameter("weights", ParamKind::kWeight, in.tensor("weights").clone())};
        const auto optimizer = make_optimizer(o.spec(), w);
        int64 b = o.batch_size, position = 0;
        std::vector<int64> sizes = {b};
        std::vector<real> losses;
        for (int64 t = 0; t < o.steps; ++t) {
          Tensor grads({b, d}), mean = Tensor::zeros({d});
          double loss = 0;
          for (int64 i = 0; i < b; ++i) {
            const int64 n = order[position++ % order.numel()];
            if (n < 0 || n >= x.dim(0)) fail<DataError>("inputs.order: {} is no row of X", n);
            double u = 0;
            for (int64 j = 0; j < d; ++j)
              u += static_cast<double>(x.data()[n * d + j]) * static_cast<double>(w[0]->value.data()[j]);
            const double label = static_cast<double>(y.data()[n]);
            const bool squared = o.loss == "squared";
            const double slope = squared ? u - label : -label / (1 + std::exp(label * u));
            // (log1p(exp(z)) without overflow.)
            const double z = -label * u;
            loss += squared ? (u - label) * (u - label) / 2
                            : std::max(z, 0.0) + std::log1p(std::exp(-std::abs(z)));
            for (int64 j = 0; j < d; ++j) {
              const double g = slope * static_cast<double>(x.data()[n * d + j]);
              grads.mutable_data()[i * d + j] = static_cast<real>(g);
              mean.mutable_data()[j] += static_cast<real>(g / static_cast<double>(b));
            }
          }
          losses.push_back(static_cast<real>(loss / static_cast<double>(b)));
          w[0]->grad = mean;
          optimizer->step();
          if (t % o.test_interval == 0 && b < o.max_batch_size)
            b = grown_batch_size(b, wanted_batch_size(gradient_spread(grads), o), o.max_batch_size);
          sizes.push_back(b);
        }
        out.set("weights", w[0]->value.clone());
        out.set("batch_sizes", IntTensor::from({o.steps + 1}, sizes));
        out.set("losses", Tensor::from({o.steps}, losses));
        out.set("samples", IntTensor::full({}, position));
      });
}

}  // namespace

std::vector<CaseFunction> adadagrad_functions() {
  return {batch_size_test_function(), micro_batch_function(), adagrad_steps_function(), adadagrad_function()};
}

}  // namespace gradus
