#include "apps/export/c_source.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>

#include "apps/export/c_operators.h"
#include "core/error.h"

namespace gradus {
namespace {

constexpr size_t kNumbersALine = 8;

std::string c_string(const std::string& text) {
  std::string out = "\"";
  for (const char ch : text) {
    const auto byte = static_cast<unsigned char>(ch);
    // '?' too: two of them begin a trigraph.
    if (byte < 32 || byte > 126 || ch == '"' || ch == '\\' || ch == '?')
      out += fmt::format("\\{:03o}", byte);
    else
      out += ch;
  }
  return out + "\"";
}

// Lines of a comment: what would end it, or is no plain text, is left out.
std::string c_comment(const std::string& text) {
  std::string out = "/* ";
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (text[i] == '\n')
      out += "\n   ";
    else if (byte >= 32 && byte < 127 && text[i] != '*' && text[i] != '?' && text[i] != '\\')
      out += text[i];
  }
  return out + " */\n";
}

std::string array_of(const GraphConstant& c, const std::string& identifier) {
  std::string text = fmt::format("/* ({}) */\nstatic const float {}[{}] = {{", fmt::join(c.dims, ", "),
                                 identifier, std::max<size_t>(c.numbers.size(), 1));
  for (size_t i = 0; i < c.numbers.size(); ++i) {
    if (!std::isfinite(c.numbers[i]))
      fail<NumericError>("export: {} holds {}: the weights are not finite", c.name, c.numbers[i]);
    text += (i % kNumbersALine ? " " : "\n    ") + c_number(c.numbers[i]) + ",";
  }
  return text + "\n};\n\n";
}

// Places in one workspace for values that live from one node to another: each the first gap that is large enough.
class Workspace {
 public:
  int64 take(int64 size, size_t from, size_t until) {
    int64 at = 0;
    for (bool moved = true; moved;) {
      moved = false;
      for (const Block& b : blocks_)
        if (b.until >= from && at < b.at + b.size && b.at < at + size) at = b.at + b.size, moved = true;
    }
    blocks_.push_back({at, size, until});
    needed_ = std::max(needed_, at + size);
    return at;
  }
  int64 needed() const { return needed_; }

 private:
  struct Block {
    int64 at, size;
    size_t until;
  };
  std::vector<Block> blocks_;
  int64 needed_ = 0;
};

// Statements of all nodes, and how large the workspace is.
struct CBody {
  std::string text;
  int64 workspace = 0;
};

class CWriter {
 public:
  CWriter(const OperatorGraph& graph, const std::string& name) : graph_(graph), places_{graph, {}, {}} {
    place(graph.inputs[0], "input");
    for (const GraphConstant& c : graph.constants) {
      places_.pointer[c.name] = constant_name(name, c.name);
      places_.extents[c.name] = fixed_extents(Shape(c.dims));
    }
    for (size_t i = 0; i < graph.nodes.size(); ++i)
      for (const std::string& x : graph.nodes[i].inputs) last_use_[x] = i;
    // A reshape is another name for what it reads, which lives as long.
    for (size_t i = graph.nodes.size(); i-- > 0;)
      if (const GraphNode& n = graph.nodes[i]; n.op == "Reshape")
        last_use_[n.inputs[0]] = std::max(last_use_[n.inputs[0]], last_use_[n.output.name]);
  }

  static std::string constant_name(const std::string& name, const std::string& constant) {
    return name + "_" + c_identifier(constant);
  }

  CBody body() {
    CBody b;
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const GraphNode& n = graph_.nodes[i];
      const bool last = n.output.name == graph_.output.name;
      if (n.op == "Reshape") {
        place(n.output, places_.pointer.at(n.inputs[0]));
        if (last) b.text += copy(n);
        continue;
      }
      const std::string to =
          last ? "output"
               : fmt::format("workspace + {}",
                             workspace_.take(elements_of(n.output.extents), i, last_use_[n.output.name]));
      place(n.output, last ? to : "(" + to + ")");
      b.text += fmt::format("  /* {} */\n", n.op) + c_statements(n, to, places_);
    }
    b.workspace = std::max<int64>(workspace_.needed(), 1);
    return b;
  }

 private:
  void place(const GraphValue& v, const std::string& pointer) {
    places_.pointer[v.name] = pointer;
    places_.extents[v.name] = v.extents;
  }
  std::string copy(const GraphNode& n) {
    return fmt::format("  for (long i0 = 0; i0 < {}; ++i0) output[i0] = {}[i0];\n",
                       elements_of(n.output.extents), places_.pointer.at(n.inputs[0]));
  }

  const OperatorGraph& graph_;
  CPlaces places_;
  std::map<std::string, size_t> last_use_;
  Workspace workspace_;
};

}  // namespace

std::string c_identifier(const std::string& text) {
  std::string word;
  for (const char ch : text) word += std::isalnum(static_cast<unsigned char>(ch)) ? ch : '_';
  if (word.empty() || std::isdigit(static_cast<unsigned char>(word[0]))) word = "_" + word;
  return word;
}

std::string c_source(const OperatorGraph& graph, const CSourceOptions& options) {
  if (graph.inputs.size() != 1 || graph.inputs[0].type != ValueType::kFloat)
    fail<UsageError>("export: C source is for models of one input of numbers (mlp, lenet): export NAME.onnx");
  const std::string& n = options.name;
  CWriter writer(graph, n);
  const CBody body = writer.body();

  std::string guard = n + "_h";
  std::transform(guard.begin(), guard.end(), guard.begin(), [](unsigned char c) { return std::toupper(c); });
  std::string text = c_comment(options.description);
  text += fmt::format("#ifndef {0}\n#define {0}\n\n#include <math.h>\n\n", guard);
  text +=
      fmt::format("enum {{ {0}_inputs = {1}, {0}_outputs = {2}, {0}_workspace = {3} }};\n\n", n,
                  elements_of(graph.inputs[0].extents), elements_of(graph.output.extents), body.workspace);
  if (!options.classes.empty()) {
    text += fmt::format("static const char* const {}_classes[{}] = {{\n", n, options.classes.size());
    for (const std::string& c : options.classes) text += "    " + c_string(c) + ",\n";
    text += "};\n\n";
  }
  for (const GraphConstant& c : graph.constants)
    if (c.type == ValueType::kFloat) text += array_of(c, CWriter::constant_name(n, c.name));
  text += c_comment(fmt::format(
      "One example: input[{0}_inputs] -> output[{0}_outputs], by way of workspace[{0}_workspace].", n));
  text +=
      fmt::format("static inline void {}_run(const float* input, float* output, float* workspace) {{\n", n);
  text += "  (void)workspace;\n" + body.text + "}\n\n";
  text += c_comment("The same with a workspace of its own: not for two threads at once.");
  text += fmt::format(
      "static inline void {0}_predict(const float* input, float* output) {{\n"
      "  static float workspace[{0}_workspace];\n"
      "  {0}_run(input, output, workspace);\n}}\n\n#endif\n",
      n);
  return text;
}

}  // namespace gradus
