#include "nn/models/siren.h"

#include <cmath>
#include <numbers>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/shape_ops.h"

namespace gradus {
namespace {

int64 encoded_size(const DataShape& data, int64 frequencies) {
  return data.features() * (1 + 2 * frequencies);
}

// (N,D) -> (N, D (1 + 2L)).
Tensor encode(const Tensor& x, int64 frequencies) {
  if (!frequencies) return x;
  std::vector<Tensor> parts{x};
  for (int64 k = 0; k < frequencies; ++k) {
    const Tensor angle = x * static_cast<real>(std::ldexp(std::numbers::pi, static_cast<int>(k)));
    parts.push_back(sin(angle));
    parts.push_back(cos(angle));
  }
  return concat(parts, 1);
}

}  // namespace

Siren::Siren(const Options& o, const DataShape& data)
    : ImageModel(data, "siren"),
      options_(o),
      act_(activation(o.act)),
      periodic_(o.act == "sin"),
      net_(add<ModuleList<Linear>>("net")),
      head_(add<Linear>("head", o.hidden, outputs())) {
  const auto bound = [&](int64 in) { return std::sqrt(6.0 / static_cast<double>(in)) / o.omega; };
  int64 in = encoded_size(data, o.frequencies);
  for (int64 i = 0; i < o.layers; ++i) {
    const Linear& layer = net_.push(in, o.hidden);
    if (periodic_) layer.weight.set_init(init::uniform(i ? bound(in) : 1 / static_cast<double>(in)));
    in = o.hidden;
  }
  if (periodic_) head_.weight.set_init(init::uniform(bound(in)));
  head_.weight.set_kind(ParamKind::kHead);
}

Tensor Siren::forward(const Input& x) {
  Tensor h = encode(flatten(x.values(), 1), options_.frequencies);
  net_.for_each([&](Linear& layer, size_t i) {
    h = layer(h);
    h = periodic_ ? sin(h * static_cast<real>(i ? options_.omega : options_.omega_first)) : act_.function(h);
  });
  return head_(h);
}

}  // namespace gradus
