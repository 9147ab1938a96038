// Checkpoints of what is no model of the registry: all weights are among the parts.
#pragma once

#include <functional>
#include <string>

#include "apps/train/checkpoint.h"

namespace gradus {

/// Whole or not at all. Throws NumericError, and writes nothing, if a tensor is not finite.
void write_parts_checkpoint(const std::string& path, const CheckpointParts& parts);
/// Reads a checkpoint of this `optim`, and hands its parts to `restore`, as read_checkpoint does. Throws DataError.
void read_parts_checkpoint(const std::string& path, const std::string& optim,
                           const std::function<void(const CheckpointParts&)>& restore);

}  // namespace gradus
