// The adapters that can be named: "lora:rank=8,alpha=16,targets=*attn*+*mlp*".
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/options.h"
#include "core/rng.h"
#include "nn/layers/linear.h"

namespace gradus {

/// The targets that are every linear layer, as PEFT calls them.
inline constexpr const char* kAllLinear = "all-linear";

/// Which layers get an adapter, beside the options of every kind.
struct AdapterTargets {
  std::string targets = kAllLinear, ranks;
  void visit(auto&& f) {
    f("targets", targets,
      "layers by path, GLOB[+GLOB...], never the head: linear ones, of lora convolutions too; all-linear: "
      "every linear layer");
    f("ranks", ranks,
      "other ranks for some of them, GLOB=R[+GLOB=R...]; the first that matches counts, 0: none");
  }
};

struct AdapterEntry {
  std::string name, summary, paper, source;
  std::vector<OptionInfo> options;  ///< with those of AdapterTargets
  /// For a layer of these sizes. Throws UsageError for options it has not and values out of range.
  std::unique_ptr<LinearAdapter> (*make)(const OptionList& options, int64 in, int64 out);
  /// For a convolution with kernels of this shape; null: the kind is for linear layers.
  std::unique_ptr<ConvAdapter> (*make_conv)(const OptionList& options, const Shape& kernels);
  void (*check)(const OptionList& options);  ///< the same of the options alone
  bool ranked = true;                        ///< has an option "rank"
};
const std::vector<AdapterEntry>& adapters();
/// Throws UsageError naming the valid ones and the nearest.
const AdapterEntry& find_adapter(std::string_view name);
/// Throws UsageError for unknown names, options and values; needs no model.
void check_adapter_spec(const std::string& spec);

/// A layer and what stands beside it.
struct AdaptedLayer {
  std::string path;
  WeightLayer* layer;
  LayerAdapter* adapter() const { return layer->adapter(); }
};

/// Freezes every parameter but the head's (layers whose weight is of ParamKind::kHead), and gives every layer that the targets name
/// an adapter, whose first values are drawn from rng.fork(full name). To be called when the weights of the base are in place. Throws
/// UsageError for what check_adapter_spec refuses, and where a target names no layer, or none that this kind is for.
std::vector<AdaptedLayer> attach_adapters(Module& model, const std::string& spec, const Rng& rng);
/// The linear layers, heads aside, that "GLOB[+GLOB...]" or "all-linear" names. Throws UsageError for a pattern that names none.
std::vector<AdaptedLayer> linear_layers(Module& model, const std::string& targets);
/// Every parameter, but those of adapters and of layers whose weight is of ParamKind::kHead.
void freeze_all_but_head(Module& model);
/// The layers that have one.
std::vector<AdaptedLayer> adapted_layers(Module& model);

/// Puts the adapters' part into the weights and switches them off, and back: weights are those before, bit for bit. Throw
/// UsageError where they are merged already, or are not.
void merge_adapters(Module& model);
void unmerge_adapters(Module& model);

/// Numbers that are trained, and all of them.
struct ParameterCount {
  int64 trainable = 0, all = 0;
  /// "trainable 1,234 of 56,789 (2.17 %)".
  std::string str() const;
};
ParameterCount count_parameters(const Module& model);

}  // namespace gradus
