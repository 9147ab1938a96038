#include "apps/export/c_operators.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace gradus {
namespace {

using Ints = std::vector<int64>;

// Extents for one example.
Ints sizes(const CPlaces& places, const std::string& name) {
  Ints dims;
  for (const Extent& e : places.extents.at(name)) dims.push_back(e.size);
  return dims;
}
Ints strides(const Ints& dims) {
  Ints s(dims.size(), 1);
  for (size_t i = dims.size(); i-- > 1;) s[i - 1] = s[i] * dims[i];
  return s;
}
// Those of x as broadcast to `to`: 0 along axes it has not.
Ints broadcast_strides(const Ints& x, const Ints& to) {
  const Ints own = strides(x);
  Ints s(to.size(), 0);
  for (size_t i = 1; i <= x.size(); ++i)
    if (x[x.size() - i] != 1) s[to.size() - i] = own[x.size() - i];
  return s;
}

const AttributeValue* attribute(const GraphNode& node, const char* name) {
  for (const auto& [key, value] : node.attributes)
    if (key == name) return &value;
  return nullptr;
}
Ints ints(const GraphNode& node, const char* name) { return std::get<Ints>(*attribute(node, name)); }

// Loops over an index space: `body` within, its lines indented.
class Loops {
 public:
  void open(int64 count) {
    text_ += fmt::format("{0}for (long i{1} = 0; i{1} < {2}; ++i{1}) {{\n", indent(), depth_, count);
    ++depth_;
  }
  void line(const std::string& statement) { text_ += indent() + statement + "\n"; }
  void close() {
    --depth_;
    text_ += indent() + "}\n";
  }
  std::string finish() {
    while (depth_ > 0) close();
    return text_;
  }

