// L-BFGS: quasi-Newton steps from the last few changes of weights and gradients; several a batch.
// Paper: Liu, Nocedal, "On the Limited Memory BFGS Method for Large Scale Optimization", Mathematical Programming 45,
//        1989. Details as torch.optim.LBFGS.
//   x: all parameters as one vector. f, g at x;  a step ends if max|g| <= tolerance_grad, else up to max_iter rounds:
//   n = 1 (rounds over all steps):  d = -g
//   later:  y = g - g', s = a'*d' of the round before;  if <y,s> > 1e-10 the pair is remembered (the last history_size), and
//           H0 = <y,s>/<y,y>;  d = -H g by the two-loop recursion over the pairs, from H0*I
//   a = lr, in the first round min(1, 1/||g||_1)*lr;   the step ends if <g,d> > -tolerance_change
//   line_search = none:         x <- x + a*d;  f, g there, but for round max_iter
//   line_search = strong-wolfe: a from the strong Wolfe conditions (1e-4, 0.9), tried first at the a above;  x <- x + a*d
//   the step ends at max_eval evaluations, max|g| <= tolerance_grad, max|a*d| <= tolerance_change or
//   |f - f'| < tolerance_change
// All evaluations of a step are on its batch; pairs and d are kept between steps. A round whose loss is not finite is undone and
// ends the step. The memory begins anew after it, where a line search finds nothing, and when other parameters are trained.
// Options of groups are not looked at. On mini-batches pairs mix changes of weights and of batches, and steps without a line
// search are soon far too long: take strong-wolfe there.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>

#include "core/error.h"
#include "optim/rules/objective_rules.h"
#include "optim/rules/whole.h"
#include "optim/vocabulary/line_search.h"

namespace gradus::rules {
namespace {

/// The last pairs (s, y), in the optimizer's state.
class QuasiNewtonMemory {
 public:
  QuasiNewtonMemory(State& state, int64 size, int64 capacity)
      : state_(state), size_(size), capacity_(capacity) {}

  void push(const Tensor& s, const Tensor& y, double product) {
    double& count = state_.scalar("pairs");
    const auto i = static_cast<int64>(count);
    count += 1;
    vector("s", i).copy_from(s);
    vector("y", i).copy_from(y);
    state_.scalar(slot("ys", i)) = product;
    state_.scalar("H0", 1) = product / sum_of_squares(y);
  }
  void clear() {
    state_.scalar("pairs") = 0;
    state_.scalar("H0") = 1;
  }
  /// H v by the two-loop recursion; v is overwritten with it.
  void apply(Tensor& v) {
    const auto count = static_cast<int64>(state_.scalar("pairs")),
               first = std::max<int64>(0, count - capacity_);
    std::vector<double> alpha(static_cast<size_t>(count - first));
    for (int64 i = count - 1; i >= first; --i) {
      const double a = dot(vector("s", i), v) / ys(i);
      alpha[static_cast<size_t>(i - first)] = a;
      add(v, -a, vector("y", i));
    }
    for_each_element(v, [c = real(state_.scalar("H0", 1))](real& x) { x *= c; });
    for (int64 i = first; i < count; ++i)
      add(v, alpha[static_cast<size_t>(i - first)] - dot(vector("y", i), v) / ys(i), vector("s", i));
  }

 private:
  static void add(Tensor& to, double factor, const Tensor& x) {
    for_each_element(to, x, [f = real(factor)](real& a, real b) { a += f * b; });
  }
  std::string slot(const char* name, int64 i) const { return fmt::format("{}.{}", name, i % capacity_); }
  Tensor& vector(const char* name, int64 i) { return state_(slot(name, i), Shape{size_}); }
  double ys(int64 i) { return state_.scalar(slot("ys", i)); }

  State& state_;
  int64 size_, capacity_;
};

struct Lbfgs {
  struct Options {
    double lr = 1, tolerance_grad = 1e-7, tolerance_change = 1e-9;
    int64 max_iter = 20, history_size = 100;
    std::optional<int64> max_eval;
    std::string line_search = "none";
    void visit(auto&& f) {
      f("lr", lr, "step size; the first one tried with a line search", positive());
      f("max_iter", max_iter, "rounds a step", at_least(1));
      f("max_eval", max_eval, "evaluations a step; none: max_iter*5/4", at_least(1));
      f("tolerance_grad", tolerance_grad, "largest element of a gradient that counts as none", at_least(0));
      f("tolerance_change", tolerance_change, "smallest change of weights or loss that goes on", at_least(0));
      f("history_size", history_size, "pairs that are remembered", at_least(1));
      f("line_search", line_search, "how far to go along a direction", choices({"none", "strong-wolfe"}));
    }
  };
  static Needs needs(const Options&) { return {.loss = true, .re_evaluation = true}; }

  static double largest(const Tensor& t) {
    double top = 0;
    for (real x : t.span()) top = std::max(top, std::abs(static_cast<double>(x)));
    return top;
  }
  static double sum_of_magnitudes(const Tensor& t) {
    return sum_elements(t, [](real x) { return std::abs(static_cast<double>(x)); });
  }

