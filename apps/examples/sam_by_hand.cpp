// Sharpness-aware minimisation by hand (Foret et al., ICLR 2021, arXiv 2010.01412): up by rho along the gradient, the gradient there,
// back, a step. Then the same by the library's wrapper, to the last digits.
#include <cmath>
#include <cstdio>

#include "autograd/grad.h"
#include "autograd/ops/nn_ops.h"
#include "data/loader.h"
#include "data/registry.h"
#include "nn/registry.h"
#include "optim/objective.h"
#include "optim/registry.h"

using namespace gradus;

static std::vector<Tensor> values_of(const Parameters& parameters) {
  std::vector<Tensor> values;
  for (const auto& p : parameters) values.push_back(p->value);
  return values;
}
static std::vector<Tensor> gradients(Model& model, const Batch& b) {
  return grad(cross_entropy(model(b.x), b.y), values_of(model.parameters()));
}
static void move(const Parameters& parameters, const std::vector<Tensor>& along, double by) {
  for (size_t k = 0; k < parameters.size(); ++k)
    for (int64 j = 0; j < along[k].numel(); ++j)
      parameters[k]->value.mutable_data()[j] +=
          static_cast<real>(by * static_cast<double>(along[k].data()[j]));
}

/// What the wrapper asks of a batch: loss and gradient where the weights are.
class BatchObjective : public Objective {
 public:
  BatchObjective(Model& model, Batch batch)
      : model_(model), batch_(std::move(batch)), parameters_(model.parameters()) {}
  const Parameters& parameters() const override { return parameters_; }
  Needs offers() const override { return {.loss = true, .re_evaluation = true}; }
  double loss() override { return static_cast<double>(cross_entropy(model_(batch_.x), batch_.y).item()); }
  double gradient() override {
    const std::vector<Tensor> g = gradients(model_, batch_);
    for (size_t k = 0; k < g.size(); ++k) parameters_[k]->grad = g[k];
    return loss();
  }

 private:
  Model& model_;
  Batch batch_;
  Parameters parameters_;
};

int main() {
  const double rho = 0.05, lr = 0.1;
  const Data data = open_data("digits:train=600,test=100");
  const DataShape shape{.channels = 1, .height = 28, .width = 28, .classes = 10};
  const auto by_hand = make_model("mlp:hidden=32,act=tanh", shape, Rng(0));
  const auto by_wrapper = make_model("mlp:hidden=32,act=tanh", shape, Rng(0));
  const OptimizerPtr sam = make_optimizer("sam(sgd:lr=0.1):rho=0.05", by_wrapper->parameters());

  const Loader batches(data.train, {.batch_size = 50});
  double before = 0, after = 0, apart = 0;
  for (int64 t = 0; t < 24; ++t) {
    const Batch b = batches.make({t / 12, t % 12});
    BatchObjective objective(*by_wrapper, b);
    (t ? after : before) = sam->step(objective);

    const Parameters parameters = by_hand->parameters();
    const std::vector<Tensor> g = gradients(*by_hand, b);
    double squares = 0;
    for (const Tensor& part : g)
      for (const real v : part.span()) squares += static_cast<double>(v) * static_cast<double>(v);
    const double up = rho / std::sqrt(squares);
    move(parameters, g, up);  // to the worst point nearby, to first order
    const std::vector<Tensor> there = gradients(*by_hand, b);
    move(parameters, g, -up);
    move(parameters, there, -lr);
  }
  const std::vector<Tensor> a = values_of(by_hand->parameters()), b = values_of(by_wrapper->parameters());
  for (size_t k = 0; k < a.size(); ++k)
    for (int64 j = 0; j < a[k].numel(); ++j)
      apart = std::fmax(apart, std::abs(static_cast<double>(a[k].data()[j] - b[k].data()[j])));
  std::printf("loss %.3f, after 24 steps %.3f; by hand and by sam(sgd): weights at most %.1e apart\n", before,
              after, apart);
  return apart < 1e-4 && after < before ? 0 : 1;
}
