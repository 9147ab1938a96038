// --gradient likelihood-ratio.
#include "apps/train/gradients/gradient_method.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/quasi_random.h"
#include "nn/local/layer_taps.h"
#include "optim/estimators/likelihood_ratio.h"

namespace gradus {
namespace {

struct LikelihoodMethodOptions {
  int64 copies = 4;
  double sigma = 0.1;
  bool antithetic = true, exact_head = true, hypercube = false;
  void visit(auto&& f) {
    f("copies", copies, "draws of noise an example and layer", at_least(1));
    f("sigma", sigma, "standard deviation of the noise", positive());
    f("antithetic", antithetic, "every draw with both signs; else the other copies' mean is subtracted");
    f("exact_head", exact_head, "the last layer has no noise and gets its exact gradient");
    f("hypercube", hypercube, "spread the copies evenly, by a Latin hypercube");
  }
};

class LikelihoodMethod final : public GradientMethod {
 public:
  LikelihoodMethod(const LikelihoodMethodOptions& o, Model& model, const Rng&) : o_(o), taps_(model) {
    if (!o.antithetic && o.copies < 2)
      fail<UsageError>(
          "gradient likelihood-ratio: copies = 1 without antithetic draws leaves no other copy to compare "
          "with");
  }
  std::string cost() const override {
    return fmt::format("1 and {} a layer, 1 recorded layer by layer", o_.copies * (o_.antithetic ? 2 : 1));
  }

  GradientEstimate estimate(const GradientTask& task) override {
    GradientEstimate out;
    out.grads.resize(task.trained.size());
    std::vector<Shape> shapes;  // of every site's output
    {
      const Recording off(false);
      out.output = taps_.run(task.output, [&](const LayerTaps::Site& site) {
        shapes.push_back(site.output.shape());
        return Tensor();
      });
      out.loss = static_cast<double>(task.loss(out.output).item());
    }
    const size_t noisy = shapes.size() - (o_.exact_head ? 1 : 0);
    std::vector<Tensor> cotangents;
    for (size_t k = 0; k < noisy; ++k) cotangents.push_back(cotangent(task, k, shapes[k]));
    const Tensor output = taps_.pull_back(
        task.output, [&](const LayerTaps::Site& s) { return cotangents[s.number]; }, shapes.size(),
        o_.exact_head, task.trained, out.grads);
    if (o_.exact_head) {
      const Recording on(true);
      std::vector<Tensor> values;
      for (const ParameterPtr& p : task.trained) values.push_back(p->value);
      const std::vector<Tensor> head = grad(task.loss(output), values, {.allow_unused = true});
      for (size_t i = 0; i < head.size(); ++i)
        if (head[i].defined())
          out.grads[i] = out.grads[i].defined() ? stop_gradient(out.grads[i] + head[i]) : head[i];
    }
    return out;
  }

 private:
  // What site k's output gets, from passes in which it alone is noisy.
  Tensor cotangent(const GradientTask& task, size_t k, const Shape& shape) {
    const Recording off(false);
    std::vector<int64> dims{o_.copies};
    dims.insert(dims.end(), shape.begin(), shape.end());
    Rng own = task.draws.fork(k);
    const Tensor noise =
        o_.hypercube ? normal_of_uniform(latin_hypercube(o_.copies, shape.numel(), own)).view(Shape(dims))
                     : own.normal_tensor(Shape(dims));
    std::vector<Tensor> plus, minus;
    const auto losses = [&](int64 copy, double sign) {
      const Tensor e = noise.rows(copy, copy + 1).view(shape) * static_cast<real>(sign * o_.sigma);
      const Tensor output = taps_.run(
          task.output, [&](const LayerTaps::Site& s) { return s.number == k ? s.output + e : Tensor(); });
      const Tensor l = task.losses(output);
      return l.view({1, l.numel()});
    };
    for (int64 c = 0; c < o_.copies; ++c) {
      plus.push_back(losses(c, 1));
      if (o_.antithetic) minus.push_back(losses(c, -1));
    }
    const Tensor l = effective_losses(concat(plus, 0), o_.antithetic ? concat(minus, 0) : Tensor(),
                                      o_.antithetic ? "none" : "leave-one-out");
    // Outputs with rows beside the examples' (B*T, ...) do not occur: layers see (B, ...).
    return likelihood_cotangent(l, noise, Tensor::full({1}, static_cast<real>(o_.sigma)));
  }

  LikelihoodMethodOptions o_;
  LayerTaps taps_;
};

}  // namespace

GradientEntry likelihood_method() {
  return gradient_entry<LikelihoodMethodOptions, LikelihoodMethod>(
      "likelihood-ratio",
      "noise behind one layer at a time, times how the loss answers: forward passes alone, no derivative",
      "optim/estimators/likelihood_ratio.cpp");
}

}  // namespace gradus
