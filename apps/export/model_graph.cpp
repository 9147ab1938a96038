#include "apps/export/model_graph.h"

#include <algorithm>
#include <map>
#include <optional>

#include "apps/export/operator_rules.h"
#include "apps/export/traced_model.h"
#include "core/error.h"

namespace gradus {
namespace {

bool has_rule(const std::string& primitive) { return operator_rule(primitive) != nullptr; }

std::vector<int64> dims_of(const Shape& s) { return {s.begin(), s.end()}; }

// Rows of numbers in the shape the data have them; models of rows take images of one pixel just as well.
Input input_for(const Model& model, const DatasetInfo& info, int64 n, const Rng& rng) {
  const Input x = drawn_input(model, n, rng);
  if (x.is_tokens() || info.kind != DataKind::kVectors || info.example.numel() * n != x.values().numel())
    return x;
  std::vector<int64> dims = dims_of(info.example);
  dims.insert(dims.begin(), n);
  Input rows = x.values().view(Shape(dims));
  rows.time = x.time;
  rows.classes = x.classes;
  return rows;
}

class ModelExport {
 public:
  ModelExport(Model& model, const DatasetInfo& info, bool preprocess)
      : small_(trace_model(model, input_for(model, info, kSmallBatch, Rng(1)), has_rule)),
        large_(trace_model(model, input_for(model, info, kLargeBatch, Rng(2)), has_rule)) {
    name_constants(model);
    add_inputs(info, preprocess);
    if (small_.calls.size() != large_.calls.size())
      fail<UsageError>("export: the model computes {} steps for {} examples and {} for {}",
                       small_.calls.size(), kSmallBatch, large_.calls.size(), kLargeBatch);
    for (size_t i = 0; i < small_.calls.size(); ++i) add_call(small_.calls[i], large_.calls[i]);
    const bool logits = model.task() == Task::kClassification || model.task() == Task::kLanguageModel;
    GraphValue y = value(small_.output, large_.output, "the output");
    if (preprocess && model.task() == Task::kRegression) y = in_target_units(y, info);
    graph = builder_.finish(y, logits ? "logits" : "output");
  }

  OperatorGraph graph;

 private:
  // Where a tensor's numbers lie tells what it is.
  using Place = const real*;

  void name_constants(Model& model) {
    for (const auto& p : model.parameters()) names_.emplace(p->value.data(), p->name);
    model.visit([&](Module& m, const std::string& path) {
      for (const auto& b : m.buffers())
        names_.emplace(b.value.data(), path.empty() ? b.name : path + "." + b.name);
    });
  }

  void add_inputs(const DatasetInfo& info, bool preprocess) {
    const Input &a = small_.input, &b = large_.input;
    const Extents extents = between(a.shape(), b.shape(), "the input");
    if (a.is_tokens()) {
      if (preprocess) fail<UsageError>("export --preprocess: text goes in as tokens; there is nothing to do");
      integers_.push_back({builder_.input("ids", ValueType::kInt64, extents), a.ids(), b.ids()});
      return;
    }
    const GraphValue x = builder_.input("input", ValueType::kFloat, extents);
    values_[a.values().data()] = {preprocess ? standardised(x, info) : x};
    if (a.time.defined())
      values_[a.time.data()] = {
          builder_.input("time", ValueType::kFloat, between(a.time.shape(), b.time.shape(), "time"))};
    if (a.classes.defined())
      integers_.push_back({builder_.input("classes", ValueType::kInt64,
                                          between(a.classes.shape(), b.classes.shape(), "classes")),
                           a.classes, b.classes});
  }

  // (x - mean) / std: of images by channel, where x = pixel / 255.
  GraphValue standardised(const GraphValue& x, const DatasetInfo& info) {
    if (info.mean.empty()) return x;
    std::vector<float> factor, summand;
    std::vector<int64> dims;
    const double unit = info.kind == DataKind::kImages ? 255 : 1;
    for (size_t i = 0; i < info.mean.size(); ++i) {
      factor.push_back(static_cast<float>(1 / (unit * info.std[i])));
      summand.push_back(static_cast<float>(-info.mean[i] / info.std[i]));
    }
    if (info.kind == DataKind::kImages) {
      dims = {static_cast<int64>(factor.size()), 1, 1};
    } else {
      for (size_t axis = 1; axis < x.extents.size(); ++axis) dims.push_back(x.extents[axis].size);
    }
    const GraphValue scaled =
        builder_.like("Mul", {x, builder_.constant("preprocess.factor", dims, std::move(factor))});
    return builder_.like("Add", {scaled, builder_.constant("preprocess.summand", dims, std::move(summand))});
  }

  // y std + mean, of a regression whose targets were standardised.
  GraphValue in_target_units(const GraphValue& y, const DatasetInfo& info) {
    if (info.target_std.empty()) return y;
    const std::vector<float> std(info.target_std.begin(), info.target_std.end()),
        mean(info.target_mean.begin(), info.target_mean.end());
    const std::vector<int64> dims{static_cast<int64>(std.size())};
    return builder_.like("Add", {builder_.like("Mul", {y, builder_.constant("target.std", dims, std)}),
                                 builder_.constant("target.mean", dims, mean)});
  }

  Extents between(const Shape& a, const Shape& b, const std::string& what) {
    return extents_between(a, b, kSmallBatch, kLargeBatch, what);
  }

