#include "nn/models/lenet.h"

#include "autograd/ops/shape_ops.h"

namespace gradus {
namespace {

// Features behind the pooling layer.
int64 pooled(const DataShape& d, int64 channels) {
  if (d.height < 6 || d.width < 6)
    fail<UsageError>("model lenet needs images of at least 6x6; these are {}x{}", d.height, d.width);
  return channels * ((d.height - 4) / 2) * ((d.width - 4) / 2);
}

}  // namespace

LeNet::LeNet(const Options& o, const DataShape& data)
    : ImageModel(data, "lenet"),
      conv1_(add<Conv2d>("conv1", data.channels, o.conv1, 3)),
      conv2_(add<Conv2d>("conv2", o.conv1, o.conv2, 3)),
      pool_(add<MaxPool2d>("pool", 2)),
      drop_(add<Dropout>("drop", o.dropout)),
      fc1_(add<Linear>("fc1", pooled(data, o.conv2), o.hidden)),
      fc2_(add<Linear>("fc2", o.hidden, outputs())) {
  fc2_.weight.set_kind(ParamKind::kHead);
}

Tensor LeNet::forward(const Input& x) {
  Tensor h = pool_(conv2_.relu(conv1_.relu(x.values())));
  h = fc1_.relu(drop_(flatten(h, 1)));
  return fc2_(drop_(h));
}

}  // namespace gradus
