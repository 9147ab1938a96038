#include "nn/models/unet.h"

#include <algorithm>
#include <numeric>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/shape_ops.h"
#include "nn/models/conditions.h"

namespace gradus {
namespace {

constexpr int64 kEmbeddingFactor = 4;  // size of the time embedding over `channels`

// Eight groups where each has four channels or more: in a group of one channel the normalisation would take
// out what the time embedding adds to it.
int64 groups_of(int64 channels) {
  return std::gcd(channels, std::gcd(std::max<int64>(1, channels / 4), int64{8}));
}

ConvOptions same() { return {.pad = 1}; }

}  // namespace

UNetBlock::UNetBlock(int64 in, int64 out, int64 embedding, double dropout)
    : norm1_(add<GroupNorm>("norm1", groups_of(in), in)),
      conv1_(add<Conv2d>("conv1", in, out, 3, same())),
      emb_(add<Linear>("emb", embedding, out)),
      norm2_(add<GroupNorm>("norm2", groups_of(out), out)),
      drop_(add<Dropout>("drop", dropout)),
      conv2_(add<Conv2d>("conv2", out, out, 3, same())) {
  if (in != out) skip_ = &add<Conv2d>("skip", in, out, 1);
  conv2_.weight.set_init(init::zeros());
  conv2_.bias.set_init(init::zeros());
}

Tensor UNetBlock::with(const Tensor& x, const Tensor& embedding) {
  return call(x, [&] {
    Tensor h = conv1_(silu(norm1_(x)));
    const Tensor e = emb_(silu(embedding));  // (N,out)
    h = h + reshape(e, Shape{e.dim(0), e.dim(1), 1, 1});
    h = conv2_(drop_(silu(norm2_(h))));
    return h + (skip_ ? (*skip_)(x) : x);
  });
}

Tensor UNetBlock::forward(const Input&) {
  fail<UsageError>("UNetBlock: needs the time embedding beside its input");
}

SpatialAttention::SpatialAttention(int64 channels, int64 heads)
    : norm_(add<GroupNorm>("norm", groups_of(channels), channels)),
      attn_(add<MultiHeadAttention>("attn", AttentionOptions{.dim = channels, .heads = heads})) {}

Tensor SpatialAttention::forward(const Input& x) {
  const Tensor& v = x.values();
  const Tensor rows = transpose(flatten(norm_(v), 2), 1, 2);  // (N,HW,C)
  return v + reshape(transpose(attn_(rows), 1, 2), v.shape());
}

UNet::UNet(const Options& o, const DataShape& data)
    : ImageModel(data, "unet", false),
      width_(o.channels + o.channels % 2),
      time1_(add<Linear>("time1", width_, kEmbeddingFactor * o.channels)),
      time2_(add<Linear>("time2", kEmbeddingFactor * o.channels, kEmbeddingFactor * o.channels)),
      class_embed_(add<Embedding>("class_embed", data.classes + 1, kEmbeddingFactor * o.channels)),
      conv_in_(add<Conv2d>("conv_in", data.channels, o.channels, 3, same())),
      down_(add<ModuleList<UNetBlock>>("down")),
      shrink_(add<ModuleList<Conv2d>>("shrink")),
      up_(add<ModuleList<UNetBlock>>("up")),
      grow_(add<ModuleList<Conv2d>>("grow")),
      levels_(o.mults.size()),
      blocks_(static_cast<size_t>(o.blocks)) {
  if (o.mults.empty()) fail<UsageError>("model unet: mults needs at least one resolution");
  const int64 factor = int64{1} << (levels_ - 1), embedding = kEmbeddingFactor * o.channels;
  if (data.height % factor || data.width % factor)
    fail<UsageError>("model unet: images of {}x{} cannot be halved {} times", data.height, data.width,
                     levels_ - 1);
  class_embed_.weight.set_init(init::normal(0.02));
  std::vector<int64> skips{o.channels};
  int64 channels = o.channels;
  for (size_t level = 0; level < levels_; ++level) {
    const int64 out = o.channels * o.mults[level];
    for (size_t i = 0; i < blocks_; ++i) {
      down_.push(channels, out, embedding, o.dropout);
      skips.push_back(channels = out);
    }
    if (level + 1 == levels_) continue;
    shrink_.push(channels, channels, 3, ConvOptions{.stride = 2, .pad = 1});
    skips.push_back(channels);
  }
  mid1_ = &add<UNetBlock>("mid1", channels, channels, embedding, o.dropout);
  mid_attn_ = &add<SpatialAttention>("mid_attn", channels, o.heads);
  mid2_ = &add<UNetBlock>("mid2", channels, channels, embedding, o.dropout);
  for (size_t level = levels_; level-- > 0;) {
    const int64 out = o.channels * o.mults[level];
    for (size_t i = 0; i <= blocks_; ++i) {
      up_.push(channels + skips.back(), out, embedding, o.dropout);
      skips.pop_back();
      channels = out;
    }
    if (level > 0) grow_.push(channels, channels, 3, same());
  }
  norm_out_ = &add<GroupNorm>("norm_out", groups_of(channels), channels);
  conv_out_ = &add<Conv2d>("conv_out", channels, data.channels, 3, same());
  conv_out_->weight.set_init(init::zeros());
  conv_out_->bias.set_init(init::zeros());
}

Input UNet::example(int64 n) const {
  Input x = ImageModel::example(n);
  x.time = Tensor::zeros({n});
  x.classes = IntTensor::full({n}, -1);
  return x;
}

// The embedding of time and class (N,E).
Tensor UNet::condition(const Input& x) {
  const IntTensor classes = embedded_classes(x, image_.classes, "unet");
  const Tensor time = time2_(silu(time1_(sinusoidal_features(x.time, width_))));
  return time + class_embed_(classes);
}

Tensor UNet::forward(const Input& x) {
  const Tensor e = condition(x);
  std::vector<Tensor> skips{conv_in_(x.values())};
  Tensor h = skips.back();
  size_t block = 0;
  for (size_t level = 0; level < levels_; ++level) {
    for (size_t i = 0; i < blocks_; ++i) skips.push_back(h = down_[block++].with(h, e));
    if (level + 1 < levels_) skips.push_back(h = shrink_[level](h));
  }
  h = mid2_->with((*mid_attn_)(mid1_->with(h, e)), e);
  block = 0;
  for (size_t level = levels_; level-- > 0;) {
    for (size_t i = 0; i <= blocks_; ++i) {
      const Tensor both[] = {h, skips.back()};
      skips.pop_back();
      h = up_[block++].with(concat(both, 1), e);
    }
    if (level > 0) h = grow_[levels_ - 1 - level](upsample_nearest(h, 2));
  }
  return (*conv_out_)(silu((*norm_out_)(h)));
}

}  // namespace gradus
