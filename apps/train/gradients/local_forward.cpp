// --gradient local-forward.
#include "apps/train/gradients/gradient_method.h"
#include "autograd/functional/functional.h"
#include "autograd/grad.h"
#include "autograd/ops/conv.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "nn/layers/linear.h"
#include "nn/local/layer_taps.h"
#include "nn/modes.h"
#include "optim/elements.h"
#include "optim/registry.h"

namespace gradus {
namespace {

struct LocalForwardOptions {
  std::string space = "weight", granularity = "tensor", head_optim = "adam:lr=1e-3";
  void visit(auto&& f) {
    f("space", space,
      "where the gradient is projected on its guess: in the weights, or at the layer's output, example by "
      "example",
      choices({"weight", "activation"}));
    f("granularity", granularity, "of weights: what has a derivative of its own",
      choices({"tensor", "layer"}));
    f("head_optim", head_optim, "optimizer of the auxiliary heads, in double quotes where it has a comma");
  }
};

// A linear head on a layer's output, on 2x2 means of feature maps.
Tensor head_input(const Tensor& output) {
  if (output.rank() == 4) return flatten(adaptive_avg_pool2d(output, 2, 2), 1);
  return flatten(output, 1);
}

class AuxiliaryHeads : public Module {
 public:
  AuxiliaryHeads(const std::vector<Shape>& outputs, int64 classes) {
    const Recording off(false);
    for (size_t k = 0; k < outputs.size(); ++k)
      heads_.push_back(
          &add<Linear>(fmt::format("head{}", k + 1), head_input(Tensor::zeros(outputs[k])).dim(1), classes));
  }
  Tensor forward(const Input&) override { fail<UsageError>("AuxiliaryHeads: has no function; call a head"); }
  Tensor logits(size_t k, const Tensor& output) { return (*heads_[k])(head_input(output)); }
  Linear& head(size_t k) { return *heads_[k]; }

 private:
  std::vector<Linear*> heads_;
};

class LocalForwardMethod final : public GradientMethod {
 public:
  LocalForwardMethod(const LocalForwardOptions& o, Model& model, const Rng& rng) : o_(o), taps_(model) {
    if (model.task() != Task::kClassification)
      fail<UsageError>("gradient local-forward: local losses are of classes; {} is for {}", model.spec(),
                       task_name(model.task()));
    std::vector<Shape> shapes;
    {
      const Recording off(false);
      const ModeScope evaluation(model, false);
      taps_.run([&] { return model(model.example(1)); },
                [&](const LayerTaps::Site& s) {
                  shapes.push_back(s.output.shape());
                  return Tensor();
                });
    }
    sites_ = shapes.size();
    shapes.pop_back();  // the last layer has the loss itself
    heads_ = std::make_unique<AuxiliaryHeads>(shapes, model.data().classes);
    heads_->initialise(rng.fork("heads"));
    parameters_ = heads_->parameters();
    if (!parameters_.empty()) optimizer_ = make_optimizer(o.head_optim, parameters_);
  }
  bool repeatable() const override { return false; }  // the heads learn at every estimate
  std::string cost() const override { return "1 recorded layer by layer, 1 with tangents a tensor or layer"; }

  SavedState save_state() const override {
    SavedState saved = optimizer_ ? optimizer_->save_state() : SavedState{};
    for (const ParameterPtr& p : parameters_) saved.tensors["heads/" + p->name] = stop_gradient(p->value);
    return saved;
  }
  void load_state(const SavedState& state) override {
    SavedState rest = state;
    for (const ParameterPtr& p : parameters_) {
      const auto found = rest.tensors.find("heads/" + p->name);
      if (found == rest.tensors.end()) fail<DataError>("the checkpoint has no auxiliary head '{}'", p->name);
      p->value.copy_from(found->second);
      rest.tensors.erase(found);
    }
    if (optimizer_) optimizer_->load_state(rest);
  }

  GradientEstimate estimate(const GradientTask& task) override {
    GradientEstimate out;
    out.grads.resize(task.trained.size());
    const std::vector<Guess> guesses = take_guesses(task, out);
    for (size_t k = 0; k + 1 < sites_; ++k) {
      if (o_.space == "activation")
        project_output(task, k, guesses[k], out);
      else
        project_weights(task, guesses[k], out);
    }
    if (o_.space == "activation")
      taps_.pull_back(
          task.output, [&](const LayerTaps::Site& s) { return cotangents_[s.number]; }, sites_, true,
          task.trained, out.grads);
    if (optimizer_) {
      GivenGradients given(parameters_, out.loss);
      optimizer_->step(given, 1);
      for (const ParameterPtr& p : parameters_) p->grad = Tensor();
    }
    return out;
  }

 private:
  // A layer's local gradients.
  struct Guess {
    Parameters own;
    std::vector<Tensor> weights;
    Tensor output;
  };

