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

#include <array>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <set>

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "autograd/registry.h"
#include "tests/precision.h"

namespace contract {
namespace {

using namespace gradus;
using gradus::tests::kDouble;

// What is compared, with the tolerance relative to the size of the terms.
enum What { kForward, kPaths, kPairing, kJvp, kVjp, kModes, kSecond };
struct Compared {
  const char* name;
  double tolerance;
};
constexpr Compared kCompared[] = {{"forward and naive loops", kDouble ? 1e-11 : 3e-5},
                                  {"fast path and composite", kDouble ? 1e-10 : 2e-4},
                                  {"<u, J v> and <J' u, v>", kDouble ? 1e-12 : 1e-4},
                                  {"jvp and central differences", 1e-6},
                                  {"vjp and central differences", 1e-6},
                                  {"second order, four mode combinations", kDouble ? 1e-9 : 1e-3},
                                  {"second order and central differences", 1e-6}};

// The largest deviation of each kind since the last report, and whose it is.
struct Largest {
  double value = 0;
  std::string primitive;
};
std::array<Largest, std::size(kCompared)> largest;

// Whether |a - b| is within the tolerance, relative to `size`. NaN never is.
bool agree(What what, const std::string& primitive, double a, double b, double size) {
  const double off = a == b ? 0 : std::abs(a - b) / size;
  if (!(off <= largest[what].value)) largest[what] = {off, primitive};
  return off <= kCompared[what].tolerance;
}
void report(const char* family) {
  for (size_t i = 0; i < std::size(kCompared); ++i)
    if (std::getenv("GRADUS_TEST_DEVIATIONS") && !largest[i].primitive.empty())
      MESSAGE(std::string(family) << " | " << std::string(kCompared[i].name) << " | " << largest[i].value
                                  << " of " << kCompared[i].tolerance << " | " << largest[i].primitive);
  largest = {};
}

double dot(const Tensor& a, const Tensor& b) {
  double s = 0;
  for (int64 i = 0; i < a.numel(); ++i) s += double(a.data()[i]) * double(b.data()[i]);
  return s;
}
double dot(const Tensors& a, const Tensors& b) {
  double s = 0;
  for (size_t k = 0; k < a.size(); ++k) s += dot(a[k], b[k]);
  return s;
}
// The size of the terms of a dot product: what its rounding error is relative to.
double scale(const Tensor& a, const Tensor& b) {
  double s = 1;
  for (int64 i = 0; i < a.numel(); ++i) s += std::abs(double(a.data()[i]) * double(b.data()[i]));
  return s;
}
double scale(const Tensors& a, const Tensors& b) {
  double s = 1;
  for (size_t k = 0; k < a.size(); ++k) s += scale(a[k], b[k]);
  return s;
}

// Whether the primitive is part of the graph below a node.
bool runs(const Node* n, const Primitive& p) {
  if (!n) return false;
  if (n->primitive() == &p) return true;
  return std::any_of(n->inputs().begin(), n->inputs().end(),
                     [&](const auto& in) { return runs(in.node.get(), p); });
}

// One sample, with its differentiable inputs singled out.
class Checked {
 public:
  explicit Checked(const Sample& s) : s_(s) {
    for (int i = 0; i < static_cast<int>(s.inputs.size()); ++i)
      if (std::find(s.constant.begin(), s.constant.end(), i) == s.constant.end())
        active_.push_back(size_t(i));
    for (size_t i : active_) x_.push_back(s.inputs[i]);
    std::uint64_t seed = 1000;
    for (const Tensor& x : x_) {
      v_.push_back(normal(x.shape(), ++seed));
      w_.push_back(normal(x.shape(), ++seed));
    }
    y_ = s_.f(s_.inputs);
    u_ = normal(y_.shape(), ++seed);
  }

