#include "nn/models/airbench.h"

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/shape_ops.h"
#include "core/linalg.h"

namespace gradus {
namespace {

constexpr int64 kPatch = 2;
constexpr double kWhitenEps = 5e-4, kLogitScale = 1.0 / 9;

// torch's default with the first filters passing their channel through.
Init dirac_init() {
  return [](Tensor& t, Rng& rng) {
    init::torch_weight()(t, rng);
    const int64 in = t.dim(1), k = t.dim(2), window = k * k;
    real* w = t.mutable_data();
    for (int64 o = 0; o < std::min(in, t.dim(0)); ++o)
      for (int64 j = 0; j < in * window; ++j)
        w[o * in * window + j] = static_cast<real>(j == o * window + window / 2);
  };
}

// All 2x2 patches of images (N,C,H,W) as rows (patches, C*4).
Tensor patches(const Tensor& x) {
  const int64 n = x.dim(0), c = x.dim(1), h = x.dim(2), w = x.dim(3), rows = h - kPatch + 1,
              columns = w - kPatch + 1;
  Tensor out({n * rows * columns, c * kPatch * kPatch});
  real* p = out.mutable_data();
  for (int64 i = 0; i < n; ++i)
    for (int64 r = 0; r < rows; ++r)
      for (int64 q = 0; q < columns; ++q)
        for (int64 k = 0; k < c; ++k)
          for (int64 a = 0; a < kPatch; ++a)
            for (int64 b = 0; b < kPatch; ++b) *p++ = x.data()[((i * c + k) * h + r + a) * w + q + b];
  return out;
}

}  // namespace

AirbenchBlock::AirbenchBlock(int64 in, int64 out)
    : conv1_(add<Conv2d>("conv1", in, out, 3, ConvOptions{.pad = 1, .bias = false})),
      pool_(add<MaxPool2d>("pool", 2)),
      norm1_(add<BatchNorm2d>("norm1", out, 0.4, 1e-12)),
      conv2_(add<Conv2d>("conv2", out, out, 3, ConvOptions{.pad = 1, .bias = false})),
      norm2_(add<BatchNorm2d>("norm2", out, 0.4, 1e-12)) {
  for (Conv2d* conv : {&conv1_, &conv2_}) conv->weight.set_init(dirac_init());
  for (BatchNorm2d* norm : {&norm1_, &norm2_}) norm->weight.parameter()->frozen = true;
}

Tensor AirbenchBlock::forward(const Input& x) {
  const Tensor h = gelu(norm1_(pool_(conv1_(x))));
  return gelu(norm2_(conv2_(h)));
}

Airbench::Airbench(const Options& o, const DataShape& data)
    : ImageModel(data, "airbench"),
      whiten_(add<Conv2d>("whiten", data.channels, 2 * kPatch * kPatch * data.channels, kPatch)),
      blocks_(add<ModuleList<AirbenchBlock>>("blocks")) {
  whiten_.weight.parameter()->frozen = true;
  whiten_.bias.set_init(init::zeros());
  int64 channels = 2 * kPatch * kPatch * data.channels;
  int64 height = data.height - kPatch + 1, width = data.width - kPatch + 1;
  for (int64 out : o.widths) {
    blocks_.push(channels, out);
    channels = out, height /= 2, width /= 2;
  }
  const int64 pool = std::min({height, width, int64{3}});
  if (pool < 1)
    fail<UsageError>("model airbench: images of {}x{} are too small for {} blocks", data.height, data.width,
                     o.widths.size());
  pool_ = &add<MaxPool2d>("pool", pool);
  head_ = &add<Linear>("head", channels * (height / pool) * (width / pool), outputs(), false);
  head_->weight.set_kind(ParamKind::kHead);
}

Tensor Airbench::forward(const Input& x) {
  Tensor h = gelu(whiten_(x));
  blocks_.for_each([&](AirbenchBlock& block, size_t) { h = block(h); });
  return (*head_)(flatten((*pool_)(h), 1)) * static_cast<real>(kLogitScale);
}

void Airbench::prepare(const Input& inputs) {
  const Tensor rows = patches(inputs.values());
  Tensor covariance = linalg::matmul(rows, rows, true);
  for (real& v : std::span(covariance.mutable_data(), static_cast<size_t>(covariance.numel())))
    v /= static_cast<real>(rows.dim(0));
  const linalg::Eigen e = linalg::eigh(covariance);  // ascending; the filters are in descending order
  Tensor weight = whiten_.weight.parameter()->value.detach();
  const int64 n = e.values.numel();
  real* w = weight.mutable_data();
  for (int64 f = 0; f < n; ++f) {
    const int64 k = n - 1 - f;
    const double scale = 1 / std::sqrt(std::max(0.0, static_cast<double>(e.values.data()[k])) + kWhitenEps);
    for (int64 j = 0; j < n; ++j) {
      w[f * n + j] = static_cast<real>(scale * e.vectors.data()[j * n + k]);
      w[(n + f) * n + j] = -w[f * n + j];
    }
  }
}

}  // namespace gradus
