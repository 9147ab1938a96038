// What may stand beside a layer whose own weight no longer moves (see nn/adapters/), and the layers that take one.
#pragma once

#include "core/kernels/conv.h"
#include "nn/module.h"

namespace gradus {

class LayerAdapter : public Module {
 public:
  /// The weight by which a plain layer computes the same (evaluation mode).
  virtual Tensor merged_weight(const Tensor& weight) = 0;
  /// Told the weight it stands beside once, behind the first values.
  virtual void starts_from(const Tensor& weight) { static_cast<void>(weight); }
  /// An adapter is called through its layer: throws UsageError.
  Tensor forward(const Input& x) override;

  bool active = true;  ///< off: the layer is plain (its weight is merged, or the base is asked for)

  /// Writes the merged weight over the layer's, and switches the adapter off; and back: the weight is that before, bit for
  /// bit.
  void merge(Tensor weight);
  void unmerge(Tensor weight);

 protected:
  /// x, thinned out at this rate while training.
  Tensor dropped(const Tensor& x, double rate);

 private:
  Tensor kept_;  // of the weight, while it is merged
};

class LinearAdapter : public LayerAdapter {
 public:
  /// What the layer gives for x (..., in) with this adapter; weight (out,in), bias (out) or undefined.
  virtual Tensor output(const Tensor& x, const Tensor& weight, const Tensor& bias) = 0;
};

class ConvAdapter : public LayerAdapter {
 public:
  /// What the layer gives for x (N,in,H,W) with this adapter; weight (out, in/groups, k, k), bias (out) or undefined.
  virtual Tensor output(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvSpec& spec) = 0;
};

/// A layer that is one weight and perhaps a bias. Its adapter is its child "adapter".
class WeightLayer : public Module {
 public:
  /// Null where it has none.
  LayerAdapter* adapter() const { return adapter_; }
  /// Whether the layer computes with its weight as it is, so that a product can be added to it.
  virtual bool plain_weight() const { return true; }

  ParamSlot weight, bias;

 protected:
  bool adapted() const { return adapter_ && adapter_->active; }
  /// Throws UsageError if it has one.
  template <class Adapter>
  Adapter& take(std::unique_ptr<Adapter> adapter) {
    Adapter& taken = adopt("adapter", std::move(adapter));
    adapter_ = &taken;
    return taken;
  }

 private:
  LayerAdapter* adapter_ = nullptr;
};

}  // namespace gradus
