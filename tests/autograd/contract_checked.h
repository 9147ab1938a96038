// All comparisons of the contract for one sample.
#pragma once

#include <algorithm>
#include <cmath>

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "tests/autograd/contract_agreement.h"

namespace contract {

using namespace gradus;

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

}  // namespace contract
