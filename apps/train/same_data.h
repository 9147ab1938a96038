// That ranks, which may have files of their own, train on the same data.
#pragma once

#include "core/communicator.h"
#include "data/dataset.h"

namespace gradus {

/// Throws DataError, on all ranks, naming one whose data are others than rank 0's: by their numbers and first examples.
void check_same_data(Communicator& ranks, const Data& data);

}  // namespace gradus
