// How a training step gets its gradient: `gradus train --gradient NAME[:key=value,...]`.
//
//   backprop           reverse mode, the default: no method at all
//   forward            derivatives along random directions times these (optim/estimators/forward_gradient.h)
//   local-forward      derivatives along the gradients of local losses (optim/estimators/local_guess.h)
//   likelihood-ratio   noise in front of what follows a layer, and how the loss answers (optim/estimators/likelihood_ratio.h)
// No method but backprop keeps a graph of more than one layer.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/options.h"
#include "core/rng.h"
#include "nn/model.h"
#include "optim/state.h"

namespace gradus {

/// One batch, as a method sees it.
struct GradientTask {
  Model& model;
  const Parameters& trained;       ///< those that are not frozen
  std::function<Tensor()> output;  ///< a pass in training mode: every one has the same dropout masks
  std::function<Tensor(const Tensor&)> loss;    ///< mean loss of an output
  std::function<Tensor(const Tensor&)> losses;  ///< of each example (B)
  int64 samples = 0;
  const IntTensor* labels = nullptr;  ///< (B); null where the task has none
  Rng draws;                          ///< this step's and batch's own
};
struct GradientEstimate {
  Tensor output;              ///< of a pass without disturbance, without a graph
  double loss = 0;            ///< its mean loss
  std::vector<Tensor> grads;  ///< one for each of `trained`; may be undefined
};

class GradientMethod {
 public:
  virtual ~GradientMethod() = default;
  virtual GradientEstimate estimate(const GradientTask& task) = 0;
  /// Whether asking again for the same batch gives the same estimate and changes nothing.
  virtual bool repeatable() const { return true; }
  /// What it has learnt itself, for checkpoints.
  virtual SavedState save_state() const { return {}; }
  virtual void load_state(const SavedState& state) { static_cast<void>(state); }
  /// Passes of the model for a step on a batch: "1 with tangents".
  virtual std::string cost() const = 0;

  /// "forward:samples=4,...", all options written out.
  const std::string& spec() const { return spec_; }
  void set_spec(std::string spec) { spec_ = std::move(spec); }

 private:
  std::string spec_;
};
using GradientMethodPtr = std::unique_ptr<GradientMethod>;

struct GradientEntry {
  std::string name, summary, source;
  std::vector<OptionInfo> options;
  /// Checks the options alone where `model` is null, and returns null then.
  std::function<GradientMethodPtr(const OptionList& options, Model* model, const Rng& rng)> make;
};
/// The table.
const std::vector<GradientEntry>& gradient_methods();
/// Null for backprop. `rng` draws what the method starts with. Throws UsageError for unknown names (naming the nearest) and options,
/// and for a model that the method cannot train.
GradientMethodPtr make_gradient_method(const std::string& spec, Model& model, const Rng& rng);
/// What that throws for any model.
void check_gradient_method(const std::string& spec);

/// An entry of a method with options O that is made from (options, model, rng).
template <class O, class M>
GradientEntry gradient_entry(std::string name, std::string summary, std::string source) {
  GradientEntry entry{std::move(name), std::move(summary), std::move(source), describe_options<O>(), {}};
  entry.make = [name = entry.name](const OptionList& given, Model* model,
                                   const Rng& rng) -> GradientMethodPtr {
    O options;
    set_options(options, given, "gradient " + name);
    if (!model) return nullptr;
    auto method = std::make_unique<M>(options, *model, rng);
    method->set_spec(Spec{name, "", option_list(options)}.str());
    return method;
  };
  return entry;
}

GradientEntry forward_method();
GradientEntry local_forward_method();
GradientEntry likelihood_method();

/// What a layer's output takes in a batch, and whether backpropagation would keep it: a line for the user.
struct LayerMemory {
  std::string name;
  int64 bytes = 0;
};
/// Of one pass over `batch_size` examples, in the order of the calls; layers without parameters count too.
std::vector<LayerMemory> layer_memory(Model& model, int64 batch_size);

}  // namespace gradus