  // The tensors of a pass as one vector, and back.
  static Tensor flat(const std::vector<Tensor>& parts) {
    int64 size = 0;
    for (const Tensor& t : parts) size += t.numel();
    Tensor out(Shape{size});
    real* to = out.mutable_data();
    for (const Tensor& t : parts) to = std::copy_n(t.data(), t.numel(), to);
    return out;
  }
  static std::vector<Tensor> parts_of(const Tensor& flat, const Pass<Options>& pass) {
    std::vector<Tensor> parts;
    int64 from = 0;
    for (const auto& item : pass.items) {
      const int64 n = item.p.data.numel();
      parts.push_back(flat.rows(from, from + n).view(item.p.data.shape()));
      from += n;
    }
    return parts;
  }

  // Which parameters the memory is of: a number that differs where names or sizes do (FNV-1a, 52 bits).
  static double signature(const Pass<Options>& pass) {
    std::uint64_t hash = 14695981039346656037ull;
    for (const auto& item : pass.items)
      for (const char c : fmt::format("{}:{};", item.p.name, item.p.data.numel()))
        hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
    return static_cast<double>(hash >> 12);
  }

  struct Value {
    double f;
    Tensor g;
  };
  static Value evaluate(Around& around) {
    Value v{};
    v.g = flat(around.gradients(v.f));
    if (!std::isfinite(v.f)) fail<NumericError>("optimizer lbfgs: the loss is {}", v.f);
    return v;
  }

  // x <- x + a*d with a of the strong Wolfe conditions; returns a, `now` is the value there. 0: no step was found.
  static double search(Pass<Options>& pass, Around& around, const Tensor& d, double slope, double first,
                       Value& now, int64& evaluations) {
    TrialWeights weights(pass);
    const std::vector<Tensor> direction = parts_of(d, pass);
    Value last{now.f, now.g};
    double at = 0;
    const auto phi = [&](double a) -> LinePoint {
      weights.move_to(direction, a);
      constexpr double kInfinity = std::numeric_limits<double>::infinity();
      at = a;
      try {
        last = evaluate(around);
      } catch (const NumericError&) {  // too far
        last = {kInfinity, Tensor()};
        return {a, kInfinity, kInfinity};
      }
      return {a, last.f, dot(last.g, d)};
    };
    const LineSearchResult found =
        strong_wolfe(phi, {0, now.f, slope}, first, {.width = pass.options.tolerance_change / largest(d)});
    evaluations += found.evaluations;
    if (found.point.a == 0) return 0;
    if (at != found.point.a) {
      phi(found.point.a);
      ++evaluations;
    }
    now = last;
    weights.keep();
    return found.point.a;
  }

  static void step(Pass<Options>& pass) {
    if (pass.items.empty()) return;
    State& shared = pass.shared;
    const double of = signature(pass);
    if (shared.scalar("of") != of) {
      shared.clear();
      shared.scalar("of") = of;
    }
    rounds(pass);
  }

  static void rounds(Pass<Options>& pass) {
    const Options& o = pass.options;
    State& shared = pass.shared;
    Around around(pass);
    std::vector<Tensor> gradients;
    for (const auto& item : pass.items) gradients.push_back(item.p.grad);
    Value now{pass.info.loss, flat(gradients)};
    if (largest(now.g) <= o.tolerance_grad) return;
    const Shape shape = now.g.shape();
    QuasiNewtonMemory memory(shared, now.g.numel(), o.history_size);
    const int64 most = o.max_eval.value_or(o.max_iter * 5 / 4);
    int64 evaluations = 1;
    for (int64 round = 1; round <= o.max_iter; ++round) {
      double &n = shared.scalar("n"), &a = shared.scalar("a");
      Tensor &d = shared("d", shape), &before = shared("g", shape);
      n += 1;
      if (n > 1) {
        Tensor s = d.clone(), y = now.g.clone();
        for_each_element(s, [c = real(a)](real& x) { x *= c; });
        for_each_element(y, std::as_const(before), [](real& x, real g) { x -= g; });
        if (const double ys = dot(y, s); ys > 1e-10) memory.push(s, y, ys);
      }
      for_each_element(d, std::as_const(now.g), [](real& x, real g) { x = -g; });
      if (n > 1) memory.apply(d);
      before.copy_from(now.g);
      const double lr = o.lr * pass.info.lr_scale, f = now.f, slope = dot(now.g, d);
      a = n == 1 ? std::min(1.0, 1 / sum_of_magnitudes(now.g)) * lr : lr;
      if (slope > -o.tolerance_change) {
        a = 0;  // not moved
        return;
      }
      const bool last = round == o.max_iter;
      if (o.line_search == "strong-wolfe" && a > 0) {
        a = search(pass, around, d, slope, a, now, evaluations);
        if (a == 0) {  // the next step begins with its gradient
          n = 0;
          return memory.clear();
        }
      } else {
        TrialWeights weights(pass);
        weights.move_to(parts_of(d, pass), a);
        try {
          if (!last) now = evaluate(around);
        } catch (const NumericError&) {  // too far: back, and anew from the gradient
          n = 0;
          return memory.clear();
        }
        evaluations += !last;
        weights.keep();
      }
      if (last || evaluations >= most || largest(now.g) <= o.tolerance_grad ||
          a * largest(d) <= o.tolerance_change || std::abs(now.f - f) < o.tolerance_change)
        return;
    }
  }
};

}  // namespace

OptimizerEntry lbfgs() {
  return rule_entry<Lbfgs>({"lbfgs", "quasi-Newton steps from remembered changes of the gradient",
                            "Liu, Nocedal, Mathematical Programming 1989", 400});
}

}  // namespace gradus::rules
