#include "apps/papers/landscape.h"

#include <algorithm>
#include <cmath>

#include "autograd/functional/flat.h"
#include "core/error.h"
#include "optim/registry.h"

namespace gradus {
namespace {

class LandscapeObjective final : public Objective {
 public:
  LandscapeObjective(const Parameters& parameters, const Landscape& f) : parameters_(parameters), f_(f) {}
  const Parameters& parameters() const override { return parameters_; }
  Needs offers() const override {
    return {.loss = true, .re_evaluation = true, .hvp = static_cast<bool>(f_.hessian_times)};
  }
  double loss() override {
    const std::vector<double> w = doubles_of(value());
    std::vector<double> unused(w.size());
    return f_.value(w, unused);
  }
  double gradient() override {
    const std::vector<double> w = doubles_of(value());
    std::vector<double> g(w.size());
    const double loss = f_.value(w, g);
    parameters_[0]->grad = tensor_of(g, value().shape());
    return loss;
  }
  std::vector<Tensor> hvp(std::span<const Tensor> v) override {
    if (!f_.hessian_times) unsupported("Hessian products");
    const std::vector<double> w = doubles_of(value()), direction = doubles_of(v[0]);
    std::vector<double> product(w.size());
    f_.hessian_times(w, direction, product);
    return {tensor_of(product, value().shape())};
  }

 private:
  const Tensor& value() const { return parameters_[0]->value; }
  const Parameters& parameters_;
  const Landscape& f_;
};

}  // namespace

std::vector<double> doubles_of(const Tensor& t) { return {t.data(), t.data() + t.numel()}; }

Tensor tensor_of(std::span<const double> values, const Shape& shape) {
  if (shape.numel() != std::ssize(values))
    fail<ShapeError>("{} numbers for a tensor {}", values.size(), shape.str());
  Tensor t(shape);
  real* to = t.mutable_data();
  for (const double v : values) *to++ = static_cast<real>(v);
  return t;
}

Tensor tensor_of(std::span<const double> values) { return tensor_of(values, {std::ssize(values)}); }

Landscape landscape_of(const Function& f, std::vector<Tensor> like) {
  const auto tensors = [like](std::span<const double> v) { return unflatten(tensor_of(v), like); };
  const auto fill = [](const std::vector<Tensor>& from, std::span<double> to) {
    const std::vector<double> values = doubles_of(flatten_all(from));
    std::copy(values.begin(), values.end(), to.begin());
  };
  return {[=](std::span<const double> w, std::span<double> gradient) {
            const ValueAndGrad at = value_and_grad(f, tensors(w));
            fill(at.grads, gradient);
            return static_cast<double>(at.value.item());
          },
          [=](std::span<const double> w, std::span<const double> v, std::span<double> product) {
            fill(hvp(f, tensors(w), tensors(v)).products, product);
          }};
}

Landscape quadratic(std::vector<double> curvatures) {
  const auto times = [c = curvatures](std::span<const double>, std::span<const double> v,
                                      std::span<double> product) {
    for (size_t i = 0; i < c.size(); ++i) product[i] = c[i] * v[i];
  };
  const auto value = [c = std::move(curvatures)](std::span<const double> w, std::span<double> g) {
    double sum = 0;
    for (size_t i = 0; i < c.size(); ++i) {
      g[i] = c[i] * w[i];
      sum += g[i] * w[i] / 2;
    }
    return sum;
  };
  return {value, times};
}

std::vector<double> log_spaced(double low, double high, int64 count) {
  std::vector<double> values;
  for (int64 i = 0; i < count; ++i)
    values.push_back(low * std::pow(high / low, static_cast<double>(i) /
                                                    static_cast<double>(std::max<int64>(count - 1, 1))));
  return values;
}

Walk::Walk(const std::string& optim, std::span<const double> start, const Shape& shape) {
  const Shape of_point = shape.rank() ? shape : Shape{std::ssize(start)};
  if (of_point.numel() != std::ssize(start))
    fail<ShapeError>("a walk in {} cannot start from {} numbers", of_point.str(), start.size());
  parameters_ = {make_parameter("w", ParamKind::kWeight, tensor_of(start, of_point))};
  optimizer_ = make_optimizer(optim, parameters_);
}

double Walk::step(const Landscape& f, double lr_scale) {
  LandscapeObjective objective(parameters_, f);
  return optimizer_->step(objective, lr_scale);
}

std::vector<double> Walk::point() const { return doubles_of(parameters_[0]->value); }

void Walk::place(std::span<const double> w) {
  real* to = parameters_[0]->value.mutable_data();
  for (const double v : w) *to++ = static_cast<real>(v);
}

}  // namespace gradus
