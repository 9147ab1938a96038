#include "nn/models/residual_mlp.h"

#include "autograd/ops/elementwise.h"
#include "autograd/ops/shape_ops.h"

namespace gradus {

ResidualMlp::Block::Block(int64 width, int64 hidden)
    : norm(add<RMSNorm>("norm", width)),
      up(add<Linear>("up", width, hidden, false)),
      down(add<Linear>("down", hidden, width, false)) {}

Tensor ResidualMlp::Block::forward(const Input& x) {
  const Tensor h = x.values();
  return h + down(up.relu(norm(h)));
}

ResidualMlp::ResidualMlp(const Options& o, const DataShape& data)
    : ImageModel(data, "residual-mlp"),
      in_(add<Linear>("in", data.features(), o.width, false)),
      blocks_(add<ModuleList<Block>>("blocks")),
      norm_(add<RMSNorm>("norm", o.width)),
      head_(add<Linear>("head", o.width, outputs(), false)) {
  for (int64 i = 0; i < o.blocks; ++i) blocks_.push(o.width, o.hidden);
  visit([](Module& m, const std::string&) {
    if (const auto* linear = dynamic_cast<Linear*>(&m)) linear->weight.set_init(init::kaiming_normal(1));
  });
  head_.weight.set_kind(ParamKind::kHead);
}

Tensor ResidualMlp::forward(const Input& x) {
  Tensor h = in_(flatten(x.values(), 1));
  blocks_.for_each([&](Block& block, size_t) { h = block(h); });
  return head_(norm_(h));
}

}  // namespace gradus
