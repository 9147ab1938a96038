// Running and recording a primitive.
#include <algorithm>
#include <cmath>

#include "autograd/graph_access.h"
#include "autograd/ops/elementwise.h"
#include "autograd/primitive_trace.h"

namespace gradus {

const Tensor& Ctx::operator[](int i) const {
  const Tensor& t = inputs_[static_cast<size_t>(i)];
  if (!t.defined())
    fail<GraphError>("{}: its rule reads input {}, which it does not save", primitive_->name, i);
  return t;
}

const Tensor& Ctx::out() const {
  if (!out_ || !out_->defined())
    fail<GraphError>("{}: its rule reads the output, which it does not save", primitive_->name);
  return *out_;
}

const Shape& Ctx::shape(int i) const {
  const auto at = static_cast<size_t>(i);
  return node_ ? node_->inputs()[at].shape : !shapes_.empty() ? shapes_[at] : (*this)[i].shape();
}

Tensor Ctx::again(std::initializer_list<Tensor> inputs) const { return apply(*primitive_, inputs, *attr_); }

namespace {

thread_local PrimitiveTrace* innermost_trace = nullptr;

const GradMeta* meta_of(const Tensor& t) { return static_cast<const GradMeta*>(t.meta().get()); }

// t with its node and only the tangents of levels below `level`.
Tensor below_level(const Tensor& t, int level) {
  const GradMeta* meta = meta_of(t);
  if (!meta || meta->tangents.empty() || meta->tangents.back().first < level) return t;
  Ref<GradMeta> lower(new GradMeta);
  lower->node = meta->node;
  for (const auto& [l, tangent] : meta->tangents)
    if (l < level) lower->tangents.emplace_back(l, tangent);
  Tensor out = t.detach();
  if (lower->node || !lower->tangents.empty()) out.set_meta(lower);
  return out;
}

std::vector<int> levels_of(const Primitive& p, std::span<const Tensor> inputs) {
  std::vector<int> levels;
  for (const Tensor& t : inputs)
    if (const GradMeta* meta = meta_of(t))
      for (const auto& entry : meta->tangents) levels.push_back(entry.first);
  std::sort(levels.begin(), levels.end());
  levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
  for (int level : levels)
    if (!GraphAccess::level_is_open(level))
      fail<GraphError>("{}: an input carries a tangent of a jvp that has ended", p.name);
  return levels;
}

// The tangent of y = p(inputs) on one level; everything is computed with differentiable operations, so lower
// levels and the recording of reverse mode come along.
Tensor tangent_on(const Primitive& p, std::span<const Tensor> inputs, const Attr& attr, const Tensor& y,
                  const Ctx& forward, int level) {
  const Recording mode(recording() && GraphAccess::level_is_recorded(level));
  std::vector<Tensor> values;
  for (const Tensor& t : inputs) values.push_back(below_level(t, level));
  if (!p.jvp) {
    if (!p.composite) fail<GraphError>("{}: has no forward-mode derivative", p.name);
    std::vector<Tensor> duals;
    for (const Tensor& t : inputs) duals.push_back(below_level(t, level + 1));
    const Tensor out = p.composite(Ctx(p, duals, attr));
    return GraphAccess::tangent(out, level);
  }
  const Tensor out = below_level(y, level);
  const Ctx c = CtxAccess::for_jvp(p, values, attr, out, forward);
  Tensor sum;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor t = GraphAccess::tangent(inputs[i], level);
    if (!t.defined()) continue;
    const Tensor part = p.jvp(c, static_cast<int>(i), t);
    if (!part.defined()) continue;
    if (!(part.shape() == y.shape()))
      fail<GraphError>("{}: its jvp gave shape {} for an output of shape {}", p.name, part.shape().str(),
                       y.shape().str());
    sum = sum.defined() ? add(sum, part) : part;
  }
  return sum;
}

// The call by `dual`, where there is one and all that will be asked for is one tangent; else an undefined tensor.
Tensor dual_call(const Primitive& p, std::span<const Tensor> inputs, const Attr& attr) {
  if (!p.dual) return {};
  const std::vector<int> levels = levels_of(p, inputs);
  if (levels.size() != 1) return {};
  std::vector<Tensor> values, tangents;
  for (const Tensor& t : inputs) {
    values.push_back(t.detach());
    Tensor tangent = GraphAccess::tangent(t, levels[0]);
    if (const GradMeta* meta = tangent.defined() ? meta_of(tangent) : nullptr)
      if (!meta->tangents.empty() || (meta->node && recording())) return {};
    tangents.push_back(tangent.defined() ? tangent.detach() : tangent);
  }
  const Dual d = p.dual(CtxAccess::for_forward(p, values, attr, false), tangents);
  if (!d.value.defined()) return {};
  Ref<GradMeta> meta(new GradMeta);
  meta->tangents.emplace_back(levels[0], d.tangent);
  Tensor y = d.value;
  y.set_meta(meta);
  return y;
}

void check_finite(const Primitive& p, const Tensor& y) {
  for (real v : y.span())
    if (!std::isfinite(v))
      fail<NumericError>("{}: first non-finite value ({}) of shape {}", p.name, v, y.shape().str());
}

}  // namespace