  void run(bool differentiable) const {
    check_forward();
    if (!differentiable) {
      check_refusal();
      return;
    }
    const Tensors g = gradient(x_, {});
    const Tensors g_graph = gradient(x_, {.create_graph = true});
    for (size_t k = 0; k < g.size(); ++k)
      for (int64 i = 0; i < g[k].numel(); ++i) {
        const double a = g[k].data()[i], b = g_graph[k].data()[i];
        if (!agree(kPaths, s_.name, a, b, 1 + std::abs(b)))
          FAIL("fast path gives " << a << ", composite " << b);
      }
    const Tensor jv = forward_tangent(x_, v_);
    check_forward_mode(jv);
    CHECK(agree(kPairing, s_.name, dot(u_, jv), dot(g, v_), scale(g, v_)));
    if (kDouble) check_differences(g, jv);
    int64 size = y_.numel();
    for (const Tensor& x : x_) size = std::max(size, x.numel());
    if (size <= kLarge) check_second_order();  // large inputs are there for the threaded kernels
  }

 private:
  static constexpr size_t kAll = ~size_t{0};

  Tensor call(const Tensors& x) const {
    Tensors in = s_.inputs;
    for (size_t k = 0; k < x.size(); ++k) in[active_[k]] = x[k];
    return s_.f(in);
  }
  Tensors variables(const Tensors& x) const {
    Tensors in;
    for (const Tensor& t : x) in.push_back(variable(t));
    return in;
  }
  Tensors moved(const Tensors& direction, double h) const {
    Tensors out;
    for (size_t k = 0; k < x_.size(); ++k) {
      Tensor t = x_[k].clone();
      real* p = t.mutable_data();
      for (int64 i = 0; i < t.numel(); ++i) p[i] += static_cast<real>(h * double(direction[k].data()[i]));
      out.push_back(t);
    }
    return out;
  }
  // Zeros stand in for a missing gradient: masks and the like are constant.
  static Tensors or_zeros(Tensors g, const Tensors& x) {
    for (size_t k = 0; k < g.size(); ++k)
      if (!g[k].defined()) g[k] = Tensor::zeros(x[k].shape());
    return g;
  }
  Tensors gradient(const Tensors& at, GradOptions o) const {
    const Tensors x = variables(at);
    const Tensor y = call(x);
    if (!node_of(y)) return or_zeros(Tensors(x.size()), x);
    o.allow_unused = true;
    return or_zeros(grad({&y, 1}, x, {&u_, 1}, o), x);
  }
  // Along all inputs or input `only`.
  Tensor forward_tangent(const Tensors& at, const Tensors& direction, size_t only = kAll) const {
    const JvpScope scope;
    Tensors x;
    for (size_t k = 0; k < at.size(); ++k)
      x.push_back(only == kAll || only == k ? scope.dual(at[k], direction[k]) : at[k]);
    return scope.tangent(call(x));
  }

  // Forward mode without a graph, where a kernel may give value and tangent at once, against forward mode that is
  // recorded; along all inputs and along each alone.
  void check_forward_mode(const Tensor& along_all) const {
    const auto check = [&](const Tensor& fast, const Tensor& recorded) {
      for (int64 i = 0; i < fast.numel(); ++i) {
        const double a = fast.data()[i], b = recorded.data()[i];
        if (!agree(kPaths, s_.name, a, b, (1 + std::abs(b)) * s_.condition))
          FAIL("forward mode gives " << a << " at " << i << ", recorded " << b);
      }
    };
    check(along_all, forward_tangent(variables(x_), v_));
    for (size_t k = 0; x_.size() > 1 && k < x_.size(); ++k)
      check(forward_tangent(x_, v_, k), forward_tangent(variables(x_), v_, k));
    const JvpScope scope;
    Tensors x;
    for (size_t k = 0; k < x_.size(); ++k) x.push_back(scope.dual(x_[k], v_[k]));
    check(call(x), y_);
  }