 private:
  std::string indent() const { return std::string(static_cast<size_t>(2 * depth_ + 2), ' '); }
  std::string text_;
  int depth_ = 0;
};

// "i0 * 24 + i2", "0".
std::string place(const Ints& strides) {
  std::vector<std::string> terms;
  for (size_t i = 0; i < strides.size(); ++i)
    if (strides[i])
      terms.push_back(strides[i] == 1 ? fmt::format("i{}", i) : fmt::format("i{} * {}", i, strides[i]));
  return terms.empty() ? "0" : fmt::format("{}", fmt::join(terms, " + "));
}

// `expression` of {0}, {1}, ... = the inputs, for each element of the output.
std::string elementwise(const GraphNode& node, const std::string& to, const CPlaces& places,
                        const std::string& expression) {
  Ints dims = sizes(places, node.output.name);
  std::vector<Ints> in;
  for (const std::string& x : node.inputs) in.push_back(sizes(places, x));
  if (std::all_of(in.begin(), in.end(), [&](const Ints& d) { return d == dims; })) {  // one loop will do
    int64 n = 1;
    for (const int64 d : dims) n *= d;
    dims = {n};
    for (Ints& d : in) d = {n};
  }
  std::string filled = expression;
  for (size_t k = 0; k < in.size(); ++k) {
    const std::string mark = fmt::format("${}", k),
                      element = fmt::format("{}[{}]", places.pointer.at(node.inputs[k]),
                                            place(broadcast_strides(in[k], dims)));
    for (size_t at = filled.find(mark); at != std::string::npos; at = filled.find(mark, at + element.size()))
      filled.replace(at, mark.size(), element);
  }
  Loops loops;
  for (const int64 d : dims) loops.open(d);
  loops.line(fmt::format("({})[{}] = {};", to, place(strides(dims)), filled));
  return loops.finish();
}

std::string reduce_sum(const GraphNode& node, const std::string& to, const CPlaces& places) {
  const Ints dims = sizes(places, node.inputs[0]), out = sizes(places, node.output.name);
  const Ints axes = places.graph.constant(node.inputs[1])->integers;
  Ints kept = dims;
  for (const int64 axis : axes) kept[static_cast<size_t>(axis)] = 1;
  Loops zero, loops;
  int64 n = 1;
  for (const int64 d : out) n *= d;
  zero.open(n);
  zero.line(fmt::format("({})[i0] = 0;", to));
  for (const int64 d : dims) loops.open(d);
  loops.line(fmt::format("({})[{}] += {}[{}];", to, place(broadcast_strides(kept, dims)),
                         places.pointer.at(node.inputs[0]), place(strides(dims))));
  return zero.finish() + loops.finish();
}

std::string gemm(const GraphNode& node, const std::string& to, const CPlaces& places) {
  const Ints w = sizes(places, node.inputs[1]);  // (out,in)
  const std::string bias = node.inputs.size() == 3 ? places.pointer.at(node.inputs[2]) + "[i0]" : "0";
  Loops loops;
  loops.open(w[0]);
  loops.line(fmt::format("float sum = {};", bias));
  loops.open(w[1]);
  loops.line(fmt::format("sum += {}[i0 * {} + i1] * {}[i1];", places.pointer.at(node.inputs[1]), w[1],
                         places.pointer.at(node.inputs[0])));
  loops.close();
  loops.line(fmt::format("({})[i0] = sum;", to));
  return loops.finish();
}

std::string conv(const GraphNode& node, const std::string& to, const CPlaces& places) {
  const Ints in = sizes(places, node.inputs[0]), w = sizes(places, node.inputs[1]),
             out = sizes(places, node.output.name);
  const Ints stride = ints(node, "strides"), pad = ints(node, "pads"), dilation = ints(node, "dilations");
  const int64 groups = std::get<int64>(*attribute(node, "group")), per_group = out[1] / groups;
  const std::string bias = node.inputs.size() == 3 ? places.pointer.at(node.inputs[2]) + "[i0]" : "0";
  Loops l;
  l.open(out[1]);
  l.open(out[2]);
  l.open(out[3]);
  l.line(fmt::format("float sum = {};", bias));
  l.open(w[1]);  // i3: channel of the group
  l.open(w[2]);  // i4
  l.line(fmt::format("const long row = i1 * {} + i4 * {} - {};", stride[0], dilation[0], pad[0]));
  l.line(fmt::format("if (row < 0 || row >= {}) continue;", in[2]));
  l.open(w[3]);  // i5
  l.line(fmt::format("const long column = i2 * {} + i5 * {} - {};", stride[1], dilation[1], pad[1]));
  l.line(fmt::format("if (column < 0 || column >= {}) continue;", in[3]));
  const std::string channel = groups == 1 ? "i3" : fmt::format("(i0 / {} * {} + i3)", per_group, w[1]);
  l.line(fmt::format("sum += {}[((i0 * {} + i3) * {} + i4) * {} + i5] * {}[({} * {} + row) * {} + column];",
                     places.pointer.at(node.inputs[1]), w[1], w[2], w[3], places.pointer.at(node.inputs[0]),
                     channel, in[2], in[3]));
  l.close();
  l.close();
  l.close();
  l.line(fmt::format("({})[(i0 * {} + i1) * {} + i2] = sum;", to, out[2], out[3]));
  return l.finish();
}

std::string pool(const GraphNode& node, const std::string& to, const CPlaces& places, bool largest) {
  const Ints in = sizes(places, node.inputs[0]), out = sizes(places, node.output.name);
  const Ints kernel = ints(node, "kernel_shape"), stride = ints(node, "strides"), pad = ints(node, "pads");
  const std::string x =
      fmt::format("{}[(i0 * {} + row) * {} + column]", places.pointer.at(node.inputs[0]), in[2], in[3]);
  Loops l;
  l.open(out[1]);
  l.open(out[2]);
  l.open(out[3]);
  l.line(largest ? "float best = -HUGE_VALF;" : "float sum = 0;");
  l.open(kernel[0]);
  l.line(fmt::format("const long row = i1 * {} + i3 - {};", stride[0], pad[0]));
  l.line(fmt::format("if (row < 0 || row >= {}) continue;", in[2]));
  l.open(kernel[1]);
  l.line(fmt::format("const long column = i2 * {} + i4 - {};", stride[1], pad[1]));
  l.line(fmt::format("if (column < 0 || column >= {}) continue;", in[3]));
  l.line(largest ? fmt::format("if ({0} > best) best = {0};", x) : fmt::format("sum += {};", x));
  l.close();
  l.close();
  l.line(fmt::format("({})[(i0 * {} + i1) * {} + i2] = {};", to, out[2], out[3],
                     largest ? "best" : fmt::format("sum / {}", kernel[0] * kernel[1])));
  return l.finish();
}

struct CExpression {
  const char *op, *text;
};
// In $0 and $1, the inputs.
constexpr CExpression kExpressions[] = {
    {"Identity", "$0"},
    {"Relu", "$0 > 0 ? $0 : 0"},
    {"Neg", "-$0"},
    {"Abs", "fabsf($0)"},
    {"Exp", "expf($0)"},
    {"Log", "logf($0)"},
    {"Sqrt", "sqrtf($0)"},
    {"Reciprocal", "1 / $0"},
    {"Sin", "sinf($0)"},
    {"Cos", "cosf($0)"},
    {"Tanh", "tanhf($0)"},
    {"Erf", "erff($0)"},
    {"Sigmoid", "1 / (1 + expf(-$0))"},
    {"Softplus", "fmaxf($0, 0) + log1pf(expf(-fabsf($0)))"},
    {"Clip", "fminf(fmaxf($0, $1), $2)"},
    {"Add", "$0 + $1"},
    {"Sub", "$0 - $1"},
    {"Mul", "$0 * $1"},
    {"Div", "$0 / $1"},
    {"Min", "fminf($0, $1)"},
    {"Max", "fmaxf($0, $1)"},
    {"Pow", "powf($0, $1)"},
};

}  // namespace

std::string c_number(float value) {
  std::string text = fmt::format("{:.9g}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text + "f";
}

std::string c_statements(const GraphNode& node, const std::string& to, const CPlaces& places) {
  for (const CExpression& e : kExpressions)
    if (node.op == e.op) return elementwise(node, to, places, e.text);
  if (node.op == "LeakyRelu" || node.op == "Elu") {
    const std::string alpha = c_number(std::get<float>(*attribute(node, "alpha")));
    return elementwise(node, to, places,
                       fmt::format("$0 > 0 ? $0 : {} * {}", alpha, node.op == "Elu" ? "expm1f($0)" : "$0"));
  }
  if (node.op == "ReduceSum") return reduce_sum(node, to, places);
  if (node.op == "Gemm") return gemm(node, to, places);
  if (node.op == "Conv") return conv(node, to, places);
  if (node.op == "MaxPool" || node.op == "AveragePool") return pool(node, to, places, node.op == "MaxPool");
  fail<UsageError>(
      "export: C source has no {}; it is for perceptrons and plain convolutional networks (mlp, lenet): "
      "export NAME.onnx",
      node.op);
}

}  // namespace gradus
