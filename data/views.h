// Views: data sets made of another one, without copying it.
#pragma once

#include "core/options.h"
#include "data/dataset.h"

namespace gradus {

/// The examples `indices` of `base`, in that order (repeats allowed). Throws UsageError for an index out of
/// range or none at all.
DatasetPtr subset(DatasetPtr base, std::vector<int64> indices);

/// What every labelled set offers behind its own options.
struct ViewOptions {
  std::optional<int64> limit, test_limit;

  void visit(auto&& f) {
    f("limit", limit, "keep only the first this many training examples", at_least(1));
    f("test_limit", test_limit, "keep only the first this many test examples", at_least(1));
  }
};
/// Throws UsageError for a request the set cannot meet.
Data apply_views(Data data, const ViewOptions& options);

}  // namespace gradus
