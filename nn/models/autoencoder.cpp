#include "nn/models/autoencoder.h"

#include <algorithm>

#include "autograd/ops/shape_ops.h"

namespace gradus {
namespace {

// Linear layers through `sizes`, activations between them.
void stack_layers(Sequential& to, const std::vector<int64>& sizes, const std::string& act) {
  for (size_t i = 0; i + 1 < sizes.size(); ++i) {
    if (i) to.push<Activate>(act);
    to.push<Linear>(sizes[i], sizes[i + 1]);
  }
}

}  // namespace

Autoencoder::Autoencoder(const Options& o, const DataShape& data)
    : ImageModel(data, "autoencoder", false),
      encoder_(add<Sequential>("encoder")),
      decoder_(add<Sequential>("decoder")) {
  std::vector<int64> sizes{data.features()};
  sizes.insert(sizes.end(), o.hidden.begin(), o.hidden.end());
  sizes.push_back(o.code);
  encoder_.push<Flatten>();
  stack_layers(encoder_, sizes, o.act);
  std::reverse(sizes.begin(), sizes.end());
  stack_layers(decoder_, sizes, o.act);
}

Tensor Autoencoder::forward(const Input& x) { return reshape(decode(encode(x.values())), x.shape()); }

}  // namespace gradus
