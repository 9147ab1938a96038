#include "nn/models/vit.h"

#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"

namespace gradus {
namespace {

int64 patches_of(const DataShape& d, int64 patch) {
  if (d.height % patch || d.width % patch)
    fail<UsageError>("model vit: patches of {0}x{0} do not tile images of {1}x{2}", patch, d.height, d.width);
  return (d.height / patch) * (d.width / patch);
}

}  // namespace

PatchEmbed::PatchEmbed(int64 channels, int64 dim, int64 patch)
    : proj_(add<Conv2d>("proj", channels, dim, patch, ConvOptions{.stride = patch})) {}

Tensor PatchEmbed::forward(const Input& x) {
  return transpose(flatten(proj_(x), 2), 1, 2);  // (N,dim,H',W') -> (N,T,dim)
}

Vit::Vit(const Options& o, const DataShape& data)
    : ImageModel(data, "vit"),
      pos_embed_(parameter("pos_embed", ParamKind::kEmbedding, {1, patches_of(data, o.patch), o.dim},
                           init::truncated_normal(0.02))),
      patch_embed_(add<PatchEmbed>("patch_embed", data.channels, o.dim, o.patch)),
      blocks_(add<ModuleList<TransformerBlock>>("blocks")),
      norm_(add<LayerNorm>("norm", o.dim, o.eps)),
      head_(add<Linear>("head", o.dim, outputs())) {
  for (int64 i = 0; i < o.depth; ++i) {
    const double rate =
        o.depth > 1 ? o.drop_path * static_cast<double>(i) / static_cast<double>(o.depth - 1) : 0;
    blocks_.push(BlockOptions{.dim = o.dim,
                              .heads = o.heads,
                              .mlp_ratio = o.mlp_ratio,
                              .post_norm = o.norm == "post",
                              .eps = o.eps,
                              .dropout = o.dropout,
                              .drop_path = rate,
                              .act = o.act});
  }
  visit([](Module& m, const std::string&) {
    if (const auto* linear = dynamic_cast<Linear*>(&m)) {
      linear->weight.set_init(init::truncated_normal(0.02));
      linear->bias.set_init(init::zeros());
    }
  });
  head_.weight.set_kind(ParamKind::kHead);
}

Tensor Vit::forward(const Input& x) {
  Tensor h = patch_embed_(x) + pos_embed_.value();  // (N,T,dim)
  blocks_.for_each([&](TransformerBlock& block, size_t) { h = block(h); });
  return head_(mean(norm_(h), {1}));
}

}  // namespace gradus
