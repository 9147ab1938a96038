// What weights know of the data they were trained on, applied to other data. Whatever was fitted on training examples
// (mean and std of pixels and columns, the order of the classes, the vocabulary) belongs to the weights: fitted anew on
// the examples to be scored, it would show the model other inputs, or give its outputs other names.
#pragma once

#include <optional>
#include <string>

#include "data/registry.h"

namespace gradus {

/// The data as weights trained on `fitted` see them: mean and std, classes and vocabulary are those of `fitted`. Classes
/// go by their names (numbers by their values; a set without names has its labels as names if those of `fitted` are
/// numbers, else as places), characters by themselves. The set may have fewer of both. Throws DataError that lists the
/// classes or characters that occur but that the weights do not know, and for examples of another kind or shape.
Data apply_fitted(Data data, const DatasetInfo& fitted);

/// Number `k` of a model's real output, or of a target, in the units of the data: y std + mean where targets were standardised.
double in_units(double y, std::size_t k, const DatasetInfo& info);

/// The part of a set without a test part of its own that is its test set: what was `asked` for; else all (1) where such a
/// set is scored whole (places.whole) and is not the one the weights were trained on, by its digest; else `usual`.
double test_part(std::optional<double> asked, double usual, const DataPlaces& places,
                 const std::string& digest);

}  // namespace gradus
