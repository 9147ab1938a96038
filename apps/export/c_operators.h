// The C of single operators, for one example.
#pragma once

#include <map>
#include <string>

#include "apps/export/operator_graph.h"

namespace gradus {

/// Where the values of a graph are in C: an expression of type `const float*` each, and their extents.
struct CPlaces {
  const OperatorGraph& graph;
  std::map<std::string, std::string> pointer;
  std::map<std::string, Extents> extents;
};

/// Statements that compute a node into `to`, an expression of type `float*`; indented. Throws UsageError for an operator that is not
/// known here.
std::string c_statements(const GraphNode& node, const std::string& to, const CPlaces& places);

/// A float as C writes it: read back, it is the same number.
std::string c_number(float value);

}  // namespace gradus
