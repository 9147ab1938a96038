// A function of one vector as an objective: everything a rule may ask, exact where the function is quadratic.
#pragma once

#include <functional>

#include "tests/optim/probe.h"

namespace gradus::testing {

/// f, its gradient and its Hessian's products, of the values of one parameter "w".
struct Function1 {
  std::function<double(const Values&)> f;
  std::function<Values(const Values&)> g;
  std::function<Values(const Values& w, const Values& v)> h = nullptr;
};
/// 1/2 sum a_i x_i^2.
inline Function1 diagonal_quadratic(const Values& a) {
  const auto times = [a](const Values& x) {
    Values y;
    for (size_t i = 0; i < a.size(); ++i) y.push_back(a[i] * x[i]);
    return y;
  };
  return {[=](const Values& x) {
            double sum = 0;
            for (size_t i = 0; i < a.size(); ++i) sum += 0.5 * a[i] * x[i] * x[i];
            return sum;
          },
          times, [=](const Values&, const Values& v) { return times(v); }};
}
inline const Function1 kBowl = diagonal_quadratic({1, 4});
inline const Function1 kLong = diagonal_quadratic({1, 10});
/// sum |x_i|.
inline Function1 absolute() {
  return {[](const Values& x) {
            double sum = 0;
            for (double v : x) sum += std::abs(v);
            return sum;
          },
          [](const Values& x) {
            Values g;
            for (double v : x) g.push_back(v > 0 ? 1 : v < 0 ? -1 : 0);
            return g;
          }};
}
/// x^4/4 in one dimension.
inline Function1 quartic() {
  return {[](const Values& x) { return std::pow(x[0], 4) / 4; },
          [](const Values& x) { return Values{std::pow(x[0], 3)}; },
          [](const Values& x, const Values& v) { return Values{3 * x[0] * x[0] * v[0]}; }};
}
/// c*f.
inline Function1 times(const Function1& f, double c) {
  const auto scaled_by = [c](Values v) {
    for (double& x : v) x *= c;
    return v;
  };
  return {[=](const Values& x) { return c * f.f(x); }, [=](const Values& x) { return scaled_by(f.g(x)); }};
}

class Closure final : public Objective {
 public:
  Closure(Function1 function, const Shape& shape, const Values& start)
      : function_(std::move(function)),
        parameters_{make_parameter("w", shape.rank() >= 2 ? ParamKind::kWeight : ParamKind::kBias,
                                   tensor(shape, start))} {}
  const Parameters& parameters() const override { return parameters_; }
  Needs offers() const override {
    return {.loss = true, .re_evaluation = true, .hvp = function_.h != nullptr};
  }
  double loss() override { return function_.f(values()); }
  double gradient() override {
    parameters_[0]->grad = tensor(parameters_[0]->value.shape(), function_.g(values()));
    return loss();
  }
  std::vector<Tensor> hvp(std::span<const Tensor> v) override {
    return {tensor(v[0].shape(), function_.h(values(), values_of(v[0])))};
  }
  Values values() const { return values_of(parameters_[0]->value); }

 private:
  Function1 function_;
  Parameters parameters_;
};

/// A rule on a closure.
struct Descent {
  Closure objective;
  OptimizerPtr optimizer;
  Descent(const std::string& spec, const Function1& f, const Values& start)
      : Descent(spec, f, start, {static_cast<int64>(start.size())}) {}
  Descent(const std::string& spec, const Function1& f, const Values& start, const Shape& shape)
      : objective(f, shape, start), optimizer(make_optimizer(spec, objective.parameters())) {}
  Values step(int times = 1, double lr_scale = 1) {
    for (int i = 0; i < times; ++i) optimizer->step(objective, lr_scale);
    return objective.values();
  }
  double scalar(const char* name) const { return optimizer->scalar(name).value(); }
};
inline Values descend_by(const std::string& spec, const Function1& f, const Values& start, int steps = 1) {
  return Descent(spec, f, start).step(steps);
}

inline double length(const Values& v) {
  double sum = 0;
  for (double x : v) sum += x * x;
  return std::sqrt(sum);
}
inline Values minus(const Values& a, const Values& b) {
  Values out;
  for (size_t i = 0; i < a.size(); ++i) out.push_back(a[i] - b[i]);
  return out;
}

}  // namespace gradus::testing
