// Data for choosing hyperparameters: the test set stays out of it.
#pragma once

#include "data/dataset.h"

namespace gradus {

/// The same with a validation split cut from the training part in place of the test part: of labelled sets a fifth of the
/// examples, at most 5000, drawn at random by a fixed seed; of text the last tenth, or what a window needs. The test
/// part is given up. Throws UsageError where too little is left.
Data validation_split(const Data& data);

}  // namespace gradus