  void check_forward() const {
    REQUIRE(s_.naive != nullptr);
    Grids grids;
    for (const Tensor& t : s_.inputs) grids.push_back({t.shape(), {t.data(), t.data() + t.numel()}});
    const std::vector<double> want = s_.naive(grids);
    REQUIRE(int64(want.size()) == y_.numel());
    for (int64 i = 0; i < y_.numel(); ++i) {
      const double a = y_.data()[i], b = want[size_t(i)];
      if (!agree(kForward, s_.name, a, b, (1 + std::abs(b)) * s_.condition))
        FAIL("forward gives " << a << " at " << i << ", naive loops " << b);
    }
  }

  void check_refusal() const {
    const auto refused = [&](const auto& f) {
      try {
        f();
      } catch (const GraphError& e) {
        return std::string(e.what()).find(s_.name) != std::string::npos;
      }
      return false;
    };
    CHECK(refused([&] { gradient(x_, {}); }));
    CHECK(refused([&] { forward_tangent(x_, v_); }));
  }

  void check_differences(const Tensors& g, const Tensor& jv) const {
    constexpr double kStep = 1e-5;
    const Tensor up = call(moved(v_, kStep)), down = call(moved(v_, -kStep));
    double along_u = 0;
    for (int64 i = 0; i < up.numel(); ++i) {
      const double slope = (double(up.data()[i]) - double(down.data()[i])) / (2 * kStep);
      along_u += slope * double(u_.data()[i]);
      const double t = jv.data()[i];
      if (!agree(kJvp, s_.name, t, slope, 1 + std::abs(slope)))
        FAIL("jvp gives " << t << " at " << i << ", central differences " << slope);
    }
    CHECK(agree(kVjp, s_.name, dot(g, v_), along_u, scale(g, v_)));
  }

  Tensor phi(const Tensors& x) const {
    const Tensor y = call(x);
    return sum(u_ * y * y);
  }
  Tensors phi_gradient(const Tensors& x, bool create_graph) const {
    const Tensor value = phi(x);
    const GradOptions o{.create_graph = create_graph, .allow_unused = true};
    if (!node_of(value)) return or_zeros(Tensors(x.size()), x);
    return or_zeros(grad(value, x, o), x);
  }
  static Tensor inner(const Tensors& a, const Tensors& b) {
    Tensor total = Tensor::scalar(0);
    for (size_t k = 0; k < a.size(); ++k) total = total + sum(a[k] * b[k]);
    return total;
  }
  Tensors duals(const JvpScope& scope, const Tensors& x, const Tensors& direction) const {
    Tensors out;
    for (size_t k = 0; k < x.size(); ++k) out.push_back(scope.dual(x[k], direction[k]));
    return out;
  }

  void check_second_order() const {
    // Reverse over reverse.
    double rr = 0;
    {
      const Tensors x = variables(x_);
      const Tensor slope = inner(phi_gradient(x, true), v_);
      if (node_of(slope)) rr = dot(or_zeros(grad(slope, x, {.allow_unused = true}), x), w_);
    }
    // Forward over reverse.
    double fr = 0;
    Tensors first;
    {
      const JvpScope scope;
      const Tensors x = variables(duals(scope, x_, w_));
      for (const Tensor& g : phi_gradient(x, false)) first.push_back(scope.tangent(g).detach());
      fr = dot(first, v_);
    }
    // Reverse over forward.
    double rf = 0;
    {
      const Tensors x = variables(x_);
      const JvpScope scope;
      const Tensor slope = scope.tangent(phi(duals(scope, x, v_)));
      if (node_of(slope)) rf = dot(or_zeros(grad(slope, x, {.allow_unused = true}), x), w_);
    }
    // Forward over forward.
    double ff = 0;
    {
      const JvpScope outer;
      const Tensors x = duals(outer, x_, w_);
      const JvpScope inner_scope;
      ff = outer.tangent(inner_scope.tangent(phi(duals(inner_scope, x, v_)))).item();
    }
    const double size = 1 + std::abs(rr) + scale(first, v_);
    CHECK(agree(kModes, s_.name, fr, rr, size));
    CHECK(agree(kModes, s_.name, rf, rr, size));
    CHECK(agree(kModes, s_.name, ff, rr, size));
    if (kDouble) {
      constexpr double kStep = 1e-5;
      const auto slope_at = [&](double h) { return dot(phi_gradient(variables(moved(w_, h)), false), v_); };
      const double differences = (slope_at(kStep) - slope_at(-kStep)) / (2 * kStep);
      CHECK(agree(kSecond, s_.name, differences, rr, size));
    }
  }