  // One recorded pass, cut behind every layer: local losses, their gradients, the last layer's true gradient.
  std::vector<Guess> take_guesses(const GradientTask& task, GradientEstimate& out) {
    const Recording on(true);
    std::vector<Guess> guesses;
    const Tensor output = taps_.run(task.output, [&](const LayerTaps::Site& site) {
      if (site.number + 1 == sites_) return Tensor();
      Guess guess{LayerTaps::own_parameters(site.module), {}, {}};
      Linear& head = heads_->head(site.number);
      const Tensor loss = cross_entropy(heads_->logits(site.number, site.output), *task.labels);
      std::vector<Tensor> wanted{site.output, head.weight.parameter()->value, head.bias.parameter()->value};
      for (const ParameterPtr& p : guess.own) wanted.push_back(p->value);
      const std::vector<Tensor> grads = grad(loss, wanted, {.allow_unused = true});
      guess.output = grads[0];
      head.weight.parameter()->grad = grads[1];
      head.bias.parameter()->grad = grads[2];
      guess.weights.assign(grads.begin() + 3, grads.end());
      guesses.push_back(std::move(guess));
      return stop_gradient(site.output);
    });
    const Tensor loss = task.loss(output);
    std::vector<Tensor> values;
    for (const ParameterPtr& p : task.trained) values.push_back(p->value);
    out.grads = grad(loss, values, {.allow_unused = true});
    out.loss = static_cast<double>(loss.item());
    out.output = stop_gradient(output);
    cotangents_.assign(sites_, Tensor());
    return guesses;
  }

  // <t, g>/<g, g> g with <t, g> the derivative of the loss along g on these tensors alone.
  void project_weights(const GradientTask& task, const Guess& guess, GradientEstimate& out) const {
    for (size_t from = 0; from < guess.own.size();) {
      const size_t to = o_.granularity == "layer" ? guess.own.size() : from + 1;
      const Parameters all = task.model.parameters();
      const Recording off(false);
      const JvpScope scope(Tangents::kUnrecorded);
      std::vector<Tensor> swapped(all.size());
      double squares = 0;
      for (size_t i = from; i < to; ++i) {
        if (!guess.weights[i].defined()) continue;
        squares += sum_of_squares(guess.weights[i]);
        for (size_t j = 0; j < all.size(); ++j)
          if (all[j] == guess.own[i]) swapped[j] = scope.dual(stop_gradient(all[j]->value), guess.weights[i]);
      }
      double along = 0;
      if (squares > 0) {
        const ParameterSwap swap(task.model, swapped);
        along = static_cast<double>(scope.tangent(task.loss(task.output())).item());
      }
      for (size_t i = from; i < to; ++i) {
        if (!guess.weights[i].defined()) continue;
        const real c = squares > 0 ? static_cast<real>(along / squares) : 0;
        for (size_t j = 0; j < task.trained.size(); ++j)
          if (task.trained[j] == guess.own[i]) out.grads[j] = guess.weights[i] * c;
      }
      from = to;
    }
  }

  // The same at the layer's output for every example.
  void project_output(const GradientTask& task, size_t k, const Guess& guess, GradientEstimate& out) {
    static_cast<void>(out);
    const Recording off(false);
    Tensor slopes;
    {
      const JvpScope scope(Tangents::kUnrecorded);
      const Tensor output = taps_.run(task.output, [&](const LayerTaps::Site& s) {
        return s.number == k ? scope.dual(stop_gradient(s.output), guess.output) : Tensor();
      });
      slopes = scope.tangent(task.losses(output));
    }
    cotangents_[k] = Tensor(guess.output.shape());
    const int64 samples = slopes.numel();
    for (int64 n = 0; n < samples; ++n) {
      const Tensor g = guess.output.rows(n, n + 1);
      const double squares = sum_of_squares(g);
      // The mean loss's derivative is 1/N of the example's.
      const double c =
          squares > 0 ? static_cast<double>(slopes.data()[n]) / (static_cast<double>(samples) * squares) : 0;
      Tensor to = cotangents_[k].rows(n, n + 1);
      for_each_element(to, g, [c = static_cast<real>(c)](real& t, real v) { t = c * v; });
    }
  }

  LocalForwardOptions o_;
  LayerTaps taps_;
  size_t sites_ = 0;
  std::unique_ptr<AuxiliaryHeads> heads_;
  Parameters parameters_;
  OptimizerPtr optimizer_;
  std::vector<Tensor> cotangents_;
};

}  // namespace

GradientEntry local_forward_method() {
  return gradient_entry<LocalForwardOptions, LocalForwardMethod>(
      "local-forward",
      "the loss's derivative along the gradient of each layer's local loss, times that: forward mode, no "
      "tape",
      "optim/estimators/local_guess.cpp");
}

}  // namespace gradus
