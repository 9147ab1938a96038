// The contract of primitives: for every sample of every entry of primitives()
//   - the forward pass equals naive loops in double;
//   - the gradient taken on the fast path equals the one taken with create_graph, which goes through
//     composites and differentiable rules;
//   - forward mode without a graph equals forward mode that is recorded, along all inputs and along each;
//   - jvp and vjp equal central differences in random directions (double build);
//   - <u, J v> = <J' u, v>;
//   - D2 phi [v, w] of phi(x) = sum(u y y) comes out the same, and equal to central differences of the
//     gradient, in all four mode combinations (reverse or forward over reverse or forward);
//   - there are samples of every size and, where it applies, of broadcasting (contract_coverage_test.cpp).
#include "tests/autograd/contract.h"

#include <doctest/doctest.h>

#include <set>

#include "autograd/registry.h"
#include "tests/autograd/contract_checked.h"

namespace contract {
namespace {

// Whether the primitive is part of the graph below a node.
bool runs(const Node* n, const Primitive& p) {
  if (!n) return false;
  if (n->primitive() == &p) return true;
  return std::any_of(n->inputs().begin(), n->inputs().end(),
                     [&](const auto& in) { return runs(in.node.get(), p); });
}

}  // namespace

void check_family(const char* family, const Samples& samples) {
  std::set<std::string> sampled;
  for (const Sample& s : samples) sampled.insert(s.name);
  bool known = false;
  for (const PrimitiveEntry& e : primitives()) {
    if (std::string(e.family) != family) continue;
    known = true;
    const Primitive& p = *e.primitive;
    INFO("primitive " << std::string(p.name));
    CHECK((p.vjp != nullptr || p.composite != nullptr));
    CHECK((p.jvp != nullptr || p.composite != nullptr));
    REQUIRE(sampled.contains(p.name));
    check_coverage(e, samples);
    bool reached = false;  // some sample really runs the primitive
    for (const Sample& s : samples) {
      if (s.name != p.name) continue;
      std::string shapes;
      for (const Tensor& t : s.inputs) shapes += t.shape().str() + " ";
      INFO("inputs " << shapes);
      Tensors in;
      for (const Tensor& t : s.inputs) in.push_back(variable(t));
      reached |= runs(node_of(s.f(in)), p);
      Checked(s).run(e.differentiable);
    }
    CHECK((reached || !e.differentiable || std::string(e.family) == "elementwise, broadcasting"));
    sampled.erase(p.name);
  }
  report(family);
  CHECK(known);
  CHECK_MESSAGE(sampled.empty(), "a sample names no primitive of the family ", family);
}

}  // namespace contract

TEST_CASE("contract: every family of primitives() is tested") {
  const std::set<std::string> tested{"elementwise, one input",
                                     "elementwise, broadcasting",
                                     "reduction",
                                     "shape",
                                     "indexing",
                                     "matrix product",
                                     "convolution",
                                     "pooling",
                                     "softmax and losses",
                                     "normalisation",
                                     "attention",
                                     "recurrence",
                                     "Fourier transform",
                                     "linear algebra",
                                     "linear algebra, forward only"};
  for (const gradus::PrimitiveEntry& e : gradus::primitives()) CHECK(tested.contains(e.family));
  CHECK(std::string(gradus::find_primitive("tanh").name) == "tanh");
  CHECK_THROWS_AS(gradus::find_primitive("tahn"), gradus::UsageError);
}
