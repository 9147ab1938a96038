#include "autograd/functional/per_sample.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <limits>
#include <mutex>

#include "autograd/functional/flat.h"
#include "autograd/functional/sample_graph.h"
#include "autograd/grad.h"
#include "autograd/graph_access.h"
#include "core/allocator.h"
#include "core/threads.h"

namespace gradus {
namespace {

Tensor losses_of(const SampleLosses& f, int64 begin, int64 end) {
  const Recording on(true);
  Tensor losses = f(begin, end);
  if (!(losses.shape() == Shape{end - begin}))
    fail<ShapeError>("per-sample gradients: losses of shape {} for {} samples", losses.shape().str(),
                     end - begin);
  return losses;
}

// body(n) for all samples, on all threads; the first exception comes out.
template <class Body>
void for_samples(int64 samples, const Body& body) {
  std::exception_ptr error;
  std::mutex mutex;
  parallel_for(samples, 1, [&](int64 begin, int64 end) {
    try {
      for (int64 n = begin; n < end; ++n) body(n);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!error) error = std::current_exception();
    }
  });
  if (error) std::rethrow_exception(error);
}

Shape with_samples(int64 samples, const Shape& shape) {
  std::vector<int64> dims{samples};
  dims.insert(dims.end(), shape.begin(), shape.end());
  return Shape(dims);
}

// A receiver gets each sample's gradients in turn: store(i, n, g) for parameter i and sample n.
template <class Store>
void one_by_one(const SampleLosses& f, std::span<const Tensor> params, const Tensor& batch_losses,
                const std::string& reason, const Store& store) {
  const double tolerance = std::sqrt(static_cast<double>(std::numeric_limits<real>::epsilon()));
  for (int64 n = 0; n < batch_losses.dim(0); ++n) {
    const Tensor loss = losses_of(f, n, n + 1);
    const auto alone = static_cast<double>(loss.item()),
               together = static_cast<double>(batch_losses.data()[n]);
    const bool both_nan = std::isnan(alone) && std::isnan(together);
    if (!both_nan && !(std::abs(alone - together) <= tolerance * (1 + std::abs(together))))
      fail<GraphError>(
          "per-sample gradients: sample {} has loss {} in the batch and {} by itself, so the samples "
          "influence each "
          "other (batch statistics?) or the losses are random{}{}",
          n, together, alone, reason.empty() ? "" : "; first obstacle: ", reason);
    if (!node_of(loss)) continue;
    const std::vector<Tensor> grads = grad(loss, params, {.allow_unused = true});
    for (size_t i = 0; i < params.size(); ++i)
      if (grads[i].defined()) store(i, n, grads[i]);
  }
}

// The sinks of one parameter, and those behind tensors that were computed from parameters.
struct Sorted {
  std::vector<std::vector<const Sink*>> direct;
  std::vector<std::vector<const Sink*>> shared;  // grouped by the tensor
};
Sorted sort_sinks(const std::vector<Sink>& sinks, size_t params) {
  Sorted sorted{std::vector<std::vector<const Sink*>>(params), {}};
  for (const Sink& s : sinks) {
    if (s.parameter >= 0) {
      sorted.direct[static_cast<size_t>(s.parameter)].push_back(&s);
      continue;
    }
    const auto same = std::find_if(sorted.shared.begin(), sorted.shared.end(),
                                   [&](const auto& group) { return group[0]->shared == s.shared; });
    if (same == sorted.shared.end()) {
      sorted.shared.push_back({&s});
    } else {
      same->push_back(&s);
    }
  }
  return sorted;
}

void add_all(const std::vector<const Sink*>& sinks, int64 n, int64 samples, real* block) {
  for (const Sink* s : sinks) add_sample(*s, n, samples, block, s == sinks.front());
}

// Pulls each sample's cotangent of a tensor computed from parameters back to them: store(i, n, g).
template <class Store>
void pull_back(const std::vector<const Sink*>& group, std::span<const Tensor> params, int64 samples,
               const Store& store) {
  Tensor shared = Tensor::zeros(group[0]->node->inputs()[group[0]->input].shape);
  Ref<GradMeta> meta(new GradMeta);
  meta->node = group[0]->shared;
  shared.set_meta(meta);
  for (int64 n = 0; n < samples; ++n) {
    Tensor g(shared.shape());
    add_all(group, n, samples, g.mutable_data());
    const std::vector<Tensor> grads =
        grad({&shared, 1}, params, {&g, 1}, {.retain_graph = true, .allow_unused = true});
    for (size_t i = 0; i < params.size(); ++i)
      if (grads[i].defined()) store(i, n, grads[i]);
  }
}

void add_to_rows(Tensor& rows, int64 n, const Tensor& g) {
  real* block = rows.mutable_data() + n * g.numel();
  for (int64 i = 0; i < g.numel(); ++i) block[i] += g.data()[i];
}

void check(std::span<const Tensor> params, int64 samples) {
  if (samples < 1) fail<ShapeError>("per-sample gradients: {} samples", samples);
  for (size_t i = 0; i < params.size(); ++i)
    if (!node_of(params[i]))
      fail<GraphError>(
          "per-sample gradients: parameter {} (shape {}) carries no graph; make it with variable()", i,
          params[i].shape().str());
}

// Samples that are run together at first, and the bytes a graph may hold: what one recorded pass leaves should still
// be near the processor when the backward pass and the closed forms read it. Neither depends on the thread count.
constexpr int64 kFirstSamples = 32;
constexpr int64 kGraphBytes = int64{12} << 20;

// The batch in parts of nearly equal size. `part(graph, begin, count)` gets the sinks of samples begin..begin+count-1
// with their cotangents. Fills in the losses; returns the first obstacle, and nothing is to be relied on then.
template <class Part>
std::string in_parts(const SampleLosses& f, std::span<const Tensor> params, int64 samples,
                     PerSampleMethod method, Tensor& losses, const Part& part) {
  check(params, samples);
  if (method == PerSampleMethod::kOneByOne) return "asked for";
  losses = Tensor({samples});
  real* all = losses.mutable_data();
  int64 at_once = kFirstSamples;
  for (int64 begin = 0; begin < samples;) {
    const int64 rest = samples - begin, count = rest / ((rest + at_once - 1) / at_once);
    const auto before = static_cast<int64>(allocator_stats().bytes_in_use);
    const Tensor some = losses_of(f, begin, begin + count);
    const auto bytes = static_cast<int64>(allocator_stats().bytes_in_use) - before;
    std::copy_n(some.data(), count, all + begin);
    SampleGraph graph;
    if (node_of(some)) {
      graph = sample_graph(some, params);
      if (!graph.obstacle.empty()) return graph.obstacle;
      run_backward(some, graph.sinks);
    }
    part(sort_sinks(graph.sinks, params.size()), begin, count);
    begin += count;
    at_once = std::max(kFirstSamples, kGraphBytes / std::max<int64>(1, bytes / count));
  }
  return {};
}

}  // namespace

