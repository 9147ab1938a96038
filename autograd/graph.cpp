#include "autograd/graph.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "autograd/graph_access.h"

namespace gradus {
namespace {

std::atomic<int64> nodes_alive{0};
std::atomic<std::uint64_t> next_id{1};

struct ThreadModes {
  bool recording = true;
  bool record_tangents = true;
  bool trace_non_finite = false;
  std::vector<int> jvp_levels;  // ids of the open scopes, ascending; an id is never used twice
};
thread_local ThreadModes modes;
thread_local int last_level = 0;

// A node's inputs hold the nodes before it, so freeing the last one of a long chain would recurse once a
// link. Dead nodes are queued instead and freed one after the other.
thread_local std::vector<const Node*> dead_nodes;
thread_local bool reaping = false;

// The same value on a new identity: lets a composite be differentiated with respect to its own inputs only.
const Primitive kAlias{.name = "alias",
                       .forward = [](const Ctx& c) { return c[0].detach(); },
                       .vjp = [](const Ctx&, const Tensor& g) { return Grads{g}; },
                       .jvp = [](const Ctx&, int, const Tensor& t) { return t; },
                       .saves = kSaveNothing};

bool has_tangents(const Tensor& t) {
  const auto* meta = static_cast<const GradMeta*>(t.meta().get());
  return meta && !meta->tangents.empty();
}

// A saved value as the backward pass sees it: with the given node, and without the tangents of jvp scopes
// that have ended.
Tensor unpack(const Tensor& saved, Ref<Node> node) {
  Ref<GradMeta> meta(new GradMeta);
  meta->node = std::move(node);
  if (const auto* old = static_cast<const GradMeta*>(saved.meta().get()))
    for (const auto& entry : old->tangents)
      if (GraphAccess::level_is_open(entry.first)) meta->tangents.push_back(entry);
  Tensor t = saved.detach();
  if (meta->node || !meta->tangents.empty()) t.set_meta(meta);
  return t;
}

void check_version(const Node& node, const Tensor& saved, std::uint32_t version, const char* what) {
  if (saved.storage()->version() != version)
    fail<GraphError>("{}: a saved {} of shape {} was changed in place before the backward pass", node.name(),
                     what, saved.shape().str());
}

// J' g through the composite form, differentiable to any order.
Grads composite_vjp(const Primitive& p, const Ctx& c, const Attr& attr, const Tensor& g,
                    const std::vector<bool>& needs) {
  const bool create_graph = recording();
  std::vector<Tensor> inputs, targets;
  Tensor y;
  {
    const Recording on(true);
    for (int i = 0; i < c.inputs(); ++i) {
      const Tensor& x = c.all()[static_cast<size_t>(i)];
      if (needs[static_cast<size_t>(i)]) {
        inputs.push_back(node_of(x) ? apply(kAlias, {x}) : variable(x));
        targets.push_back(inputs.back());
      } else {
        inputs.push_back(x);
      }
    }
    y = p.composite(Ctx(p, inputs, attr));
  }
  const std::vector<Tensor> found = grad_down_to(y, targets, g, create_graph);
  Grads grads(needs.size());
  for (size_t i = 0, k = 0; i < needs.size(); ++i)
    if (needs[i]) grads[i] = found[k++];
  return grads;
}

}  // namespace

Node::Node(const Primitive* primitive, Attr attr)
    : primitive_(primitive), attr_(std::move(attr)), id_(next_id.fetch_add(1, std::memory_order_relaxed)) {
  nodes_alive.fetch_add(1, std::memory_order_relaxed);
}
Node::~Node() { nodes_alive.fetch_sub(1, std::memory_order_relaxed); }

void Node::destroy() const {
  dead_nodes.push_back(this);
  if (reaping) return;
  reaping = true;
  while (!dead_nodes.empty()) {
    const Node* node = dead_nodes.back();
    dead_nodes.pop_back();
    delete node;
  }
  reaping = false;
}

int64 live_nodes() { return nodes_alive.load(std::memory_order_relaxed); }

Node* node_of(const Tensor& t) {
  const auto* meta = static_cast<const GradMeta*>(t.meta().get());
  return meta ? meta->node.get() : nullptr;
}

Tensor variable(const Tensor& value) {
  Ref<GradMeta> meta(new GradMeta);
  meta->node = Ref<Node>(new Node(nullptr, {}));
  if (has_tangents(value)) meta->tangents = static_cast<const GradMeta*>(value.meta().get())->tangents;
  Tensor t = value.detach();
  t.set_meta(meta);
  return t;
}

bool requires_grad(const Tensor& t) { return recording() && node_of(t) != nullptr; }

bool differentiated(const Tensor& t) { return has_tangents(t) || requires_grad(t); }

bool recording() { return modes.recording; }
Recording::Recording(bool on) : before_(modes.recording) { modes.recording = on; }
Recording::~Recording() { modes.recording = before_; }

TraceNonFinite::TraceNonFinite() : before_(modes.trace_non_finite) { modes.trace_non_finite = true; }
TraceNonFinite::~TraceNonFinite() { modes.trace_non_finite = before_; }

JvpScope::JvpScope() : level_(++last_level) { modes.jvp_levels.push_back(level_); }
JvpScope::~JvpScope() { modes.jvp_levels.pop_back(); }

Tensor JvpScope::dual(const Tensor& x, const Tensor& t) const {
  if (!(x.shape() == t.shape()))
    fail<ShapeError>("jvp: tangent of shape {} for a value of shape {}", t.shape().str(), x.shape().str());
  Ref<GradMeta> meta(new GradMeta);
  if (const auto* old = static_cast<const GradMeta*>(x.meta().get())) {
    meta->node = old->node;
    meta->tangents = old->tangents;
  }
  auto& tangents = meta->tangents;
  const auto at =
      std::find_if(tangents.begin(), tangents.end(), [&](const auto& e) { return e.first >= level_; });
  if (at != tangents.end() && at->first == level_)
    fail<GraphError>("jvp: the value of shape {} already has a tangent on this level", x.shape().str());
  tangents.insert(at, {level_, t});
  Tensor out = x.detach();
  out.set_meta(meta);
  return out;
}

Tensor JvpScope::tangent(const Tensor& y) const {
  const Tensor t = GraphAccess::tangent(y, level_);
  return t.defined() ? t : Tensor::zeros(y.shape());
}

Tensor JvpScope::primal(const Tensor& y) const {
  const auto* meta = static_cast<const GradMeta*>(y.meta().get());
  if (!meta || !has_tangents(y)) return y;
  Ref<GradMeta> rest(new GradMeta);
  rest->node = meta->node;
  for (const auto& [level, t] : meta->tangents)
    if (level != level_) rest->tangents.emplace_back(level, t);
  Tensor out = y.detach();
  if (rest->node || !rest->tangents.empty()) out.set_meta(rest);
  return out;
}

Ref<Node> GraphAccess::new_node(const Primitive& p, const Attr& attr) {
  return Ref<Node>(new Node(&p, attr));
}

void GraphAccess::save(Node& node, const Primitive& p, std::span<const Tensor> inputs, const Tensor& y,
                       const Ctx& forward) {
  if (trace_non_finite()) node.module_ = module_path();
  // A saved output whose tangent was itself recorded would close a cycle (output -> tangent -> ... ->
  // output); such an output is computed again when the vjp asks for it.
  const auto* meta = static_cast<const GradMeta*>(y.meta().get());
  const bool save_out = p.saves & kSaveOutput;
  node.recompute_output_ =
      save_out && std::any_of(meta->tangents.begin(), meta->tangents.end(),
                              [](const auto& entry) { return node_of(entry.second) != nullptr; });
  const bool save_all = node.recompute_output_ || p.composite;
  node.inputs_.reserve(inputs.size());
  node.shapes_.reserve(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& x = inputs[i];
    const bool save =
        save_all || (p.saves & kSaveInputs & (i < 31 ? Saves{1} << i : (p.saves & kSaveInputs)));
    node.inputs_.push_back({save ? x : Tensor(), Ref<Node>(node_of(x)), save ? x.storage()->version() : 0});
    node.shapes_.push_back(x.shape());
  }
  if (save_out && !node.recompute_output_) {
    node.output_ = y.detach();
    node.output_version_ = y.storage()->version();
    if (!meta->tangents.empty()) {
      Ref<GradMeta> tangents(new GradMeta);
      tangents->tangents = meta->tangents;
      node.output_.set_meta(tangents);
    }
  }
  node.kept_ = CtxAccess::kept(forward);
  node.kept_ints_ = CtxAccess::kept_ints(forward);
}

Grads GraphAccess::vjp(const Node& node, const Tensor& g, std::vector<bool> needs) {
  const Primitive& p = *node.primitive_;
  std::vector<Tensor> inputs;
  inputs.reserve(node.inputs_.size());
  bool any_tangent = has_tangents(g);
  for (const auto& in : node.inputs_) {
    if (in.value.defined()) {
      check_version(node, in.value, in.version, "input");
      inputs.push_back(has_tangents(in.value) ? unpack(in.value, in.node) : in.value);
      any_tangent |= has_tangents(inputs.back());
    } else {
      inputs.emplace_back();
    }
  }
  Tensor out;
  if (node.recompute_output_) {
    out = apply(p, inputs, node.attr_);
  } else if (node.output_.defined()) {
    check_version(node, node.output_, node.output_version_, "output");
    out = unpack(node.output_, Ref<Node>(const_cast<Node*>(&node)));
    any_tangent |= has_tangents(out);
  }
  const std::vector<bool> wanted = needs;
  const Ctx c = CtxAccess::for_vjp(p, inputs, node.attr_, node.shapes_, out, std::move(needs), node.kept_,
                                   node.kept_ints_);
  if (p.composite && (recording() || any_tangent || !p.vjp))
    return composite_vjp(p, c, node.attr_, g, wanted);
  if (!p.vjp) fail<GraphError>("{}: has no reverse-mode derivative", p.name);
  return p.vjp(c, g);
}

void GraphAccess::check_finite_gradients(const Node& node, const Grads& grads) {
  for (size_t i = 0; i < grads.size(); ++i) {
    if (!grads[i].defined()) continue;
    for (real v : grads[i].span())
      if (!std::isfinite(v))
        fail<NumericError>("{}: first non-finite gradient ({}), for input {} of shape {}{}{}", node.name(), v,
                           i, grads[i].shape().str(), node.module_.empty() ? "" : ", recorded in ",
                           node.module_);
  }
}

void GraphAccess::free(Node& node) {
  node.freed_ = true;
  node.inputs_.clear();
  node.output_ = Tensor();
  node.kept_.clear();
  node.kept_ints_.clear();
}

Tensor GraphAccess::tangent(const Tensor& t, int level) {
  if (const auto* meta = static_cast<const GradMeta*>(t.meta().get()))
    for (const auto& [l, tangent] : meta->tangents)
      if (l == level) return tangent;
  return {};
}

bool GraphAccess::level_is_open(int level) {
  return std::binary_search(modes.jvp_levels.begin(), modes.jvp_levels.end(), level);
}
bool GraphAccess::record_tangents() { return modes.record_tangents; }
void GraphAccess::set_record_tangents(bool on) { modes.record_tangents = on; }
bool GraphAccess::trace_non_finite() { return modes.trace_non_finite; }

Ctx CtxAccess::for_forward(const Primitive& p, std::span<const Tensor> inputs, const Attr& attr,
                           bool recording) {
  Ctx c(p, inputs, attr);
  c.recording_ = recording;
  return c;
}

Ctx CtxAccess::for_jvp(const Primitive& p, std::span<const Tensor> inputs, const Attr& attr, Tensor out,
                       const Ctx& forward) {
  Ctx c(p, inputs, attr);
  c.out_ = std::move(out);
  c.kept_ = forward.kept_;
  c.kept_ints_ = forward.kept_ints_;
  return c;
}

Ctx CtxAccess::for_vjp(const Primitive& p, std::span<const Tensor> inputs, const Attr& attr,
                       std::span<const Shape> shapes, Tensor out, std::vector<bool> needs,
                       const std::vector<Tensor>& kept, const std::vector<IntTensor>& ints) {
  Ctx c(p, inputs, attr);
  c.shapes_ = shapes;
  c.out_ = std::move(out);
  c.needs_ = std::move(needs);
  c.kept_ = kept;
  c.kept_ints_ = ints;
  return c;
}

}  // namespace gradus
