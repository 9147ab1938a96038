#include "nn/batch_part.h"

#include <algorithm>
#include <span>

#include "autograd/ops/elementwise.h"
#include "core/error.h"

namespace gradus {
namespace {

thread_local BatchPart present_part;

void skip(Rng& rng, int64 elements) {
  Rng::State state = rng.state();
  state.counter += static_cast<std::uint64_t>(elements);
  rng.set_state(state);
}

}  // namespace

BatchPartScope::BatchPartScope(const BatchPart& part) : before_(present_part) { present_part = part; }
BatchPartScope::~BatchPartScope() { present_part = before_; }

const BatchPart& batch_part() { return present_part; }

Tensor keep_mask(RunState& run, const Shape& shape, double p, int axis) {
  const BatchPart& part = present_part;
  if (part.total == 0) return run.rng.bernoulli_tensor(shape, p);
  int64 outer = 1;
  for (int i = 0; i < axis; ++i) outer *= shape[i];
  const int64 all = shape.numel() / std::max<int64>(outer, 1), one = all / part.size;  // elements an example
  if (one * part.size != all)
    fail<ShapeError>("draws of shape {} for {} examples along axis {}", shape.str(), part.size, axis);
  Tensor keep(shape);
  for (int64 o = 0; o < outer; ++o) {
    skip(run.rng, part.begin * one);
    const Tensor drawn = run.rng.bernoulli_tensor({all}, p);
    std::copy_n(drawn.data(), all, keep.mutable_data() + o * all);
    skip(run.rng, (part.total - part.begin - part.size) * one);
  }
  return keep;
}

Tensor dropout_of_batch(const Tensor& x, double p, RunState& run, int axis) {
  const auto drop = static_cast<real>(p);
  Tensor keep = keep_mask(run, x.shape(), 1 - static_cast<double>(drop), axis);
  const real scale = 1 / (1 - drop);
  for (real& k : std::span(keep.mutable_data(), static_cast<size_t>(keep.numel()))) k *= scale;
  return x * keep;
}

}  // namespace gradus
