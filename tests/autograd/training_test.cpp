// Small networks end to end: gradients against central differences, and no node or storage left behind.
#include <doctest/doctest.h>

#include <cmath>

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"

using namespace gradus;

namespace {

struct Mlp {
  std::vector<Tensor> params;  // w1 (8,5), b1 (8), w2 (3,8), b2 (3)
  Tensor x;
  IntTensor labels = IntTensor::from({4}, {0, 2, 1, 2});
  explicit Mlp(std::uint64_t seed) {
    Rng rng(seed);
    for (const Shape& s : {Shape{8, 5}, Shape{8}, Shape{3, 8}, Shape{3}})
      params.push_back(variable(rng.normal_tensor(s, 0, real(0.5))));
    x = rng.normal_tensor({4, 5});
  }
  Tensor loss() const {
    const Tensor h = linear_relu(x, params[0], params[1]);
    return cross_entropy(linear(h, params[2], params[3]), labels);
  }
};

}  // namespace

TEST_CASE("training: gradients of an MLP match central differences") {
  Mlp net(3);
  const std::vector<Tensor> g = grad(net.loss(), net.params);
  const real h = sizeof(real) == 8 ? real(1e-6) : real(1e-2);
  for (size_t k = 0; k < g.size(); ++k)
    for (int64 i = 0; i < g[k].numel(); ++i) {
      real* p = net.params[k].mutable_data() + i;
      const real at = *p;
      *p = at + h;
      const double up = net.loss().item();
      *p = at - h;
      const double down = net.loss().item();
      *p = at;
      const double slope = (up - down) / (2.0 * static_cast<double>(h));
      CHECK(std::abs(slope - g[k].data()[i]) < (sizeof(real) == 8 ? 1e-8 : 2e-3));
    }
}

TEST_CASE("training: nodes and storages return to their start after 1000 steps") {
  const int64 nodes = live_nodes(), storages = live_storages();
  {
    Mlp net(5);
    const double first = net.loss().item();
    const int64 nodes_before = live_nodes(), storages_before = live_storages();
    for (int step = 0; step < 1000; ++step) {
      const std::vector<Tensor> g = grad(net.loss(), net.params);
      for (size_t k = 0; k < g.size(); ++k) {
        real* p = net.params[k].mutable_data();
        for (int64 i = 0; i < g[k].numel(); ++i) p[i] -= real(0.1) * g[k].data()[i];
      }
    }
    CHECK(live_nodes() == nodes_before);
    CHECK(live_storages() == storages_before);
    CHECK(net.loss().item() < first / 20);
  }
  CHECK(live_nodes() == nodes);
  CHECK(live_storages() == storages);
}
