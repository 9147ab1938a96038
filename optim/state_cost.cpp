// What an optimizer costs, asks for and looks at, found by running it on a quadratic for a few steps.
#include <fmt/format.h>

#include <map>

#include "core/rng.h"
#include "optim/registry.h"

namespace gradus {
namespace {

// loss = 1/2 ||w||^2 with noisy gradients: gives everything an optimizer may ask.
class Quadratic final : public Objective {
 public:
  explicit Quadratic(ParameterPtr p) : parameters_{std::move(p)} {}
  const Parameters& parameters() const override { return parameters_; }
  Needs offers() const override { return Needs::everything(); }
  double loss() override {
    double sum = 0;
    for (real w : value().span()) sum += 0.5 * static_cast<double>(w) * static_cast<double>(w);
    return sum;
  }
  double gradient() override {
    parameters_[0]->grad = noisy(value());
    return loss();
  }
  std::vector<Tensor> hvp(std::span<const Tensor> v) override { return {v[0].clone()}; }
  std::vector<Tensor> per_sample_gradients() override {
    std::vector<int64> dims{kSamples};
    dims.insert(dims.end(), value().shape().begin(), value().shape().end());
    return {rng_.normal_tensor(Shape(dims))};
  }
  GaussNewton gauss_newton() override {
    return {rng_.normal_tensor({kSamples, value().numel()}), rng_.normal_tensor({kSamples}),
            Tensor::ones({kSamples, 1, 1})};
  }
  Objective& second_batch() override { return *this; }
  std::vector<Tensor> full_gradient() override { return {value().clone()}; }
  SampledGradient sampled_gradient(const Rng&) override { return {{noisy(value())}, kSamples}; }

 private:
  static constexpr int64 kSamples = 2;
  const Tensor& value() const { return parameters_[0]->value; }
  Tensor noisy(const Tensor& w) {
    Tensor g = rng_.normal_tensor(w.shape());
    for (int64 i = 0; i < w.numel(); ++i) g.mutable_data()[i] += w.data()[i];
    return g;
  }

  Parameters parameters_;
  Rng rng_{2};
};

Spec plain_spec(const OptimizerEntry& entry) { return {entry.text.name, entry.wraps ? "sgd" : "", {}}; }
OptimizerPtr plain(const OptimizerEntry& entry, const ParameterPtr& p) {
  return entry.make(plain_spec(entry), {p}, {});
}

// Reads that the sizes of weights and state do not tell, of the optimizer and what stands inside it (of two that share
// the parameters the first).
double extra_reads(const Spec& spec) {
  const double own = static_cast<double>(find_optimizer(spec.name).text.extra_reads);
  if (spec.inner.empty()) return own;
  return own + extra_reads(parse_spec(spec.inner.substr(0, spec.inner.find('|'))));
}

constexpr int kSteps = 12;  // rings and buffers of default length fill

// The weights, one after the other, that the same numbers in this shape end at.
std::vector<real> trained_as(const OptimizerEntry& entry, const Shape& shape) {
  const auto p = make_parameter("w", ParamKind::kWeight, Rng(1).normal_tensor(shape));
  const OptimizerPtr optimizer = plain(entry, p);
  Quadratic objective(p);
  for (int step = 0; step < kSteps; ++step) optimizer->step(objective);
  return p->value.values();
}

}  // namespace

StateCost state_cost(const OptimizerEntry& entry, const Shape& shape) {
  return state_cost(plain_spec(entry), shape);
}

StateCost state_cost(const Spec& spec, const Shape& shape) {
  constexpr int kMost = 200;
  const auto p = make_parameter("w", shape.rank() >= 2 ? ParamKind::kWeight : ParamKind::kBias,
                                Rng(1).normal_tensor(shape));
  const OptimizerPtr optimizer = make_optimizer(spec, {p});
  Quadratic objective(p);
  std::size_t held = 0;
  for (int step = 0; step < kSteps || (step < kMost && optimizer->state_bytes() > held); ++step) {
    held = optimizer->state_bytes();
    optimizer->step(objective);
  }
  const auto before = optimizer->save_state().tensors;
  optimizer->step(objective);
  StateCost cost;
  std::map<std::string, int> parts;
  const auto n = static_cast<double>(shape.numel());
  cost.bytes_moved = (3.0 + extra_reads(spec)) * sizeof(real);
  for (const auto& [key, tensor] : optimizer->save_state().tensors) {
    const std::string slot = key.substr(key.rfind('/') + 1), name = slot.substr(0, slot.find('.'));
    if (name == slot)
      cost.slots.push_back(slot);
    else if (parts[name]++ == 0)
      cost.slots.push_back(name);  // ring.0, ring.1, ...
    const double bytes = static_cast<double>(tensor.numel()) * sizeof(real) / n;
    cost.bytes_per_parameter += bytes;
    const auto old = before.find(key);  // of a ring or a buffer a step writes one tensor
    if (old == before.end() || old->second.values() != tensor.values()) cost.bytes_moved += 2 * bytes;
  }
  for (std::string& slot : cost.slots)
    if (parts.contains(slot)) slot += fmt::format(".0-{}", parts[slot] - 1);
  return cost;
}

OptimizerTraits traits_of(const OptimizerEntry& entry) {
  const auto p = make_parameter("w", ParamKind::kWeight, Tensor::ones({2, 2}));
  return {plain(entry, p)->needs(), trained_as(entry, {8, 12}) != trained_as(entry, {12, 8})};
}

std::vector<std::string> need_names(const Needs& needs) {
  std::vector<std::string> names;
  for (const NeedText& t : need_texts())
    if (needs.*t.need) names.emplace_back(t.name);
  if (names.empty()) names.emplace_back("gradient");
  return names;
}

}  // namespace gradus
