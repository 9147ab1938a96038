#include "nn/models/dit.h"

#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/shape_ops.h"
#include "nn/models/conditions.h"

namespace gradus {
namespace {

// LN(h) (1 + scale) + shift, rows of scale and shift (B,D) for all tokens.
Tensor modulated(const Tensor& h, const Tensor& shift, const Tensor& scale) {
  const Shape row{h.dim(0), 1, h.dim(2)};
  return layer_norm(h, {}, {}, real(1e-6)) * (reshape(scale, row) + real(1)) + reshape(shift, row);
}

// A linear map that starts as zero.
void start_at_zero(Linear& layer) {
  layer.weight.set_init(init::zeros());
  layer.bias.set_init(init::zeros());
}

int64 patches_of_image(const DataShape& d, int64 patch) {
  if (d.height % patch || d.width % patch)
    fail<UsageError>("model dit: patches of {0}x{0} do not tile images of {1}x{2}", patch, d.height, d.width);
  return (d.height / patch) * (d.width / patch);
}

}  // namespace

DitBlock::DitBlock(int64 dim, int64 heads, double mlp_ratio)
    : attn_(add<MultiHeadAttention>("attn", AttentionOptions{.dim = dim, .heads = heads})),
      mlp_(add<FeedForward>("mlp", BlockOptions{.dim = dim, .heads = heads, .mlp_ratio = mlp_ratio})),
      ada_(add<Linear>("ada", dim, 6 * dim)) {
  start_at_zero(ada_);
}

Tensor DitBlock::with(const Tensor& h, const Tensor& condition) {
  return call(h, [&] {
    const int64 d = h.dim(2);
    const std::vector<Tensor> m = split(ada_(condition), 1, {d, d, d, d, d, d});
    const Shape row{h.dim(0), 1, d};
    const Tensor mid = h + reshape(m[2], row) * attn_(modulated(h, m[0], m[1]));
    return mid + reshape(m[5], row) * mlp_(modulated(mid, m[3], m[4]));
  });
}

Tensor DitBlock::forward(const Input&) {
  fail<UsageError>("DitBlock: needs the time and class beside its input");
}

Dit::Dit(const Options& o, const DataShape& data)
    : ImageModel(data, "dit", false),
      patch_(o.patch),
      dim_(o.dim),
      out_channels_(o.out_channels ? o.out_channels : data.channels),
      pos_embed_(parameter("pos_embed", ParamKind::kEmbedding, {1, patches_of_image(data, o.patch), o.dim},
                           init::truncated_normal(0.02))),
      patch_embed_(add<PatchEmbed>("patch_embed", data.channels, o.dim, o.patch)),
      time1_(add<Linear>("time1", o.dim, o.dim)),
      time2_(add<Linear>("time2", o.dim, o.dim)),
      class_embed_(add<Embedding>("class_embed", data.classes + 1, o.dim)),
      blocks_(add<ModuleList<DitBlock>>("blocks")),
      ada_out_(add<Linear>("ada_out", o.dim, 2 * o.dim)),
      head_(add<Linear>("head", o.dim, o.patch * o.patch * out_channels_)) {
  if (o.dim % 2) fail<UsageError>("model dit: dim {} is odd", o.dim);
  class_embed_.weight.set_init(init::normal(0.02));
  for (int64 i = 0; i < o.depth; ++i) blocks_.push(o.dim, o.heads, o.mlp_ratio);
  start_at_zero(ada_out_);
  start_at_zero(head_);
  head_.weight.set_kind(ParamKind::kHead);
}

Input Dit::example(int64 n) const {
  Input x = ImageModel::example(n);
  x.time = Tensor::zeros({n});
  x.classes = IntTensor::full({n}, -1);
  return x;
}

Tensor Dit::with_taps(const Input& x, std::vector<Tensor>* taps) {
  const IntTensor classes = embedded_classes(x, image_.classes, "dit");
  const Tensor c = silu(time2_(silu(time1_(sinusoidal_features(x.time, dim_)))) + class_embed_(classes));
  Tensor h = patch_embed_(x) + pos_embed_.value();  // (N,T,D)
  const int64 n = h.dim(0), rows = image_.height / patch_, columns = image_.width / patch_;
  blocks_.for_each([&](DitBlock& block, size_t) {
    h = block.with(h, c);
    if (taps) taps->push_back(reshape(transpose(h, 1, 2), {n, dim_, rows, columns}));
  });
  const std::vector<Tensor> m = split(ada_out_(c), 1, {dim_, dim_});
  const Tensor out = head_(modulated(h, m[0], m[1]));  // (N,T,p*p*C)
  const Tensor grid = reshape(out, {n, rows, columns, patch_, patch_, out_channels_});
  return reshape(permute(grid, {0, 5, 1, 3, 2, 4}), {n, out_channels_, image_.height, image_.width});
}

}  // namespace gradus
