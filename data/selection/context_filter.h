// Which contexts of a stream a language model is fine-tuned on: those whose predicted gain reaches a threshold.
//
// Paper: Antonello, Beckage, Turek, Huth, "Selecting Informative Contexts Improves Language Model Finetuning", ACL-IJCNLP 2021,
//        arXiv 2005.00175.
//   q: predicted information gain of a context, in standard deviations;  T = threshold_start for the first switch_batches batches,
//   then threshold_end;  q < T is rejected, else the context joins the batch that is being filled; batch_size make it whole
#pragma once

#include "core/options.h"

namespace gradus {

struct ContextFilterOptions {
  double threshold_start = 1, threshold_end = -1;
  int64 switch_batches = 10, batch_size = 16, max_batches = 60;
  void visit(auto&& f) {
    f("threshold_start", threshold_start, "least q at first");
    f("threshold_end", threshold_end, "least q later");
    f("switch_batches", switch_batches, "batches before it changes", at_least(0));
    f("batch_size", batch_size, "contexts of a batch", at_least(1));
    f("max_batches", max_batches, "batches, after which nothing more is drawn", at_least(0));
  }
};

class ContextFilter {
 public:
  explicit ContextFilter(const ContextFilterOptions& options) : o_(options) {}

  /// Whether all batches are whole: no further context is drawn.
  bool done() const { return batches_ >= o_.max_batches; }
  /// Whether the next context joins batch number batches(). Throws DataError for NaN, and where done().
  bool offer(double q);
  /// Batches that are whole. An accepted context has made one whole where this has grown.
  int64 batches() const { return batches_; }
  double threshold() const { return batches_ < o_.switch_batches ? o_.threshold_start : o_.threshold_end; }

 private:
  ContextFilterOptions o_;
  int64 batches_ = 0, members_ = 0;
};

}  // namespace gradus
