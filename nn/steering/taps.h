// Places in a network by module name ("transformer.h.2"), where its outputs are read or replaced while it runs.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "nn/module.h"

namespace gradus {

/// While alive, every output of the named modules goes through `at(place, output)`, place = position in `names`; a defined result
/// takes the output's place. What else hooks these modules is put back at the end by no one: one set of taps at a time. Throws
/// UsageError naming the nearest module.
class ActivationTaps {
 public:
  using At = std::function<Tensor(size_t place, const Tensor& output)>;
  ActivationTaps(Module& root, const std::vector<std::string>& names, At at);
  ~ActivationTaps();
  ActivationTaps(const ActivationTaps&) = delete;
  ActivationTaps& operator=(const ActivationTaps&) = delete;

 private:
  std::vector<Module*> modules_;
  At at_;
};

/// The outputs of the named modules in one call of root(x), without derivatives. Throws UsageError where one was not called.
std::vector<Tensor> read_activations(Module& root, const std::vector<std::string>& names, const Input& x);

}  // namespace gradus
