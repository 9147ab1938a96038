// What the contract tests of optimizers share: a problem that gives everything, and the runs that they compare.
#pragma once

#include "core/rng.h"
#include "tests/optim/probe.h"
#include "tests/selected.h"

namespace gradus::testing {

/// loss = 1/2 sum ||w - c||^2 plus gradient noise fixed by the step: gives everything an optimizer may ask. Its Hessian
/// products are those of a neighbour with off-diagonal entries, so that estimates of a diagonal are random.
class Problem final : public Objective {
 public:
  explicit Problem(Parameters parameters) : parameters_(std::move(parameters)) {}
  Problem& at(int64 step) {
    step_ = step;
    return *this;
  }
  const Parameters& parameters() const override { return parameters_; }
  Needs offers() const override { return Needs::everything(); }
  double loss() override {
    if (poisoned_after >= 0 && evaluations_++ >= poisoned_after) return std::nan("");
    double sum = 1;
    for (const auto& p : parameters_)
      for (real w : p->value.span()) sum += 0.5 * (double(w) - 0.3) * (double(w) - 0.3);
    return sum;
  }
  double gradient() override {
    const bool poisoned = poisoned_after >= 0 && evaluations_ >= poisoned_after;
    const real factor = poisoned ? std::numeric_limits<real>::quiet_NaN() : scale;
    for (size_t i = 0; i < parameters_.size(); ++i) {
      Parameter& p = *parameters_[i];
      if (p.frozen) continue;
      Tensor g = draw("noise", i, p.value.shape());
      real* to = g.mutable_data();
      for (int64 j = 0; j < g.numel(); ++j)
        to[j] = factor * (real(0.5) * to[j] + (p.value.data()[j] - real(0.3)));
      p.grad = g;
    }
    return loss();
  }
  std::vector<Tensor> hvp(std::span<const Tensor> v) override {
    std::vector<Tensor> out;
    double sum = 0;
    for (const Tensor& t : v)
      if (t.defined())
        for (real x : t.span()) sum += double(x);
    for (const Tensor& t : v) {
      out.push_back(t.defined() ? t.clone() : Tensor());
      for (int64 j = 0; t.defined() && j < t.numel(); ++j)
        out.back().mutable_data()[j] = curvature * (t.data()[j] + real(0.1 * sum));
    }
    return out;
  }
  std::vector<Tensor> per_sample_gradients() override {
    std::vector<Tensor> out;
    for (size_t i = 0; i < parameters_.size(); ++i) {
      std::vector<int64> dims{4};
      for (int64 d : parameters_[i]->value.shape()) dims.push_back(d);
      out.push_back(draw("sample", i, Shape(dims)));
    }
    return out;
  }
  GaussNewton gauss_newton() override {
    int64 d = 0;
    for (const auto& p : parameters_)
      if (!p->frozen) d += p->value.numel();
    Tensor jacobian = draw("jacobian", 0, {4, d});
    for (int64 j = 0; j < jacobian.numel(); ++j) jacobian.mutable_data()[j] *= curvature;
    return {jacobian, draw("residual", 0, {4}), Tensor::ones({4, 1, 1})};
  }
  Objective& second_batch() override {
    if (!second_) second_ = std::make_unique<Problem>(parameters_);
    return second_->at(step_ + 1000);
  }
  std::vector<Tensor> full_gradient() override {
    std::vector<Tensor> out;
    for (const auto& p : parameters_) {
      out.push_back(p->frozen ? Tensor() : p->value.clone());
      for (int64 j = 0; !p->frozen && j < p->value.numel(); ++j)
        out.back().mutable_data()[j] = scale * (p->value.data()[j] - real(0.3));
    }
    return out;
  }
  SampledGradient sampled_gradient(const Rng&) override {
    SampledGradient out{{}, 4};
    for (size_t i = 0; i < parameters_.size(); ++i)
      out.gradient.push_back(parameters_[i]->frozen ? Tensor()
                                                    : draw("label", i, parameters_[i]->value.shape()));
    return out;
  }
  real scale = 1, curvature = 1;
  int64 poisoned_after = -1;  ///< evaluations after which loss and gradient are NaN; -1: never

 private:
  Tensor draw(const char* purpose, size_t i, const Shape& shape) const {
    return Rng(7).fork(purpose).fork(static_cast<std::uint64_t>(step_)).fork(i).normal_tensor(shape);
  }
  Parameters parameters_;
  int64 step_ = 0, evaluations_ = 0;
  std::unique_ptr<Problem> second_;
};

inline Parameters make_parameters(int64 rows = 4) {
  Rng rng(3);
  return {make_parameter("w", ParamKind::kWeight, rng.normal_tensor({rows, 3})),
          make_parameter("b", ParamKind::kBias, rng.normal_tensor({5})),
          make_parameter("e", ParamKind::kEmbedding, rng.normal_tensor({3, 2})),
          make_parameter("h", ParamKind::kHead, rng.normal_tensor({2, 3})),
          make_parameter("k", ParamKind::kWeight, rng.normal_tensor({2, 1, 2, 2}))};
}

inline std::string plain_spec(const OptimizerEntry& entry, const std::string& options = "") {
  std::string spec = entry.text.name;
  // sgg clusters a gradient mean, which SGD does not keep.
  const char* inner = entry.text.name == "sgg" ? "(adam:lr=0.05,weight_decay=0.01)"
                                               : "(sgd:lr=0.05,momentum=0.9,weight_decay=0.01)";
  if (entry.wraps) spec += inner;
  return options.empty() ? spec : spec + ":" + options;
}

inline double scale_at(int64 step) { return step % 3 == 0 ? 0.5 : 1.0; }

inline std::vector<real> weights(const Parameters& parameters) {
  std::vector<real> all;
  for (const auto& p : parameters) all.insert(all.end(), p->value.data(), p->value.data() + p->value.numel());
  return all;
}
inline bool finite(const std::vector<real>& v) {
  return std::all_of(v.begin(), v.end(), [](real x) { return std::isfinite(x); });
}

// All weights after `steps` steps.
inline std::vector<real> trajectory(const std::string& spec, int64 steps = 12,
                                    const std::vector<GroupSpec>& groups = {}, int64 rows = 4) {
  Problem problem(make_parameters(rows));
  const auto optimizer = make_optimizer(spec, problem.parameters(), groups);
  std::vector<real> all;
  for (int64 s = 1; s <= steps; ++s) {
    optimizer->step(problem.at(s), scale_at(s));
    const auto now = weights(problem.parameters());
    all.insert(all.end(), now.begin(), now.end());
  }
  optimizer->use_evaluation_weights(true);
  const auto evaluated = weights(problem.parameters());
  optimizer->use_evaluation_weights(false);
  all.insert(all.begin(), evaluated.begin(), evaluated.end());
  return all;
}

template <class Check>
void for_every_optimizer(const Check& check) {
  for (const OptimizerEntry& entry : optimizers()) {
    if (!tests::selected(entry.text.name)) continue;
    CAPTURE(entry.text.name);
    check(entry);
  }
}

}  // namespace gradus::testing
