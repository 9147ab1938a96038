// Adapters as files, in the form that PEFT (huggingface/peft) writes and reads: a folder with adapter_model.safetensors, which holds the
// adapter and the head alone, and adapter_config.json.
//   lora, allora, dora   base_model.model.LAYER.lora_A.weight (r,n), .lora_B.weight (m,r), .lora_magnitude_vector (m)
//   lora, convolutions   the same names, (r,C,k,k) and (O,r,1,1)
//   c3a                  base_model.model.LAYER.c3a_kernel (m,n,b)
//   head                 base_model.model.head.weight, ...: "modules_to_save"
//   batch norm           its statistics move while the adapter trains: weight, bias, running_mean, running_var, also "modules_to_save"
// ALLoRA is to PEFT a LoRA of alpha = r. Kinds that PEFT does not know (ard-lora, elalora) are written under their own names with
// "peft_type": "GRADUS". The key "gradus_adapter" has the adapter as --adapter names it, for gradus alone.
#pragma once

#include <string>
#include <vector>

#include "nn/adapters/registry.h"

namespace gradus {

/// Writes both files, each whole or not at all; the folder is made. `base`: the weights beside which it was trained. Throws
/// UsageError for a model without adapters, DataError where a file cannot be written.
void save_adapter(const std::string& folder, Module& model, const std::string& spec, const std::string& base);

/// Attaches the adapter of a folder to a model that has none, with its values and those of the head. Throws DataError naming the file and
/// what is missing, left over or of another shape; the model is not to be used then.
std::vector<AdaptedLayer> load_adapter(Module& model, const std::string& folder);

/// The adapter of a folder as --adapter names it; of one that PEFT wrote by its own fields and the tensors' shapes.
std::string adapter_spec_of(const std::string& folder);

}  // namespace gradus
