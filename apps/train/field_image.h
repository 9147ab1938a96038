// The image that a model of a field has learnt.
#pragma once

#include "core/image.h"
#include "data/field.h"
#include "nn/model.h"

namespace gradus {

/// Outputs at every pixel of the field, cut to [0,1], in evaluation mode.
Image reconstruction(Model& model, const FieldSet& field);

}  // namespace gradus
