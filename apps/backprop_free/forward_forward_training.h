// Training a ForwardForwardNet: an optimizer a block, so that nothing couples them.
#pragma once

#include <string>
#include <vector>

#include "data/loader.h"
#include "nn/local/forward_forward.h"
#include "optim/optimizer.h"

namespace gradus {

class ForwardForwardTraining {
 public:
  /// `optim`: spec of every block's optimizer. The net must outlive this and gets no further block.
  ForwardForwardTraining(ForwardForwardNet& net, const GoodnessOptions& options, const std::string& optim);

  /// A step of every block (or of block `only`) on a batch, in order; `lr_scale` factor on the step size. Returns each block's
  /// loss before its step. Throws NumericError where one is not finite.
  std::vector<double> train_batch(const Tensor& x, const IntTensor& labels, double lr_scale = 1,
                                  int64 only = -1);
  /// Goodness of all blocks for a data set, (B,N,C), in evaluation mode, batch by batch.
  Tensor goodness_of(const DatasetPtr& data, int64 batch_size = 500);

 private:
  ForwardForwardNet& net_;
  GoodnessOptions options_;
  std::vector<Parameters> parameters_;
  std::vector<OptimizerPtr> optimizers_;
};

/// Share of samples whose largest score (N,C) is that of the label.
double accuracy_of(const Tensor& scores, const IntTensor& labels);

}  // namespace gradus
