#include "nn/local/forward_forward.h"

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/shape_ops.h"
#include "nn/layers/container.h"
#include "nn/layers/conv.h"
#include "nn/layers/linear.h"

namespace gradus {
namespace {

// A layer followed by relu, in one pass; its parameters are the layer's own.
template <class Layer>
class LocalRelu : public Layer {
 public:
  using Layer::Layer;
  Tensor forward(const Input& x) override { return gradus::relu(Layer::forward(x)); }
};

}  // namespace

Tensor sample_norm(const Tensor& z, real eps) {
  return reshape(layer_norm(flatten(z, 1), {}, {}, eps), z.shape());
}

std::unique_ptr<Module> make_local_layer(const Shape& weight, bool relu) {
  const auto dim = [&](int i) { return weight[i]; };
  if (weight.rank() == 2) {
    if (relu) return std::make_unique<LocalRelu<Linear>>(dim(1), dim(0));
    return std::make_unique<Linear>(dim(1), dim(0));
  }
  if (weight.rank() != 4 || dim(2) != dim(3) || dim(2) % 2 == 0)
    fail<ShapeError>("local layer: a weight of shape {}, expected (out,in) or (out,in,k,k) with odd k",
                     weight.str());
  const ConvOptions same{.pad = dim(2) / 2};
  if (relu) return std::make_unique<LocalRelu<Conv2d>>(dim(1), dim(0), dim(2), same);
  return std::make_unique<Conv2d>(dim(1), dim(0), dim(2), same);
}

ForwardForwardBlock& ForwardForwardNet::add_block(std::unique_ptr<Module> layer, std::unique_ptr<Module> aux,
                                                  int64 units_per_class, LocalHead head) {
  blocks_.push_back(&add<ForwardForwardBlock>(fmt::format("block{}", blocks_.size() + 1), std::move(layer),
                                              std::move(aux), units_per_class, head));
  return *blocks_.back();
}

Tensor ForwardForwardNet::goodness_of(const Tensor& x) {
  std::vector<Tensor> all;
  Tensor h = x;
  for (ForwardForwardBlock* block : blocks_) {
    const Tensor z = (*block)(h);
    all.push_back(block->goodness_of(z));
    h = sample_norm(z);
  }
  return stack(all, 0);
}

Tensor ForwardForwardNet::forward(const Input& x) { return scores_of(goodness_of(x.values())); }

void ForwardForwardNet::train_pass(const Tensor& x, const IntTensor& labels, const GoodnessOptions& options,
                                   const Step& step, int64 only) {
  Tensor h = stop_gradient(x);
  for (size_t k = 0; k < blocks_.size(); ++k) {
    ForwardForwardBlock& block = *blocks_[k];
    const bool trained = only < 0 || static_cast<int64>(k) == only;
    Tensor z;
    if (!trained) {
      const Recording off(false);
      z = block(h);
    } else {
      const Parameters parameters = block.trainable();
      double value = 0;
      {
        const Recording on(true);
        std::vector<Tensor> values;
        for (const ParameterPtr& p : parameters) values.push_back(p->value);
        const Tensor recorded = block(h);
        const Tensor loss = goodness_loss(block.goodness_of(recorded), labels, options);
        value = static_cast<double>(loss.item());
        const std::vector<Tensor> grads = grad(loss, values, {.allow_unused = true});
        for (size_t i = 0; i < grads.size(); ++i) parameters[i]->grad = grads[i];
        z = stop_gradient(recorded);  // all that goes on
      }
      step(k, value);
      for (const ParameterPtr& p : parameters) p->grad = Tensor();
    }
    if (static_cast<int64>(k) == only || k + 1 == blocks_.size()) return;
    const Recording off(false);
    h = sample_norm(z);
  }
}

}  // namespace gradus
