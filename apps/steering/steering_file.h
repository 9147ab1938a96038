// Steering vectors as files, and what `gradus sample --steer` does with them.
//
// A file is safetensors; of each module NAME that it steers it holds
//   NAME.vectors              (K,d), or (d) for one alone
//   NAME.probe.weight, .bias  (K,d), (K): which vector suits a hidden state; needed where K > 1
//   NAME.probe.mean, .std     (d): what hidden states are standardised by; 0 and 1 where they are not there
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nn/steering/steering.h"
#include "nn/steering/taps.h"

namespace gradus {

struct SteeredModule {
  std::string name;  ///< of the module: "transformer.h.2"
  LayerSteering steering;
};

/// Throws DataError naming the file and the tensor for what is missing, has another shape, or is not finite.
std::vector<SteeredModule> read_steering(const std::string& path);
/// Writes the probes, too; the file is wholly there or not at all.
void write_steering(const std::string& path, const std::vector<SteeredModule>& modules);

/// Whether a pattern of --layer means the module of this path: a glob of all of it, or its end ("2" is transformer.h.2).
bool names_module(const std::string& pattern, const std::string& path);

/// While alive, the outputs of modules are steered as the specs say, "FILE:layer=*h.2,scale=4": of the first pass the last row
/// (the prompt's last token), of all later ones every row. Several specs for one module add up. Throws UsageError for a layer
/// that a file or the model does not have (naming those there are), DataError where the widths differ.
class SteeringScope {
 public:
  SteeringScope(Module& model, const std::vector<std::string>& specs);
  SteeringScope(const SteeringScope&) = delete;
  SteeringScope& operator=(const SteeringScope&) = delete;

 private:
  struct Part {
    LayerSteering steering;
    SteeringOptions options;
  };
  std::vector<std::vector<Part>> parts_;  // of each tapped module
  std::vector<char> started_;             // whether it has seen the prompt
  std::unique_ptr<ActivationTaps> taps_;
};

}  // namespace gradus
