// From a model to the graph that leaves.
#pragma once

#include "apps/export/operator_graph.h"
#include "data/dataset.h"
#include "nn/model.h"

namespace gradus {

/// The model in evaluation mode for any number of examples. Its inputs are "input" (numbers, as the model is called with) or "ids"
/// (tokens, int64) and, where the model has conditions, "time" (N) and "classes" (N, int64; -1: none); the output is "logits" of
/// classifiers and language models, else "output". Parameters keep their names.
/// With `preprocess` the graph standardises by what `info` has fitted: "input" is then pixels 0..255, or the numbers of a table's columns,
/// and the output of a regression is in the units of its targets.
/// It is made by tracing two batches of different sizes and inputs: what differs between them other than through primitives of
/// operator_rules.h is refused. Throws UsageError for that, for a primitive without a rule, and for `preprocess` of text.
OperatorGraph model_graph(Model& model, const DatasetInfo& info, bool preprocess);

}  // namespace gradus
