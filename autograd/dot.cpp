#include "autograd/dot.h"

#include <fmt/format.h>

#include <map>
#include <unordered_map>
#include <vector>

namespace gradus {
namespace {

std::string escaped(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string graph_dot(std::span<const Tensor> ys, std::span<const NamedTensor> names) {
  std::map<std::uint64_t, const Node*> found;  // by id: in the order of recording
  std::vector<const Node*> stack;
  const auto visit = [&](const Node* n) {
    if (n && found.emplace(n->id(), n).second) stack.push_back(n);
  };
  for (const Tensor& y : ys) visit(node_of(y));
  while (!stack.empty()) {
    const Node* n = stack.back();
    stack.pop_back();
    for (const auto& in : n->inputs()) visit(in.node.get());
  }

  std::unordered_map<const Node*, std::string> labels;
  for (const NamedTensor& named : names)
    if (const Node* n = node_of(named.tensor)) labels[n] = named.name;
  std::unordered_map<const Node*, size_t> number;
  std::string boxes, edges;
  for (const auto& [id, n] : found) {
    const size_t k = number.emplace(n, number.size()).first->second;
    std::string label = n->name();
    if (const auto named = labels.find(n); named != labels.end()) label += "\\n" + escaped(named->second);
    if (!n->module().empty()) label += "\\n" + escaped(n->module());
    boxes += fmt::format("  n{} [label=\"{}\", shape={}];\n", k, label, n->primitive() ? "box" : "ellipse");
    for (size_t i = 0; i < n->inputs().size(); ++i)
      if (const Node* from = n->inputs()[i].node.get())
        edges += fmt::format("  n{} -> n{} [label=\"{}\"];\n", number.at(from), k, n->input_shape(i).str());
  }
  for (size_t i = 0; i < ys.size(); ++i)
    if (const Node* n = node_of(ys[i])) {
      boxes += fmt::format("  y{} [label=\"output {}\", shape=plaintext];\n", i, i);
      edges += fmt::format("  n{} -> y{} [label=\"{}\"];\n", number.at(n), i, ys[i].shape().str());
    }
  return "digraph gradus {\n  rankdir=TB;\n" + boxes + edges + "}\n";
}

}  // namespace gradus
