// The state of a module as a list of named tensors, torch's state_dict: what files of weights hold.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "nn/module.h"

namespace gradus {

using StateDict = std::vector<std::pair<std::string, Tensor>>;

/// Parameters and buffers under their full names; a module's parameters come first, then its buffers, then
/// its children, as torch orders them. The tensors share the module's storage: clone what must stay.
StateDict state_dict(Module& module);

/// The same with every parameter as its layer computes with it, seen through its slot's map (nn/param_slot.h), and adapters merged into
/// the weights they stand beside: what a network is to whoever knows nothing of maps and adapters.
StateDict effective_state_dict(Module& module);

/// Copies the tensors into the module. Nothing is changed if anything is wrong: throws DataError that lists
/// every missing, unexpected and mis-shaped name, opened by `source` (a file). With strict = false, missing
/// and unexpected names are passed over. What torch keeps beside weights is ignored
/// ("*.num_batches_tracked", nanoGPT's masks "*.attn.bias").
void load_state_dict(Module& module, const StateDict& state, const std::string& source = "state dict",
                     bool strict = true);

}  // namespace gradus
