#include "nn/models/sape.h"

#include <algorithm>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "nn/fields/fourier_features.h"

namespace gradus {
namespace {

int64 coordinates(const DataShape& data) {
  if (data.features() < 1 || data.features() > 3)
    fail<UsageError>("model sape is on one to three coordinates (--data field); these data have {} numbers",
                     data.features());
  return data.features();
}
int64 grid_cells(int64 res, int64 dim) {
  int64 cells = 1;
  for (int64 j = 0; j < dim; ++j) cells *= res;
  return cells;
}

// A buffer as doubles, and back.
template <class Values>
void read(const Tensor& from, Values& to) {
  for (size_t i = 0; i < to.size(); ++i)
    to[i] = static_cast<typename Values::value_type>(from.data()[static_cast<int64>(i)]);
}
template <class Values>
void write(const Values& from, Tensor& to) {
  for (size_t i = 0; i < from.size(); ++i)
    to.mutable_data()[static_cast<int64>(i)] = static_cast<real>(from[i]);
}

}  // namespace

Sape::Sape(const Options& o, const DataShape& data)
    : ImageModel(data, "sape"),
      options_(o),
      dim_(coordinates(data)),
      columns_(dim_ + 2 * o.frequencies),
      frequencies_(parameter("frequencies", ParamKind::kEmbedding, {dim_, o.frequencies},
                             [sigma = o.sigma](Tensor& t, Rng& rng) {
                               const Tensor drawn = sorted_frequencies(t.dim(0), t.dim(1), sigma, rng);
                               std::copy_n(drawn.data(), t.numel(), t.mutable_data());
                             })),
      net_(add<ModuleList<Linear>>("net")),
      head_(add<Linear>("head", o.hidden, outputs())),
      mask_(buffer("mask", Tensor::zeros({grid_cells(o.res, dim_), columns_}))),
      log_(buffer("mask_log", Tensor::zeros({grid_cells(o.res, dim_)}))),
      count_(buffer("mask_count", Tensor::zeros({grid_cells(o.res, dim_)}))),
      in_progress_(buffer("mask_in_progress", Tensor::zeros({grid_cells(o.res, dim_)}))),
      course_(buffer("mask_course", Tensor::zeros({3}))) {
  frequencies_.parameter()->frozen = true;
  int64 in = columns_;
  for (int64 i = 0; i < o.layers; ++i) {
    net_.push(in, o.hidden).weight.set_init(init::kaiming_normal());
    in = o.hidden;
  }
  head_.weight.set_kind(ParamKind::kHead);
  SapeMask start(dim_, o.res, columns_, dim_, o.epsilon);
  if (o.channels == "all") std::fill(start.mask.begin(), start.mask.end(), 1.0);
  keep(start);
}

SapeMask Sape::mask() const {
  SapeMask m(dim_, options_.res, columns_, dim_, options_.epsilon);
  read(mask_, m.mask), read(log_, m.log), read(count_, m.count), read(in_progress_, m.in_progress);
  m.cur = static_cast<int64>(course_.data()[0]), m.next = static_cast<int64>(course_.data()[1]);
  return m;
}

void Sape::keep(const SapeMask& m) {
  write(m.mask, mask_), write(m.log, log_), write(m.count, count_), write(m.in_progress, in_progress_);
  course_.mutable_data()[0] = static_cast<real>(m.cur), course_.mutable_data()[1] = static_cast<real>(m.next);
}

Tensor Sape::forward(const Input& input) {
  const Tensor x = flatten(input.values(), 1);
  Tensor h = fourier_encoding(x, frequencies_) * sape_mask_at(x, mask().grid());
  net_.for_each([&](Linear& layer, size_t) { h = layer.relu(h); });
  const Tensor y = head_(h);
  if (training() && run().update_statistics && options_.channels == "sape")
    seen_.push_back({grid_corners(within_grid(x), options_.res), y.detach()});
  return y;
}

void Sape::watch(std::span<const Tensor> targets) {
  if (options_.channels != "sape") return;
  SapeMask m = mask();
  const Recording off(false);
  // Passes beyond the batches (an optimizer that evaluates a step again) come later, and are left out.
  for (size_t i = 0; i < std::min(targets.size(), seen_.size()); ++i)
    if (targets[i].defined() && targets[i].shape() == seen_[i].output.shape())
      m.record(seen_[i].corners, mean(square(seen_[i].output - targets[i]), {1}));
  seen_.clear();
  const int64 iteration = static_cast<int64>(course_.data()[2]) + 1;
  course_.mutable_data()[2] = static_cast<real>(iteration);
  if (iteration % sape_period(dim_, columns_, options_.iterations) == 0) m.update();
  keep(m);
}

}  // namespace gradus
