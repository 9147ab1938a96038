// A contact sheet: what a data set looks like, on one picture.
#pragma once

#include <vector>

#include "core/image.h"
#include "data/augment.h"
#include "data/dataset.h"

namespace gradus {

/// The first `per_class` images of each of the first `max_classes` classes, one class a row, with a thin
/// frame and a zoom that makes small images readable. Throws UsageError if the set has no images.
Image contact_sheet(const Dataset& data, int64 per_class = 16, int64 max_classes = 20);
/// The same of these examples, row by row; rows may be of different lengths.
Image contact_sheet(const Dataset& data, const std::vector<std::vector<int64>>& rows);
/// The first image of each of the first `max_classes` classes as it is, and beside it as training sees it in `epochs` epochs
/// (transforms that mix a batch mix these images). Throws UsageError if the set has no images.
Image augmentation_sheet(const Dataset& data, const Augmentation& augment, std::uint64_t seed,
                         int64 epochs = 7, int64 max_classes = 12);

}  // namespace gradus
