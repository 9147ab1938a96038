// Data for choosing hyperparameters: the test set stays out of it.
#pragma once

#include "data/dataset.h"

namespace gradus {

/// The same with a validation split cut from the training part in place of the test part: of labelled sets a fifth of the
/// examples, at most 5000, drawn at random by a fixed seed; of text the last tenth, or what a window needs. The test
/// part is given up. Throws UsageError where too little is left.
Data validation_split(const Data& data);

/// What a run trains on, and the part held out from it by which it chooses.
struct HeldOut {
  DatasetPtr train, held;  ///< held: nullptr where too little would be left to choose by
};
/// Holds out `part` of the training examples, at most 5000: of labelled sets each class's share (to one example), drawn at
/// random by a fixed seed and never a class's only one; of text the end. Nothing where that would be fewer than 30 examples
/// (windows), whose scores are mostly luck. Each part is in the order of the set.
HeldOut hold_out(const DatasetPtr& train, double part);

}  // namespace gradus