PerSampleGrads per_sample_gradients(const SampleLosses& f, std::span<const Tensor> params, int64 samples,
                                    PerSampleMethod method) {
  PerSampleGrads result;
  std::vector<Tensor>& rows = result.grads;
  const auto store = [&](size_t i, int64 n, const Tensor& g) { add_to_rows(rows[i], n, g); };
  const auto make_rows = [&](bool zeros) {
    rows.clear();
    for (const Tensor& p : params) {
      rows.emplace_back(with_samples(samples, p.shape()));
      if (zeros) rows.back().fill(0);
    }
  };
  const auto closed = [&](const Sorted& sinks, int64 begin, int64 count) {
    if (rows.empty()) make_rows(false);
    std::vector<real*> out;
    for (Tensor& r : rows) out.push_back(r.mutable_data());
    for_samples(count, [&](int64 n) {
      for (size_t i = 0; i < params.size(); ++i) {
        real* block = out[i] + (begin + n) * params[i].numel();
        if (sinks.direct[i].empty()) std::fill_n(block, params[i].numel(), real{0});
        add_all(sinks.direct[i], n, count, block);
      }
    });
    for (const auto& group : sinks.shared)
      pull_back(group, params, count, [&](size_t i, int64 n, const Tensor& g) { store(i, begin + n, g); });
  };
  result.fallback = in_parts(f, params, samples, method, result.losses, closed);
  if (result.fallback.empty()) return result;
  make_rows(true);
  result.losses = losses_of(f, 0, samples).detach();
  one_by_one(f, params, result.losses, result.fallback, store);
  return result;
}

PerSampleNorms per_sample_squared_norms(const SampleLosses& f, std::span<const Tensor> params, int64 samples,
                                        PerSampleMethod method) {
  PerSampleNorms result;
  const auto zeros = [&] {
    result.squared.clear();
    for (size_t i = 0; i < params.size(); ++i) result.squared.push_back(Tensor::zeros({samples}));
  };
  zeros();
  const auto closed = [&](const Sorted& sinks, int64 begin, int64 count) {
    // Parameters that are also reached through other tensors need their parts added before a norm is taken.
    std::vector<Tensor> through(params.size());
    for (const auto& group : sinks.shared)
      pull_back(group, params, count, [&](size_t i, int64 n, const Tensor& g) {
        if (!through[i].defined()) through[i] = Tensor::zeros(with_samples(count, params[i].shape()));
        add_to_rows(through[i], n, g);
      });
    for (size_t i = 0; i < params.size(); ++i) {
      const auto& direct = sinks.direct[i];
      real* norms = result.squared[i].mutable_data() + begin;
      const bool form = direct.size() == 1 && !through[i].defined() && has_norm_form(*direct[0], count);
      if (direct.empty() && !through[i].defined()) continue;
      for_samples(count, [&](int64 n) {
        if (form) {
          norms[n] = static_cast<real>(squared_norm(*direct[0], n, count));
          return;
        }
        Tensor block(params[i].shape());
        if (direct.empty()) block.fill(0);
        add_all(direct, n, count, block.mutable_data());
        if (through[i].defined()) {
          const Tensor rest = through[i].rows(n, n + 1).view(block.shape());
          real* b = block.mutable_data();
          for (int64 j = 0; j < block.numel(); ++j) b[j] += rest.data()[j];
        }
        norms[n] = static_cast<real>(inner({&block, 1}, {&block, 1}));
      });
    }
  };
  result.fallback = in_parts(f, params, samples, method, result.losses, closed);
  if (result.fallback.empty()) return result;
  zeros();
  result.losses = losses_of(f, 0, samples).detach();
  one_by_one(f, params, result.losses, result.fallback, [&](size_t i, int64 n, const Tensor& g) {
    result.squared[i].mutable_data()[n] = static_cast<real>(inner({&g, 1}, {&g, 1}));
  });
  return result;
}

}  // namespace gradus