  const Sample& s_;
  std::vector<size_t> active_;
  Tensors x_, v_, w_;
  Tensor y_, u_;
};

}  // namespace

double Grid::operator()(const Index& i) const {
  int64 at = 0;
  for (size_t k = 0; k < i.size(); ++k) at = at * shape[static_cast<int>(k)] + i[k];
  return v[size_t(at)];
}
double Grid::spread(const Index& i) const {
  int64 at = 0;
  const size_t skip = i.size() - size_t(shape.rank());
  for (int k = 0; k < shape.rank(); ++k) at = at * shape[k] + (shape[k] == 1 ? 0 : i[skip + size_t(k)]);
  return v[size_t(at)];
}

void each(const Shape& shape, const std::function<void(const Index&)>& f) {
  Index i(size_t(shape.rank()), 0);
  for (int64 n = 0; n < shape.numel(); ++n) {
    f(i);
    for (size_t k = i.size(); k-- > 0;) {
      if (++i[k] < shape[static_cast<int>(k)]) break;
      i[k] = 0;
    }
  }
}
std::vector<double> fill(const Shape& out, const std::function<double(const Index&)>& f) {
  std::vector<double> v;
  each(out, [&](const Index& i) { v.push_back(f(i)); });
  return v;
}

Tensor normal(const Shape& shape, std::uint64_t seed) { return Rng(seed).normal_tensor(shape); }
Tensor positive(const Shape& shape, std::uint64_t seed) {
  return Rng(seed).uniform_tensor(shape, real(0.5), 2);
}
Tensor away(const Shape& shape, std::uint64_t seed) {
  Rng rng(seed);
  Tensor t = rng.uniform_tensor(shape, real(0.25), real(1.5));
  for (int64 i = 0; i < t.numel(); ++i)
    if (rng.bernoulli(0.5)) t.mutable_data()[i] *= -1;
  return t;
}
Tensor distinct(const Shape& shape, std::uint64_t seed) {
  Tensor t(shape);
  const std::vector<int64> order = Rng(seed).permutation(shape.numel());
  for (int64 i = 0; i < t.numel(); ++i)
    t.mutable_data()[i] = static_cast<real>(order[size_t(i)] - shape.numel() / 2) / 64;
  return t;
}

void add_map(Samples& s, const char* name, const Shape& in, const std::function<Tensor(const Tensor&)>& f,
             const Shape& out, const std::function<Index(const Index&)>& source) {
  static std::uint64_t seed = 300;
  s.push_back({name,
               {normal(in, ++seed)},
               [=](const Tensors& x) { return f(x[0]); },
               [=](const Grids& x) {
                 return fill(out, [&](const Index& i) {
                   const Index from = source(i);
                   return from.empty() && x[0].shape.rank() > 0 ? 0.0 : x[0](from);
                 });
               },
               {}});
}

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
                                     "Fourier transform",
                                     "linear algebra",
                                     "linear algebra, forward only"};
  for (const gradus::PrimitiveEntry& e : gradus::primitives()) CHECK(tested.contains(e.family));
  CHECK(std::string(gradus::find_primitive("tanh").name) == "tanh");
  CHECK_THROWS_AS(gradus::find_primitive("tahn"), gradus::UsageError);
}
