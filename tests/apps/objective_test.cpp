// The objective of a training step over a model.
#include "apps/train/objective.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "nn/registry.h"

using namespace gradus;

namespace {

constexpr double kClose = sizeof(real) == 8 ? 1e-10 : 1e-4;

double gap(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  double worst = 0;
  for (int64 i = 0; i < a.numel(); ++i)
    worst = std::max(worst, std::abs(static_cast<double>(a.data()[i]) - static_cast<double>(b.data()[i])));
  return worst;
}
double gap(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) worst = std::max(worst, gap(a[i], b[i]));
  return worst;
}
std::vector<Tensor> gradients(const Parameters& parameters) {
  std::vector<Tensor> out;
  for (const auto& p : parameters) out.push_back(p->grad.clone());
  return out;
}

}  // namespace

TEST_CASE("model objective: Hessian products of a kept gradient are those of passes of their own") {
  for (const char* spec : {"mlp:hidden=5-4,act=tanh", "lenet:conv1=2,conv2=3,hidden=4"}) {
    CAPTURE(spec);
    const DataShape data{.channels = 1, .height = 8, .width = 8, .classes = 3};
    const auto model = make_model(spec, data, Rng(1));
    const Parameters parameters = model->parameters();
    Batch batch;
    batch.x = Rng(2).normal_tensor({4, 1, 8, 8});
    batch.y = IntTensor({4});
    for (int64 i = 0; i < 4; ++i) batch.y.mutable_data()[i] = i % 3;
    batch.index = IntTensor::arange(4);
    ModelObjective plain(*model, parameters, {batch}),
        kept(*model, parameters, {batch}, {.keep_graph = true});
    const double loss = plain.gradient();
    const std::vector<Tensor> g = gradients(parameters);
    CHECK(std::abs(kept.gradient() - loss) < kClose);
    CHECK(gap(gradients(parameters), g) < kClose);
    std::vector<Tensor> v;
    for (const auto& p : parameters) v.push_back(Rng(3).fork(p->name).normal_tensor(p->value.shape()));
    const std::vector<Tensor> expected = plain.hvp(v);
    std::vector<Tensor> product = kept.hvp(v);
    CHECK(gap(product, expected) < kClose);
    CHECK(gap(expected, plain.hvp(v)) < kClose);
    // The result is the caller's to change, and can be asked for again.
    for (Tensor& t : product) t.fill(7);
    for (const auto& p : parameters) p->grad.fill(0);
    CHECK(gap(kept.hvp(v), expected) < kClose);
    // At other weights the kept gradient says nothing.
    for (const auto& p : parameters)
      for (int64 i = 0; i < p->value.numel(); ++i) p->value.mutable_data()[i] *= static_cast<real>(1.5);
    const std::vector<Tensor> elsewhere = plain.hvp(v);
    CHECK(gap(elsewhere, expected) > 1e-3);
    CHECK(gap(kept.hvp(v), elsewhere) < kClose);
  }
}