PrimitiveTrace::PrimitiveTrace(Sink sink) : sink_(std::move(sink)), before_(innermost_trace) {
  innermost_trace = this;
}
PrimitiveTrace::~PrimitiveTrace() { innermost_trace = before_; }
void PrimitiveTrace::tell(const Primitive& primitive, std::span<const Tensor> inputs, const Attr& attr,
                          const Tensor& output) {
  if (innermost_trace) innermost_trace->sink_(primitive, inputs, attr, output);
}

Tensor apply(const Primitive& p, std::initializer_list<Tensor> inputs, Attr attr) {
  return apply(p, std::span<const Tensor>(inputs.begin(), inputs.size()), std::move(attr));
}

Tensor apply(const Primitive& p, std::span<const Tensor> inputs, Attr attr) {
  bool any_node = false, any_tangent = false;
  for (const Tensor& t : inputs) {
    if (!t.defined()) fail<GraphError>("{}: an input is undefined", p.name);
    any_node |= node_of(t) != nullptr;
    any_tangent |= t.meta() && !meta_of(t)->tangents.empty();
  }
  const bool record = any_node && recording();
  if (any_tangent && !record) {
    if (Tensor y = dual_call(p, inputs, attr); y.defined()) {
      if (GraphAccess::trace_non_finite()) check_finite(p, y);
      PrimitiveTrace::tell(p, inputs, attr, y);
      return y;
    }
  }
  const Ctx c = CtxAccess::for_forward(p, inputs, attr, record || any_tangent);
  Tensor y = p.forward(c);
  if (y.meta()) y = y.detach();  // a forward may hand an input through
  if (GraphAccess::trace_non_finite()) check_finite(p, y);
  PrimitiveTrace::tell(p, inputs, attr, y);
  if (!record && !any_tangent) return y;

  Ref<GradMeta> meta(new GradMeta);
  if (record) meta->node = GraphAccess::new_node(p, attr);
  y.set_meta(meta);
  if (any_tangent) {
    for (int level : levels_of(p, inputs)) {
      Tensor t = tangent_on(p, inputs, attr, y, c, level);
      if (!t.defined()) continue;
      // A rule may have saved y in the graph of t, so y's description is replaced, never changed: else
      // y -> t -> y would be a cycle.
      Ref<GradMeta> more(new GradMeta);
      more->node = meta->node;
      more->tangents = meta->tangents;
      more->tangents.emplace_back(level, std::move(t));
      y.set_meta(meta = more);
    }
  }
  if (record) GraphAccess::save(*meta->node, p, inputs, y, c);
  if (!meta->node && meta->tangents.empty()) y.set_meta(nullptr);
  return y;
}

}  // namespace gradus
