// How many examples each class has, and whether some have far too few beside others.
#pragma once

#include <string>
#include <vector>

#include "data/dataset.h"

namespace gradus {

/// Examples of each class. Throws UsageError for sets without class labels.
std::vector<int64> class_counts(const Dataset& data);

/// The name of a class, or its number where it has none.
std::string class_name(const DatasetInfo& info, int64 label);

/// The weight of each class as `text` gives it: "balanced" is n / (classes that occur * examples of the class), whose mean over
/// the training examples is 1; "cat=1,dog=5" goes by names or numbers, and a class that is not named weighs 1; "" is no weights
/// at all. Throws UsageError for an unknown class, for what is no number >= 0 and where all weights are 0.
std::vector<double> class_weights(const std::string& text, const Dataset& train);

/// "" or a line that says that the largest class has more than ten times the examples of the smallest, and what helps. Classes
/// without any example are named too. "" for sets without class labels.
std::string imbalance_note(const Dataset& train);

}  // namespace gradus
