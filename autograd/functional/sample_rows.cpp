#include "autograd/functional/sample_rows.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "autograd/ops/attrs.h"

namespace gradus {
namespace {

using Plan = std::optional<RowPlan>;
using Rule = Plan (*)(const Node&, const Shape& out);

size_t at(int i) { return static_cast<size_t>(i); }
const Shape& in(const Node& n, size_t i) { return n.inputs()[i].shape; }

// Does x have the output's leading axis?
bool leads(const Shape& x, const Shape& out) { return x.rank() == out.rank() && x[0] == out[0]; }

// Broadcasting: an input with the full leading axis is read row by row, one without it is read whole.
Plan elementwise(const Node& n, const Shape& out) {
  RowPlan plan{.by_rows = {}, .rule_on_rows = true};
  for (size_t i = 0; i < n.inputs().size(); ++i) plan.by_rows.push_back(leads(in(n, i), out));
  return plan;
}

// The first input by rows, all others whole: layers on the last axes and on images.
Plan first_by_rows(const Node& n, const Shape& out) {
  if (in(n, 0).rank() < 2 || out.rank() < 1 || in(n, 0)[0] != out[0]) return {};
  RowPlan plan{.by_rows = std::vector<std::uint8_t>(n.inputs().size(), false), .rule_on_rows = true};
  plan.by_rows[0] = true;
  return plan;
}

Plan all_by_rows(const Node& n, const Shape& out) {
  for (size_t i = 0; i < n.inputs().size(); ++i)
    if (in(n, i).rank() < 1 || in(n, i)[0] != out[0]) return {};
  return RowPlan{.by_rows = std::vector<std::uint8_t>(n.inputs().size(), true)};
}

// The same, for calls that mix along later axes only if there are any.
Plan later_axes(const Node& n, const Shape& out) {
  return in(n, 0).rank() > 1 ? all_by_rows(n, out) : Plan{};
}
Plan attended(const Node& n, const Shape& out) { return in(n, 0).rank() > 2 ? all_by_rows(n, out) : Plan{}; }

// Row-major blocks stay what they are under any new shape.
Plan reshaped(const Node&, const Shape&) { return RowPlan{.by_rows = {true}}; }

Plan permuted(const Node& n, const Shape& out) {
  return n.attr().as<std::vector<int>>()[0] == 0 ? all_by_rows(n, out) : Plan{};
}

Plan along_axis(int axis, const Node& n, const Shape& out) {
  return axis != 0 ? all_by_rows(n, out) : Plan{};
}
Plan along_int(const Node& n, const Shape& out) { return along_axis(n.attr().as<int>(), n, out); }
Plan along_running(const Node& n, const Shape& out) {
  return along_axis(n.attr().as<Running>().axis, n, out);
}

Plan picked(const Node& n, const Shape& out) {
  const int axis = n.attr().as<Pick>().axis;
  if (axis != 0) return all_by_rows(n, out);
  return RowPlan{.by_rows = {false}};  // rows of a table: an embedding
}

Plan reduced(const Node& n, const Shape& out) {
  return n.attr().as<Reduce>().axes & axis_bit(0) ? Plan{} : all_by_rows(n, out);
}

// With the leading extent kept, a window or a padding leaves the leading axis alone.
Plan windowed(const Node& n, const Shape& out) { return all_by_rows(n, out); }

Plan broadcast_rows(const Node& n, const Shape& out) {
  return RowPlan{.by_rows = {leads(in(n, 0), out)}, .rule_on_rows = true};
}

// Stacks of matrices line up by broadcasting; of two plain matrices the rows of the first one count.
Plan product(const Node& n, const Shape& out) {
  RowPlan plan{.by_rows = {false, false}, .rule_on_rows = true};
  if (out.rank() > 2) {
    plan.by_rows = {leads(in(n, 0), out), leads(in(n, 1), out)};
    return plan;
  }
  if (n.attr().as<Transposed>().a) return {};
  plan.by_rows[0] = true;
  return plan;
}

const std::unordered_map<std::string_view, Rule>& rules() {
  static const auto* const table = [] {
    auto* map = new std::unordered_map<std::string_view, Rule>;
    const auto enter = [map](Rule rule, std::initializer_list<std::string_view> names) {
      for (const std::string_view name : names) map->emplace(name, rule);
    };
    enter(elementwise, {"add",        "sub",        "mul",        "div",
                        "pow",        "minimum",    "maximum",    "masked",
                        "where",      "greater",    "less",       "greater_equal",
                        "less_equal", "equal",      "add_number", "mul_number",
                        "neg",        "reciprocal", "exp",        "log",
                        "log1p",      "expm1",      "sqrt",       "reciprocal_or_zero",
                        "rsqrt",      "square",     "abs",        "sign",
                        "sin",        "cos",        "erf",        "tanh",
                        "sigmoid",    "softplus",   "relu",       "leaky_relu",
                        "elu",        "silu",       "gelu",       "gelu_tanh",
                        "clamp",      "pow_number", "alias",      "straight_through",
                        "div_number", "mul_or_zero"});
    enter(first_by_rows, {"linear", "linear_relu", "linear_gelu", "conv2d", "conv2d_relu",
                          "conv2d_input_grad", "layer_norm", "rms_norm", "channel_affine"});
    enter(all_by_rows, {"max_pool2d", "avg_pool2d", "avg_pool2d_grad", "take_winners", "max_unpool"});
    enter(later_axes, {"softmax", "log_softmax", "cross_entropy", "rfft", "irfft"});
    enter(attended, {"attention", "self_attention"});
    enter(reshaped, {"reshape"});
    enter(permuted, {"permute"});
    enter(along_int, {"concat", "flip"});
    enter(along_running, {"cumsum"});
    enter(picked, {"index_select", "scatter_add", "gather", "gather_adjoint"});
    enter(reduced, {"sum", "max", "logsumexp"});
    enter(windowed, {"slice", "pad"});
    enter(broadcast_rows, {"broadcast_to"});
    enter(product, {"matmul"});
    return map;
  }();
  return *table;
}

}  // namespace

std::optional<RowPlan> row_plan(const Node& node, const Shape& out, int64 samples) {
  const auto rule = rules().find(node.name());
  if (rule == rules().end() || out.rank() < 1 || out[0] == 0 || out[0] % samples != 0) return {};
  Plan plan = rule->second(node, out);
  if (!plan) return {};
  for (size_t i = 0; i < plan->by_rows.size(); ++i)
    if (plan->by_rows[at(static_cast<int>(i))] && (in(node, i).rank() < 1 || in(node, i)[0] % samples != 0))
      return {};
  return plan;
}

bool mixes_samples(const Primitive& primitive) {
  const std::string_view name = primitive.name;
  return name == "batch_norm" || name == "batch_norm_relu";
}

}  // namespace gradus
