#include "apps/bench/autodiff.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <functional>

#include "apps/bench/timing.h"
#include "autograd/functional/functional.h"
#include "autograd/functional/per_sample.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "nn/modes.h"
#include "nn/registry.h"
#include "optim/elements.h"
#include "optim/estimators/forward_gradient.h"

namespace gradus::bench {
namespace {

double seconds_of(const std::function<void()>& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::vector<double> medians(double seconds, const std::vector<std::function<void()>>& bodies) {
  std::vector<double> result;
  for (const Timing& t : time_in_turns(seconds, 10, bodies)) result.push_back(t.median);
  return result;
}

// Least processor seconds of each in turns: what a busy machine disturbs least.
std::vector<double> processor_seconds(double seconds, std::span<const std::function<void()>> bodies) {
  const auto now = [] { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; };
  std::vector<double> result(bodies.size(), 1e300);
  const double until = now() + seconds * static_cast<double>(bodies.size());
  for (int round = 0; round < 13 || now() < until; ++round)
    for (size_t i = 0; i < bodies.size(); ++i) {
      const double before = now();
      bodies[i]();
      if (round >= 3) result[i] = std::min(result[i], now() - before);  // three to warm up
    }
  return result;
}

struct Setup {
  std::unique_ptr<Model> model;
  Tensor x;
  IntTensor labels;
  Tensors params;

  Setup(const std::string& spec, int64 batch) {
    Rng rng(1);
    model = make_model(spec, {.channels = 1, .height = 28, .width = 28, .classes = 10}, rng);
    x = rng.normal_tensor({batch, 1, 28, 28});
    labels = IntTensor({batch});
    for (int64 i = 0; i < batch; ++i) labels.mutable_data()[i] = rng.below(10);
    for (const auto& p : model->parameters()) params.push_back(p->value);
  }
  Tensor outputs(std::span<const Tensor> values) const { return functional_call(*model, values, x); }
  Tensor loss(std::span<const Tensor> values) const { return cross_entropy(outputs(values), labels); }
};

}  // namespace

AutodiffCosts measure_autodiff(const std::string& spec, int64 batch, double seconds) {
  const Setup s(spec, batch);
  Rng rng(2);
  Tensors directions;
  for (const Tensor& p : s.params) directions.push_back(rng.normal_tensor(p.shape()));
  const Tensors inputs{s.x}, input_direction{rng.normal_tensor(s.x.shape())};
  const Tensor cotangent = rng.normal_tensor({batch, 10});
  const Function loss = [&](std::span<const Tensor> p) { return s.loss(p); };
  const Function outputs = [&](std::span<const Tensor> p) { return s.outputs(p); };
  const Function of_inputs = [&](std::span<const Tensor> x) {
    return cross_entropy((*s.model)(x[0]), s.labels);
  };
  const auto t =
      medians(seconds, {[&] {
                          const Recording off(false);
                          loss(s.params);
                        },
                        [&] { value_and_grad(loss, s.params); }, [&] { vjp(outputs, s.params, cotangent); },
                        [&] { jvp(of_inputs, inputs, input_direction); },
                        [&] { jvp(loss, s.params, directions); }, [&] { hvp(loss, s.params, directions); },
                        [&] {
                          ggn_vp(
                              outputs, [&](const Tensor& z) { return cross_entropy(z, s.labels); }, s.params,
                              directions);
                        }});
  return {spec, batch, t[0], t[1], t[2], t[3], t[4], t[5], t[6]};
}

ForwardGradientCosts measure_forward_gradient(const std::string& spec, int64 batch, double seconds) {
  const Setup s(spec, batch);
  const Function loss = [&](std::span<const Tensor> p) { return s.loss(p); };
  Tensors params;
  for (const Tensor& p : s.params) params.push_back(stop_gradient(p).clone());
  const ForwardDescent descent{.lr = 1e-6};
  const Rng rng(2);
  std::uint64_t steps = 0;
  const auto step = [&](const char* distribution) {
    const std::vector<Tensors> v{draw_direction(params, distribution, rng.fork(steps++))};
    descent.step(loss, params, v, 0);
  };
  const std::function<void()> bodies[] = {[&] {
                                            const Recording off(false);
                                            loss(params);
                                          },
                                          [&] {
                                            const ValueAndGrad at = value_and_grad(loss, params);
                                            for (size_t i = 0; i < params.size(); ++i)
                                              for_each_element(params[i], at.grads[i],
                                                               [](real& x, real g) { x -= real(1e-6) * g; });
                                          },
                                          [&] { step("rademacher"); }, [&] { step("normal"); }};
  const std::vector<double> t = processor_seconds(seconds, bodies);
  return {spec, batch, t[0], t[1], t[2], t[3]};
}

PerSampleCosts measure_per_sample(const std::string& spec, int64 batch, double seconds) {
  const Setup s(spec, batch);
  const SampleLosses losses = [&](int64 begin, int64 end) {
    return cross_entropy((*s.model)(s.x.rows(begin, end)), s.labels.rows(begin, end), Reduction::kNone);
  };
  PerSampleCosts costs{.model = spec, .batch = batch};
  {
    const auto closed = per_sample_gradients(losses, s.params, batch);
    const auto loop = per_sample_gradients(losses, s.params, batch, PerSampleMethod::kOneByOne);
    for (size_t i = 0; i < s.params.size(); ++i) {
      double most = 0, scale = 1e-30;
      for (int64 k = 0; k < closed.grads[i].numel(); ++k) {
        const double a = closed.grads[i].data()[k], b = loop.grads[i].data()[k];
        most = std::max(most, std::abs(a - b));
        scale = std::max(scale, std::abs(b));
      }
      costs.deviation = std::max(costs.deviation, most / scale);
    }
  }
  const auto t =
      medians(seconds, {[&] { grad(mean(losses(0, batch)), s.params); },
                        [&] { per_sample_gradients(losses, s.params, batch); },
                        [&] { per_sample_squared_norms(losses, s.params, batch); },
                        [&] { per_sample_gradients(losses, s.params, batch, PerSampleMethod::kOneByOne); }});
  costs.gradient = t[0], costs.closed = t[1], costs.norms = t[2], costs.one_by_one = t[3];
  return costs;
}

ChainCosts measure_chain(int64 length) {
  const Tensor x = variable(Tensor::scalar(1));
  Tensor y = x;
  const double nodes = static_cast<double>(length) * 1e-9;
  const double record = seconds_of([&] {
    for (int64 i = 0; i < length; ++i) y = y + real(1);
  });
  const double differentiate = seconds_of([&] {
    grad(y, {x});
    y = Tensor();
  });
  return {length, record / nodes, differentiate / nodes};
}

}  // namespace gradus::bench
