// A graph as one C99 file without dependencies: weights and the code that runs them.
#pragma once

#include <string>
#include <vector>

#include "apps/export/operator_graph.h"

namespace gradus {

struct CSourceOptions {
  std::string name;         ///< begins every identifier; letters, digits and _
  std::string description;  ///< of the model and its input, for the comment on top
  std::vector<std::string> classes = {};
};

/// The text of a header with, for a name `net`,
///   enum { net_inputs, net_outputs, net_workspace }   numbers in and out for one example, and between
///   net_run(input, output, workspace)                 one example; reads and writes nothing else
///   net_predict(input, output)                        the same with a workspace of its own: not for two threads at once
///   net_classes[]                                     where classes have names
/// It compiles with -std=c99 -Wall -Werror and needs <math.h> alone. Throws UsageError for a graph with more than one input, or with an
/// operator that is not written here (there are those of perceptrons and plain convolutional networks), NumericError for weights
/// that are not finite.
std::string c_source(const OperatorGraph& graph, const CSourceOptions& options);

/// A word for a C identifier out of any text: "my model-2" -> "my_model_2".
std::string c_identifier(const std::string& text);

}  // namespace gradus
