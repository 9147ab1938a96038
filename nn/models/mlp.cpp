#include "nn/models/mlp.h"

#include "autograd/ops/shape_ops.h"

namespace gradus {

Mlp::Mlp(const Options& o, const DataShape& data)
    : ImageModel(data, "mlp"), act_(activation(o.act)), drop_(add<Dropout>("drop", o.dropout)) {
  int64 in = data.features();
  std::vector<int64> sizes = o.hidden;
  sizes.push_back(outputs());
  for (size_t i = 0; i < sizes.size(); ++i) {
    layers_.push_back(&add<Linear>(fmt::format("fc{}", i + 1), in, sizes[i]));
    if (o.norm != "none" && i + 1 < sizes.size())
      norms_.push_back(&adopt(fmt::format("bn{}", i + 1), make_norm(o.norm, sizes[i])));
    in = sizes[i];
  }
  layers_.back()->weight.set_kind(ParamKind::kHead);
}

Tensor Mlp::forward(const Input& x) {
  Tensor h = flatten(x.values(), 1);
  const bool fused = std::string_view(act_.name) == "relu";
  for (size_t i = 0; i + 1 < layers_.size(); ++i) {
    if (norms_.empty())
      h = fused ? layers_[i]->relu(h) : act_.function((*layers_[i])(h));
    else if (fused)
      h = norms_[i]->relu((*layers_[i])(h));
    else
      h = act_.function((*norms_[i])((*layers_[i])(h)));
    h = drop_(h);
  }
  return (*layers_.back())(h);
}

}  // namespace gradus
