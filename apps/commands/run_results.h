// The parts of a page about a training run that its weights give: layers, scores, and what the model makes of the test set.
#pragma once

#include "apps/commands/weights_flags.h"
#include "apps/report/page.h"
#include "apps/train/run_summary.h"

namespace gradus {

struct ResultsOptions {
  int64 batch_size = 256, limit = 0;  ///< of the evaluation; limit 0: the whole test set
  int64 mistakes = 24;                ///< shown at most
};

/// Evaluates the run's weights as `gradus eval` does: those at its end, else the best so far. Whatever is missing (weights,
/// data, a model of this name) is said in the page and, a line each, in `complaints`; the rest is shown.
///   classification  confusion matrix, precision, recall and F1 of each class, the most confident mistakes
///   language        perplexity, bits per token, a sample
///   regression      predicted against true values, errors and R^2 of each output
Html results_sections(const RunSummary& run, const WeightsOptions& weights, const ResultsOptions& options,
                      std::vector<std::string>& complaints);

/// The counts as a table, rows the true classes, shaded by their share of the row; of more than 25 classes a picture
/// and the most frequent confusions instead.
class Predictions;
Html confusion_tables(const Predictions& predictions, const DatasetInfo& info);

}  // namespace gradus
