// Which examples to keep: herding, by features, and a reservoir, by chance.
//
// Papers: Welling, "Herding Dynamical Weights to Learn", ICML 2009; Rebuffi et al., "iCaRL", CVPR 2017, arXiv 1611.07725:
//   f = rows divided by norm + eps;  for k = 1..count: the row not chosen yet for which ||(f_i + sum of chosen)/k - mean|| is least
//         Vitter, "Random Sampling with a Reservoir", ACM TOMS 11(1), 1985:
//   an item into a free place, else, j = floor(u*(seen+1)), in place of item j < capacity
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "apps/continual/features.h"
#include "core/options.h"
#include "core/rng.h"
#include "core/tensor.h"
#include "optim/state_archive.h"

namespace gradus {

struct HerdingOptions {
  int64 count = 3;
  bool normalize = true;
  double eps = 1e-8;
  void visit(auto&& f) {
    f("count", count, "rows to choose", at_least(0));
    f("normalize", normalize, "rows are divided by their norms first");
    f("eps", eps, "added to a norm", at_least(0));
  }
};
struct HerdedRows {
  std::vector<int64> rows;     ///< in the order chosen; a smaller memory keeps a prefix
  Tensor mean, exemplar_mean;  ///< (d): of all rows; of the chosen ones, divided by its norm (0 stays 0)
};
/// Rows of features (N,d) of one class, min(count, N) of them. Ties go to the first. Throws ShapeError.
HerdedRows herded(const Tensor& features, const HerdingOptions& options);
std::vector<int64> herded_rows(const Tensor& features, int64 count);

/// Items into the buffer of a stream of which `seen` came before; a draw u of [0, 1) each, unused where there is a free place.
void reservoir_update(std::vector<int64>& buffer, int64 capacity, int64& seen, std::span<const int64> items,
                      std::span<const double> uniform);

/// Examples that are kept of tasks gone by, `budget` at most.
class ExemplarMemory {
 public:
  /// Behind a task: exemplars anew from those kept and its rows, budget/(classes seen) of each class, herded by features.
  void herd(const LabelledRows& fresh, int64 classes, int64 budget,
            const std::function<Tensor(const Tensor& x)>& features);
  /// The same by a reservoir over the rows in their order.
  void sample(const LabelledRows& fresh, int64 budget, Rng rng);
  /// Undefined tensors before the first task, or where the budget allows nothing.
  const LabelledRows& rows() const { return kept_; }
  void state(const StateArchive& archive);

 private:
  LabelledRows kept_;
  int64 seen_ = 0;
};

}  // namespace gradus
