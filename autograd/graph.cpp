#include "autograd/graph.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "autograd/grad.h"
#include "autograd/graph_access.h"

namespace gradus {
namespace {

std::atomic<int64> nodes_alive{0};
std::atomic<std::uint64_t> next_id{1};

struct Level {
  int id;
  Tangents mode;
};
struct ThreadModes {
  bool recording = true;
  bool trace_non_finite = false;
  std::vector<Level> jvp_levels;  // the open scopes, ids ascending; an id is never used twice
};
thread_local ThreadModes modes;
std::atomic<int> last_level{0};

const Level* open_level(int id) {
  for (const Level& level : modes.jvp_levels)
    if (level.id == id) return &level;
  return nullptr;
}

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
Grads composite_vjp(const Primitive& p, const Ctx& c, const Attr& attr, const Tensor& g) {
  const bool create_graph = recording();
  std::vector<Tensor> inputs, targets;
  Tensor y;
  {
    const Recording on(true);
    for (int i = 0; i < c.inputs(); ++i) {
      const Tensor& x = c.all()[static_cast<size_t>(i)];
      inputs.push_back(c.needs(i) ? fresh_argument(x, create_graph) : x);
      if (c.needs(i)) targets.push_back(inputs.back());
    }
    y = p.composite(Ctx(p, inputs, attr));
  }
  std::vector<Tensor> found =
      grad({&y, 1}, targets, {&g, 1}, {.create_graph = create_graph, .allow_unused = true});
  Grads grads(inputs.size());
  size_t k = 0;
  for (int i = 0; i < c.inputs(); ++i)
    if (c.needs(i)) grads[static_cast<size_t>(i)] = std::move(found[k++]);
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

Tensor fresh_argument(const Tensor& x, bool connected) {
  return connected && node_of(x) ? apply(kAlias, {x}) : variable(x);
}

Tensor without_node(const Tensor& x) {
  Tensor t = x.detach();
  if (has_tangents(x)) {
    Ref<GradMeta> meta(new GradMeta);
    meta->tangents = static_cast<const GradMeta*>(x.meta().get())->tangents;
    t.set_meta(meta);
  }
  return t;
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

JvpScope::JvpScope(Tangents mode) : level_(++last_level) { modes.jvp_levels.push_back({level_, mode}); }
JvpScope::~JvpScope() {  // not always the innermost: scopes on the heap may end in any order
  std::erase_if(modes.jvp_levels, [this](const Level& level) { return level.id == level_; });
}

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

Ref<Node> GraphAccess::new_node(const Primitive& p, Attr attr) {
  return Ref<Node>(new Node(&p, std::move(attr)));
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
  const auto saves = [&](size_t i) {  // the bits of inputs beyond the 31st: all or none
    return save_all || (i < 31 ? (p.saves & Saves{1} << i) != 0 : (p.saves & kSaveInputs) != 0);
  };
  node.inputs_.reserve(inputs.size());
  node.values_.reserve(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& x = inputs[i];
    node.inputs_.push_back({Ref<Node>(node_of(x)), x.shape(), x.storage()->version()});
    node.values_.push_back(saves(i) ? x : Tensor());
    node.any_tangent_ |= has_tangents(node.values_.back());
  }
  if (save_out && !node.recompute_output_) {
    node.output_ = y.detach();
    node.output_version_ = y.storage()->version();
    if (!meta->tangents.empty()) {
      Ref<GradMeta> tangents(new GradMeta);
      tangents->tangents = meta->tangents;
      node.output_.set_meta(tangents);
      node.any_tangent_ = true;
    }
  }
  node.kept_ = CtxAccess::take_kept(forward);
}

Grads GraphAccess::vjp(const Node& node, const Tensor& g, std::span<const std::uint8_t> needs) {
  const Primitive& p = *node.primitive_;
  std::span<const Tensor> inputs = node.values_;
  std::vector<Tensor> unpacked;
  bool any_tangent = has_tangents(g);
  for (size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i].defined()) check_version(node, inputs[i], node.inputs_[i].version, "input");
  if (node.any_tangent_) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      const Tensor& x = inputs[i];
      unpacked.push_back(has_tangents(x) ? unpack(x, node.inputs_[i].node) : x);
      any_tangent |= has_tangents(unpacked.back());
    }
    inputs = unpacked;
  }
  Tensor out;
  if (node.recompute_output_) {
    out = apply(p, inputs, node.attr_);
  } else if (node.output_.defined()) {
    check_version(node, node.output_, node.output_version_, "output");
    out = recording() || has_tangents(node.output_)
              ? unpack(node.output_, Ref<Node>(const_cast<Node*>(&node)))
              : node.output_;
    any_tangent |= has_tangents(out);
  }
  const Ctx c = CtxAccess::for_vjp(node, inputs, out, needs);
  if (p.composite && (recording() || any_tangent || !p.vjp)) return composite_vjp(p, c, node.attr_, g);
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

Grads GraphAccess::vjp_at(const Node& node, std::span<const Tensor> inputs, std::span<const Shape> shapes,
                          const Tensor& out, const Tensor& g, std::span<const std::uint8_t> needs) {
  const Recording off(false);
  const Primitive& p = *node.primitive_;
  const Ctx c = CtxAccess::for_vjp_at(node, inputs, shapes, out, needs);
  // What a fused forward kept belongs to the whole call, so its composite form serves.
  if (p.composite) return composite_vjp(p, c, node.attr_, g);
  if (!p.vjp) fail<GraphError>("{}: has no reverse-mode derivative", p.name);
  return p.vjp(c, g);
}

void GraphAccess::free(Node& node) {
  node.freed_ = true;
  node.inputs_.clear();
  node.values_.clear();
  node.output_ = Tensor();
  node.kept_ = {};
}

Tensor GraphAccess::tangent(const Tensor& t, int level) {
  if (const auto* meta = static_cast<const GradMeta*>(t.meta().get()))
    for (const auto& [l, tangent] : meta->tangents)
      if (l == level) return tangent;
  return {};
}

bool GraphAccess::level_is_open(int level) { return open_level(level) != nullptr; }
bool GraphAccess::level_is_recorded(int level) {
  const Level* open = open_level(level);
  return open && open->mode == Tangents::kRecorded;
}
bool GraphAccess::trace_non_finite() { return modes.trace_non_finite; }

Ctx CtxAccess::for_forward(const Primitive& p, std::span<const Tensor> inputs, const Attr& attr,
                           bool recording) {
  Ctx c(p, inputs, attr);
  c.recording_ = recording;
  return c;
}

Ctx CtxAccess::for_jvp(const Primitive& p, std::span<const Tensor> inputs, const Attr& attr,
                       const Tensor& out, const Ctx& forward) {
  Ctx c(p, inputs, attr);
  c.out_ = &out;
  c.kept_ = &forward.own_;
  return c;
}

Ctx CtxAccess::for_vjp(const Node& node, std::span<const Tensor> inputs, const Tensor& out,
                       std::span<const std::uint8_t> needs) {
  Ctx c(*node.primitive(), inputs, node.attr());
  c.node_ = &node;
  c.out_ = &out;
  c.needs_ = needs;
  c.kept_ = &GraphAccess::kept(node);
  return c;
}

Ctx CtxAccess::for_vjp_at(const Node& node, std::span<const Tensor> inputs, std::span<const Shape> shapes,
                          const Tensor& out, std::span<const std::uint8_t> needs) {
  Ctx c(*node.primitive(), inputs, node.attr());
  c.shapes_ = shapes;
  c.out_ = &out;
  c.needs_ = needs;
  return c;
}

}  // namespace gradus
