#include "apps/export/operator_rules.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "autograd/ops/attrs.h"
#include "core/error.h"
#include "nn/fields/sape_mask.h"

namespace gradus {
namespace {

using Call = CallToExport;
using Ints = std::vector<int64>;

// An operator of the same inputs, without attributes.
GraphValue same(Call& c, const char* op) { return c.graph.node(op, c.in, c.out); }

real number(const Call& c) {
  const real value = c.attr<real>();
  if (value != c.large.attr.as<real>())
    fail<UsageError>("export: {} by a number that depends on the batch size", c.small.primitive->name);
  return value;
}
GraphValue as_float(Call& c, const GraphValue& x) {
  return c.graph.node("Cast", {x}, x.extents, {{"to", static_cast<int64>(ValueType::kFloat)}});
}
GraphValue as_bool(Call& c, const GraphValue& x) {
  return c.graph.node("Cast", {x}, x.extents, {{"to", static_cast<int64>(ValueType::kBool)}},
                      ValueType::kBool);
}
GraphValue with_number(Call& c, const char* op) {
  return c.graph.node(op, {c.in[0], c.graph.scalar(static_cast<double>(number(c)))}, c.out);
}
// 1 where a comparison holds, else 0.
GraphValue holds(Call& c, const char* op) {
  return as_float(c, c.graph.node(op, c.in, c.out, {}, ValueType::kBool));
}
GraphValue with_alpha(Call& c, const char* op) {
  return c.graph.like(op, {c.in[0]}, {{"alpha", static_cast<float>(number(c))}});
}

GraphValue reciprocal_or_zero_rule(Call& c, const char*) {
  GraphBuilder& g = c.graph;
  const GraphValue zero = g.node("Equal", {c.in[0], g.scalar(0)}, c.out, {}, ValueType::kBool);
  return g.node("Where", {zero, g.scalar(0), g.like("Reciprocal", {c.in[0]})}, c.out);
}
GraphValue gelu_rule(Call& c, const char*) {
  GraphBuilder& g = c.graph;
  const GraphValue &x = c.in[0], e = g.like("Erf", {g.like("Mul", {x, g.scalar(std::numbers::sqrt2 / 2)})});
  return g.like("Mul", {g.like("Mul", {x, g.like("Add", {e, g.scalar(1)})}), g.scalar(0.5)});
}
GraphValue gelu_tanh_rule(Call& c, const char*) {
  GraphBuilder& g = c.graph;
  const GraphValue& x = c.in[0];
  const GraphValue cubic =
      g.like("Add", {g.like("Mul", {g.like("Mul", {x, x}), g.scalar(0.044715)}), g.scalar(1)});
  const GraphValue inner =
      g.like("Mul", {g.like("Mul", {x, cubic}), g.scalar(std::sqrt(2 * std::numbers::inv_pi))});
  return g.like("Mul",
                {g.like("Mul", {x, g.like("Add", {g.like("Tanh", {inner}), g.scalar(1)})}), g.scalar(0.5)});
}
GraphValue clamp_rule(Call& c, const char*) {
  const auto& r = c.attr<ClampRange>();
  return c.graph.like("Clip", {c.in[0], c.graph.scalar(static_cast<double>(r.low)),
                               c.graph.scalar(static_cast<double>(r.high))});
}

GraphValue slice_rule(Call& c, const char*) {
  const auto &a = c.attr<Window>(), &b = c.large.attr.as<Window>();
  Ints starts, ends, axes, steps;
  for (size_t i = 0; i < a.begin.size(); ++i) {
    const int axis = static_cast<int>(i);
    if (a.begin[i] == 0 && a.step[i] == 1 && a.count[i] == a.whole[axis] && b.count[i] == b.whole[axis])
      continue;  // all of it, whatever the batch
    if (a.begin[i] != b.begin[i] || a.count[i] != b.count[i])
      fail<UsageError>("export: slice of an axis that depends on the batch size");
    starts.push_back(a.begin[i]);
    ends.push_back(a.begin[i] + (a.count[i] - 1) * a.step[i] + 1);
    axes.push_back(axis);
    steps.push_back(a.step[i]);
  }
  GraphBuilder& g = c.graph;
  return g.node("Slice", {c.in[0], g.integers(starts), g.integers(ends), g.integers(axes), g.integers(steps)},
                c.out);
}
GraphValue pad_rule(Call& c, const char*) {
  const auto &a = c.attr<Window>(), &b = c.large.attr.as<Window>();
  Ints before, after;
  for (size_t i = 0; i < a.begin.size(); ++i) {
    const int axis = static_cast<int>(i);
    if (a.step[i] != 1) fail<UsageError>("export: padding between elements");
    before.push_back(a.begin[i]);
    after.push_back(a.whole[axis] - a.begin[i] - a.count[i]);
    if (b.begin[i] != before.back() || b.whole[axis] - b.begin[i] - b.count[i] != after.back())
      fail<UsageError>("export: padding that depends on the batch size");
  }
  before.insert(before.end(), after.begin(), after.end());
  return c.graph.node("Pad", {c.in[0], c.graph.integers(before), c.graph.scalar(static_cast<double>(a.fill))},
                      c.out);
}
GraphValue flip_rule(Call& c, const char*) {
  GraphBuilder& g = c.graph;
  const int axis = c.attr<int>();
  if (c.out[static_cast<size_t>(axis)].batch) fail<UsageError>("export: flip along the batch");
  return g.node("Slice",
                {c.in[0], g.integers({-1}), g.integers({std::numeric_limits<int64>::min()}),
                 g.integers({axis}), g.integers({-1})},
                c.out);
}
GraphValue permute_rule(Call& c, const char*) {
  const auto& order = c.attr<std::vector<int>>();
  return c.graph.transpose(c.in[0], Ints(order.begin(), order.end()));
}
GraphValue index_select_rule(Call& c, const char*) {
  const auto &a = c.attr<Pick>(), &b = c.large.attr.as<Pick>();
  const GraphValue index = c.integers(a.index, b.index, a.size);
  return c.graph.node("Gather", {c.in[0], index}, c.out, {{"axis", int64{a.axis}}});
}

GraphValue swapped(Call& c, const GraphValue& x) {
  Ints order;
  for (size_t i = 0; i < x.extents.size(); ++i) order.push_back(static_cast<int64>(i));
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  return c.graph.transpose(x, order);
}
GraphValue matmul_rule(Call& c, const char*) {
  const auto [ta, tb] = c.attr<Transposed>();
  return c.graph.node("MatMul", {ta ? swapped(c, c.in[0]) : c.in[0], tb ? swapped(c, c.in[1]) : c.in[1]},
                      c.out);
}
// torch's layout, weight (out,in), is kept.
GraphValue linear_rule(Call& c, const char*) {
  if (c.in[0].extents.size() == 2) return c.graph.node("Gemm", c.in, c.out, {{"transB", int64{1}}});
  const GraphValue y = c.graph.node("MatMul", {c.in[0], swapped(c, c.in[1])}, c.out);
  return c.in.size() == 3 ? c.graph.like("Add", {y, c.in[2]}) : y;
}
GraphValue conv_rule(Call& c, const char*) {
  const ConvSpec& s = c.attr<Convolved>().spec;
  const Extents& w = c.in[1].extents;
  return c.graph.node("Conv", c.in, c.out,
                      {{"kernel_shape", Ints{w[2].size, w[3].size}},
                       {"strides", Ints{s.stride_h, s.stride_w}},
                       {"pads", Ints{s.pad_h, s.pad_w, s.pad_h, s.pad_w}},
                       {"dilations", Ints{s.dilation_h, s.dilation_w}},
                       {"group", s.groups}});
}
Attributes pooling(const PoolSpec& s) {
  return {{"kernel_shape", Ints{s.kernel_h, s.kernel_w}},
          {"strides", Ints{s.stride_h, s.stride_w}},
          {"pads", Ints{s.pad_h, s.pad_w, s.pad_h, s.pad_w}}};
}
GraphValue avg_pool_rule(Call& c, const char*) {
  Attributes attributes = pooling(c.attr<Averaged>().spec);
  attributes.emplace_back("count_include_pad", int64{1});
  return c.graph.node("AveragePool", c.in, c.out, attributes);
}

GraphValue reduced(Call& c, const char* op) {
  const auto& r = c.attr<Reduce>();
  Ints axes;
  for (size_t i = 0; i < c.in[0].extents.size(); ++i)
    if (r.axes & axis_bit(static_cast<int>(i))) {
      if (c.in[0].extents[i].batch)
        fail<UsageError>("export: {} over the batch: an example's output depends on the others",
                         c.small.primitive->name);
      axes.push_back(static_cast<int64>(i));
    }
  Extents kept = c.in[0].extents;
  for (const int64 axis : axes) kept[static_cast<size_t>(axis)] = {1, false};
  if (axes.empty()) return c.graph.reshape(c.in[0], c.out);
  if (kept == c.out || c.out.size() == kept.size() - axes.size())
    return c.graph.node(op, {c.in[0], c.graph.integers(axes)}, c.out, {{"keepdims", int64{kept == c.out}}});
  return c.graph.reshape(c.graph.node(op, {c.in[0], c.graph.integers(axes)}, kept, {{"keepdims", int64{1}}}),
                         c.out);
}
GraphValue channel_affine_rule(Call& c, const char*) {
  GraphBuilder& g = c.graph;
  Extents channel(c.in[0].extents.size() - 1, Extent{1, false});
  channel[0] = c.in[1].extents[0];
  return g.like("Add", {g.like("Mul", {c.in[0], g.reshape(c.in[1], channel)}), g.reshape(c.in[2], channel)});
}

GraphValue along_last(Call& c, const char* op) {
  return c.graph.node(op, c.in, c.out, {{"axis", int64{-1}}});
}

// Multilinear between the centres of the 2^d cells around a point, nn/fields/sape_mask.h.
GraphValue sape_mask_rule(Call& c, const char*) {
  GraphBuilder& g = c.graph;
  const auto& grid = c.attr<SapeGrid>();
  const GraphValue& x = c.in[0];  // (N,d)
  const int64 dim = x.extents[1].size;
  const Extents column{x.extents[0], {1, false}}, row{x.extents[0]};
  std::vector<float> numbers(grid.values.begin(), grid.values.end());
  const std::vector<int64> cells{static_cast<int64>(numbers.size()) / grid.columns, grid.columns};
  const GraphValue table = g.constant("", cells, std::move(numbers));
  const GraphValue inside = g.like("Clip", {x, g.scalar(-1), g.scalar(1)});
  const GraphValue u = g.like(
      "Add",
      {g.like("Mul", {g.like("Add", {inside, g.scalar(1)}), g.scalar(static_cast<double>(grid.res - 2) / 2)}),
       g.scalar(0.5)});
  const GraphValue low = g.like("Floor", {u}), up = g.like("Sub", {u, low}),
                   down = g.node("Sub", {g.scalar(1), up}, x.extents);
  Ints strides;
  for (int64 j = 0, stride = 1; j < dim; ++j, stride *= grid.res) strides.push_back(stride);
  const GraphValue place =
      g.node("Cast", {low}, x.extents, {{"to", static_cast<int64>(ValueType::kInt64)}}, ValueType::kInt64);
  const GraphValue base = g.node("ReduceSum", {g.like("Mul", {place, g.integers(strides)}), g.integers({1})},
                                 row, {{"keepdims", int64{0}}}, ValueType::kInt64);
  GraphValue sum;
  for (int64 corner = 0; corner < int64{1} << dim; ++corner) {
    int64 offset = 0;
    GraphValue weight;
    for (int64 j = 0; j < dim; ++j) {
      const bool upper = (corner >> j) & 1;
      if (upper) offset += strides[static_cast<size_t>(j)];
      const GraphValue part =
          g.node("Gather", {upper ? up : down, g.integers({j})}, column, {{"axis", int64{1}}});
      weight = j ? g.like("Mul", {weight, part}) : part;
    }
    const GraphValue cell = g.like("Add", {base, g.integers({offset})});
    const GraphValue values = g.node("Gather", {table, cell}, c.out, {{"axis", int64{0}}});
    const GraphValue term = g.like("Mul", {values, weight});
    sum = corner ? g.like("Add", {sum, term}) : term;
  }
  return sum;
}

const OperatorRule kRules[] = {
    {"neg", same, "Neg"},
    {"reciprocal", same, "Reciprocal"},
    {"reciprocal_or_zero", reciprocal_or_zero_rule},
    {"exp", same, "Exp"},
    {"log", same, "Log"},
    {"log1p",
     [](Call& c, const char*) {
       return c.graph.like("Log", {c.graph.like("Add", {c.in[0], c.graph.scalar(1)})});
     }},
    {"expm1",
     [](Call& c, const char*) {
       return c.graph.like("Sub", {c.graph.like("Exp", {c.in[0]}), c.graph.scalar(1)});
     }},
    {"sqrt", same, "Sqrt"},
    {"rsqrt",
     [](Call& c, const char*) { return c.graph.like("Reciprocal", {c.graph.like("Sqrt", {c.in[0]})}); }},
    {"square",
     [](Call& c, const char*) {
       return c.graph.like("Mul", {c.in[0], c.in[0]});
     }},
    {"abs", same, "Abs"},
    {"sign", same, "Sign"},
    {"sin", same, "Sin"},
    {"cos", same, "Cos"},
    {"erf", same, "Erf"},
    {"tanh", same, "Tanh"},
    {"sigmoid", same, "Sigmoid"},
    {"softplus", same, "Softplus"},
    {"relu", same, "Relu"},
    {"leaky_relu", with_alpha, "LeakyRelu"},
    {"elu", with_alpha, "Elu"},
    {"silu",
     [](Call& c, const char*) {
       return c.graph.like("Mul", {c.in[0], c.graph.like("Sigmoid", {c.in[0]})});
     }},
    {"gelu", gelu_rule},
    {"gelu_tanh", gelu_tanh_rule},
    {"clamp", clamp_rule},
    {"pow_number", with_number, "Pow"},
    {"add", same, "Add"},
    {"sub", same, "Sub"},
    {"mul", same, "Mul"},
    {"div", same, "Div"},
    {"pow", same, "Pow"},
    {"minimum", same, "Min"},
    {"maximum", same, "Max"},
    {"masked",
     [](Call& c, const char*) {
       return c.graph.node("Where", {as_bool(c, c.in[1]), c.in[0], c.graph.scalar(0)}, c.out);
     }},
    {"where",
     [](Call& c, const char*) {
       return c.graph.node("Where", {as_bool(c, c.in[0]), c.in[1], c.in[2]}, c.out);
     }},
    {"greater", holds, "Greater"},
    {"greater_equal", holds, "GreaterOrEqual"},
    {"less", holds, "Less"},
    {"less_equal", holds, "LessOrEqual"},
    {"equal", holds, "Equal"},
    {"add_number", with_number, "Add"},
    {"mul_number", with_number, "Mul"},
    {"div_number", with_number, "Div"},
    {"sum", reduced, "ReduceSum"},
    {"max",
     [](Call& c, const char*) { return reduced(c, c.attr<Reduce>().largest ? "ReduceMax" : "ReduceMin"); }},
    {"logsumexp", reduced, "ReduceLogSumExp"},
    {"reshape", [](Call& c, const char*) { return c.graph.reshape(c.in[0], c.out); }},
    {"permute", permute_rule},
    {"broadcast_to", [](Call& c, const char*) { return c.graph.expand(c.in[0], c.out); }},
    {"slice", slice_rule},
    {"pad", pad_rule},
    {"flip", flip_rule},
    {"concat",
     [](Call& c, const char*) {
       return c.graph.node("Concat", c.in, c.out, {{"axis", int64{c.attr<int>()}}});
     }},
    {"index_select", index_select_rule},
    {"matmul", matmul_rule},
    {"linear", linear_rule},
    {"linear_relu", [](Call& c, const char*) { return c.graph.like("Relu", {linear_rule(c, "")}); }},
    {"conv2d", conv_rule},
    {"conv2d_relu", [](Call& c, const char*) { return c.graph.like("Relu", {conv_rule(c, "")}); }},
    {"max_pool2d",
     [](Call& c, const char*) { return c.graph.node("MaxPool", c.in, c.out, pooling(c.attr<PoolSpec>())); }},
    {"avg_pool2d", avg_pool_rule},
    {"softmax", along_last, "Softmax"},
    {"log_softmax", along_last, "LogSoftmax"},
    {"channel_affine", channel_affine_rule},
    {"sape_mask", sape_mask_rule},
};

}  // namespace

const OperatorRule* operator_rule(const std::string& primitive) {
  for (const OperatorRule& r : kRules)
    if (primitive == r.primitive) return &r;
  return nullptr;
}

Extents extents_between(const Shape& in_small, const Shape& in_large, int64 small, int64 large,
                        const std::string& what) {
  Extents extents;
  for (int i = 0; i < in_small.rank(); ++i) {
    const int64 a = in_small[i], b = in_small.rank() == in_large.rank() ? in_large[i] : -1;
    const int64 grown = (b - a) / (large - small);
    if (a != b && (b < 0 || a != grown * small || b != grown * large))
      fail<UsageError>("export: {} has the shape {} for {} examples, {} for {}: no shape of any batch", what,
                       in_small.str(), small, in_large.str(), large);
    extents.push_back(a == b ? Extent{a, false} : Extent{grown, true});
  }
  return extents;
}

}  // namespace gradus
