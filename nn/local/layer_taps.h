// The layers of a model as places where a pass can be watched, disturbed and cut: what methods need that move each layer by itself.
//
// A site is one call of a module that holds trained parameters itself. Sites are numbered in the order of the calls, which must be
// the same in every pass. A pass over cut sites records one layer at a time: its graph ends at its own input and is gone before the
// next layer runs.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "nn/model.h"

namespace gradus {

class LayerTaps {
 public:
  /// Throws UsageError naming the layer where a module with trained parameters holds another one that has some, where there is
  /// none, and where batch norm ties the examples of a batch together. The model must outlive this.
  explicit LayerTaps(Module& model);

  struct Site {
    size_t number;
    Module& module;
    const Tensor& output;
  };
  /// Runs `pass`; at every site what `at` returns, if it is defined, takes the output's place.
  using At = std::function<Tensor(const Site&)>;
  Tensor run(const std::function<Tensor()>& pass, const At& at);

  /// The trained parameters that a module holds itself.
  static Parameters own_parameters(const Module& module);

  /// A recorded pass that is cut at every site. What cotangent(site) returns, of the output's shape, goes back through the site's
  /// layer alone, onto the gradients; undefined: that site has none. The output of the last site is cut too, unless `keep_last`:
  /// then what is computed from run's result depends on its parameters.
  using Cotangent = std::function<Tensor(const Site&)>;
  Tensor pull_back(const std::function<Tensor()>& pass, const Cotangent& cotangent, size_t sites,
                   bool keep_last, const Parameters& parameters, std::vector<Tensor>& grads);

 private:
  Module& model_;
  std::vector<Module*> holders_;
};

/// grads[i] += those of the module's own parameters, found among `parameters`.
void add_layer_gradients(const Module& module, const std::vector<Tensor>& of_module,
                         const Parameters& parameters, std::vector<Tensor>& grads);

}  // namespace gradus