  void add_call(const TracedCall& a, const TracedCall& b) {
    const bool follows = std::any_of(a.inputs.begin(), a.inputs.end(),
                                     [&](const Tensor& t) { return values_.contains(t.data()); });
    if (a.primitive != b.primitive)
      fail<UsageError>("export: the model computes differently for {} and {} examples", kSmallBatch,
                       kLargeBatch);
    if (!a.primitive) {
      if (follows) values_[a.output.data()].push_back(value(a.inputs[0], b.inputs[0], "a composite"));
      return;
    }
    if (!follows && !reads_integers(a)) return;  // of constants alone: the result is a constant
    const OperatorRule* rule = operator_rule(a.primitive->name);
    if (!rule)
      fail<UsageError>(
          "export: the model uses the operation '{}', for which ONNX operators are not known here",
          a.primitive->name);
    CallToExport call{a, b, builder_, {}, between(a.output.shape(), b.output.shape(), a.primitive->name), {}};
    for (size_t i = 0; i < a.inputs.size(); ++i)
      call.in.push_back(value(a.inputs[i], b.inputs[i], a.primitive->name));
    call.integers = [&](const IntTensor& s, const IntTensor& l, int64 size) {
      return integer_value(s, l, size, a.primitive->name);
    };
    values_[a.output.data()].push_back((*rule)(call));
  }

  bool reads_integers(const TracedCall& a) const {
    return std::string_view(a.primitive->name) == "index_select" && !integers_.empty();
  }

  GraphValue value(const Tensor& a, const Tensor& b, const std::string& what) {
    const Extents extents = between(a.shape(), b.shape(), what);
    const auto found = values_.find(a.data());
    if (found == values_.end()) return constant(a, b, extents, what);
    for (const GraphValue& v : found->second)
      if (v.extents == extents) return v;
    return builder_.reshape(found->second[0], extents);
  }

  // Numbers that are the same in both traces; where they have an axis for the batch, the same for every example.
  GraphValue constant(const Tensor& a, const Tensor& b, const Extents& extents, const std::string& what) {
    Tensor x = a, other = b;
    for (size_t axis = 0; axis < extents.size(); ++axis)
      if (extents[axis].batch) {
        x = first_along(x, static_cast<int>(axis), what);
        other = first_along(other, static_cast<int>(axis), what);
      }
    const auto alike = [](real p, real q) { return p == q || (p != p && q != q); };
    if (!std::equal(x.data(), x.data() + x.numel(), other.data(), alike))
      fail<UsageError>(
          "export: {} reads numbers that depend on the input by something other than primitives of autograd",
          what);
    const auto named = names_.find(a.data());
    const std::string name = named != names_.end() ? named->second : std::string();
    return builder_.expand(builder_.constant(name, x), extents);
  }

  Tensor first_along(const Tensor& t, int axis, const std::string& what) {
    std::vector<int64> dims = dims_of(t.shape());
    const int64 n = dims[static_cast<size_t>(axis)], inner = t.shape().stride(axis);
    dims[static_cast<size_t>(axis)] = 1;
    Tensor first{Shape(dims)};
    for (int64 o = 0; o < first.numel() / inner; ++o)
      for (int64 k = 0; k < n; ++k) {
        const real* from = t.data() + (o * n + k) * inner;
        real* to = first.mutable_data() + o * inner;
        if (k == 0)
          std::copy_n(from, inner, to);
        else if (!std::equal(from, from + inner, to))
          fail<UsageError>(
              "export: {} reads numbers of single examples that come from something other than primitives of "
              "autograd",
              what);
      }
    return first;
  }

  // Integers of the graph's inputs, flat, or constants. Classes below 0 are none: the last of `size` rows.
  GraphValue integer_value(const IntTensor& a, const IntTensor& b, int64 size, const std::string& what) {
    for (const IntegerInput& i : integers_) {
      const auto matches = [&](const IntTensor& index, const IntTensor& input) {
        return std::equal(index.span().begin(), index.span().end(), input.span().begin(), input.span().end(),
                          [&](int64 x, int64 v) { return x == (v < 0 ? size - 1 : v); });
      };
      if (!matches(a, i.small) || !matches(b, i.large)) continue;
      const GraphValue flat = builder_.reshape(i.value, between(a.shape(), b.shape(), what));
      if (i.value.name == "ids") return flat;
      const GraphValue none =
          builder_.node("Less", {flat, builder_.integers({0})}, flat.extents, {}, ValueType::kBool);
      return builder_.node("Where", {none, builder_.integers({size - 1}), flat}, flat.extents, {},
                           ValueType::kInt64);
    }
    if (a.values() != b.values())
      fail<UsageError>(
          "export: {} reads integers that depend on the input by something other than tokens or classes",
          what);
    return builder_.integers(a.values());
  }

  struct IntegerInput {
    GraphValue value;
    IntTensor small, large;
  };

  TracedModel small_, large_;
  GraphBuilder builder_;
  std::map<Place, std::vector<GraphValue>> values_;  // the same numbers in the shapes seen so far
  std::map<Place, std::string> names_;
  std::vector<IntegerInput> integers_;
};

}  // namespace

OperatorGraph model_graph(Model& model, const DatasetInfo& info, bool preprocess) {
  return ModelExport(model, info, preprocess).graph;
}

}  // namespace gradus
