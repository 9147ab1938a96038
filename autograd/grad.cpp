#include "autograd/grad.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "autograd/grad_ready.h"
#include "autograd/graph_access.h"
#include "autograd/ops/elementwise.h"

namespace gradus {
namespace {

// Numbers nodes 0, 1, ... in the order they are first seen: an open-addressed hash table.
class Numbering {
 public:
  static constexpr int kNone = -1;

  int find(const Node* n) const {
    for (size_t i = home(n);; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].node == n) return slots_[i].number;
      if (!slots_[i].node) return kNone;
    }
  }

  // The number of n, and whether it is new.
  std::pair<int, bool> insert(const Node* n) {
    if (2 * static_cast<size_t>(count_) >= slots_.size()) grow();
    size_t i = home(n);
    for (; slots_[i].node; i = (i + 1) & (slots_.size() - 1))
      if (slots_[i].node == n) return {slots_[i].number, false};
    slots_[i] = {n, count_};
    return {count_++, true};
  }

 private:
  struct Slot {
    const Node* node = nullptr;
    int number = kNone;
  };

  // Fibonacci hashing: the top bits of a product with 2^64 / golden ratio.
  size_t home(const Node* n) const {
    return static_cast<size_t>((std::bit_cast<std::uintptr_t>(n) * 0x9E3779B97F4A7C15u) >>
                               (64 - std::countr_zero(slots_.size())));
  }
  void grow() {
    std::vector<Slot> old(4 * slots_.size());
    old.swap(slots_);
    for (const Slot& s : old) {
      if (!s.node) continue;
      size_t i = home(s.node);
      while (slots_[i].node) i = (i + 1) & (slots_.size() - 1);
      slots_[i] = s;
    }
  }

  std::vector<Slot> slots_ = std::vector<Slot>(64);
  int count_ = 0;
};

// a += b, in place where nobody else can see a.
void accumulate(Tensor& a, Tensor b) {
  const bool own = a.defined() && !recording() && !a.meta() && !b.meta() && a.storage()->ref_count() == 1;
  if (!a.defined()) {
    a = std::move(b);
  } else if (own) {
    add_in_place(a, b);
  } else {
    a = add(a, b);
  }
}

// One backward pass. Nodes are known by their number; per-node facts are arrays over numbers. Cotangents wait
// in slots that are used again, so memory follows the width of the graph, not its depth.
class Backward {
 public:
  using Ready = std::function<void(std::size_t, const Tensor&)>;

  Backward(std::span<const Tensor> ys, std::span<const Tensor> xs, const GradOptions& options,
           const Ready& ready)
      : options_(options), ready_(ready) {
    for (size_t i = 0; i < xs.size(); ++i) {
      Node* n = node_of(xs[i]);
      if (!n)
        fail<GraphError>("grad: input {} (shape {}) carries no graph; make it with variable()", i,
                         xs[i].shape().str());
      oldest_target_ = std::min(oldest_target_, n->id());
      discover(n);
    }
    targets_ = static_cast<int>(nodes_.size());
    walk(ys);
    sort();
    find_needed();
  }

  void seed(const Tensor& y, Tensor cotangent) {
    if (const int k = number_of_.find(node_of(y)); k >= 0 && needed_[at(k)]) add_to(k, std::move(cotangent));
  }

  void run() {
    const bool free_graph = !options_.retain_graph && !options_.create_graph;
    if (ready_) count_uses();
    for (const int k : order_) {
      Node& n = *nodes_[at(k)];
      if (!pushes_[at(k)]) continue;
      if (const int s = slot_[at(k)]; s >= 0) {
        const Tensor g = k < targets_ ? slots_[at(s)] : std::move(slots_[at(s)]);
        if (k >= targets_) {
          slots_[at(s)] = Tensor();
          free_slots_.push_back(s);
        }
        push(k, n, g);
      }
      if (ready_) used(k);
      if (free_graph) GraphAccess::free(n);
    }
  }

  Tensor cotangent(const Tensor& x) const {
    const int s = slot_[at(number_of_.find(node_of(x)))];
    return s < 0 ? Tensor() : slots_[at(s)];
  }

 private:
  static size_t at(int i) { return static_cast<size_t>(i); }

  int discover(Node* n) {
    const auto [k, is_new] = number_of_.insert(n);
    if (is_new) {
      nodes_.emplace_back(n);
      edges_of_.push_back({0, 0});
    }
    return k;
  }

  // Finds all nodes from which ys were computed that may lie above a target: a node's inputs are older than
  // itself, so nothing older than the oldest target does. An explicit stack, because graphs of unrolled
  // training are hundreds of thousands of nodes deep.
  void walk(std::span<const Tensor> ys) {
    std::vector<int> stack;
    std::vector<std::uint8_t> walked(nodes_.size());
    const auto visit = [&](Node* n) {
      if (!n || n->id() < oldest_target_) return Numbering::kNone;
      const int k = discover(n);
      walked.resize(nodes_.size());
      if (!walked[at(k)]) {
        walked[at(k)] = true;
        stack.push_back(k);
      }
      return k;
    };
    for (const Tensor& y : ys) visit(node_of(y));
    while (!stack.empty()) {
      const int k = stack.back();
      stack.pop_back();
      const Node& n = *nodes_[at(k)];
      if (GraphAccess::freed(n))
        fail<GraphError>("grad: the graph was freed by an earlier grad (at {}); pass retain_graph to keep it",
                         n.name());
      const size_t begin = edges_.size();
      for (const auto& in : n.inputs()) edges_.push_back(visit(in.node.get()));
      edges_of_[at(k)] = {begin, edges_.size()};
    }
  }

  // Newest first. A chain is found in that order already.
  void sort() {
    order_.resize(nodes_.size());
    std::vector<std::uint64_t> id(nodes_.size());
    for (size_t k = 0; k < nodes_.size(); ++k) {
      order_[k] = static_cast<int>(k);
      id[k] = nodes_[k]->id();
    }
    std::rotate(order_.begin(), order_.begin() + targets_, order_.end());
    const auto newer = [&](int a, int b) { return id[at(a)] > id[at(b)]; };
    if (!std::is_sorted(order_.begin(), order_.end(), newer)) std::sort(order_.begin(), order_.end(), newer);
  }

  // A node is needed if a target lies at or below it; it pushes if one lies below it.
  void find_needed() {
    needed_.resize(nodes_.size());
    pushes_.resize(nodes_.size());
    slot_.assign(nodes_.size(), -1);
    for (size_t i = order_.size(); i-- > 0;) {
      const int k = order_[i];
      const auto [begin, end] = edges_of_[at(k)];
      pushes_[at(k)] = std::any_of(edges_.begin() + static_cast<std::ptrdiff_t>(begin),
                                   edges_.begin() + static_cast<std::ptrdiff_t>(end),
                                   [&](int input) { return input >= 0 && needed_[at(input)]; });
      needed_[at(k)] = pushes_[at(k)] || k < targets_;
    }
  }

  // How many nodes may still add to the cotangent of each target.
  void count_uses() {
    uses_.assign(at(targets_), 0);
    for (const int k : order_)
      if (pushes_[at(k)])
        for (const int input : inputs_of(k))
          if (input >= 0 && input < targets_) ++uses_[at(input)];
    for (int k = 0; k < targets_; ++k)
      if (uses_[at(k)] == 0) report(k);
  }
  // Node k adds no more to its inputs.
  void used(int k) {
    for (const int input : inputs_of(k))
      if (input >= 0 && input < targets_ && --uses_[at(input)] == 0) report(input);
  }
  void report(int k) { ready_(at(k), slot_[at(k)] < 0 ? Tensor() : slots_[at(slot_[at(k)])]); }
  std::span<const int> inputs_of(int k) const {
    const auto [begin, end] = edges_of_[at(k)];
    return {edges_.data() + begin, end - begin};
  }

  // Hands the cotangent of a node on to its inputs.
  void push(int k, const Node& n, const Tensor& g) {
    const auto& inputs = n.inputs();
    const int* edges = edges_.data() + edges_of_[at(k)].first;
    needs_.resize(inputs.size());
    for (size_t i = 0; i < inputs.size(); ++i) needs_[i] = edges[i] >= 0 && needed_[at(edges[i])];
    Grads grads = GraphAccess::vjp(n, g, needs_);
    if (grads.size() != inputs.size())
      fail<GraphError>("{}: its vjp gave {} gradients for {} inputs", n.name(), grads.size(), inputs.size());
    if (GraphAccess::trace_non_finite()) GraphAccess::check_finite_gradients(n, grads);
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!needs_[i] || !grads[i].defined()) continue;
      if (!(grads[i].shape() == inputs[i].shape))
        fail<GraphError>("{}: its vjp gave shape {} for input {} of shape {}", n.name(),
                         grads[i].shape().str(), i, inputs[i].shape.str());
      add_to(edges[i], std::move(grads[i]));
    }
  }

  void add_to(int k, Tensor g) {
    int& s = slot_[at(k)];
    if (s < 0 && free_slots_.empty()) {
      s = static_cast<int>(slots_.size());
      slots_.emplace_back();
    } else if (s < 0) {
      s = free_slots_.back();
      free_slots_.pop_back();
    }
    accumulate(slots_[at(s)], std::move(g));
  }

  const GradOptions& options_;
  const Ready& ready_;
  std::uint64_t oldest_target_ = std::numeric_limits<std::uint64_t>::max();
  int targets_ = 0;  // nodes 0..targets_-1 are those of xs
  Numbering number_of_;
  std::vector<Ref<Node>> nodes_;
  std::vector<std::pair<size_t, size_t>> edges_of_;  // range in edges_
  std::vector<int> edges_;                           // number of each input's node, or kNone
  std::vector<int> order_;
  std::vector<std::uint8_t> needed_, pushes_, needs_;
  std::vector<int> slot_, free_slots_;
  std::vector<int> uses_;  // of targets, where somebody waits for them
  std::vector<Tensor> slots_;
};

std::vector<Tensor> gradients(std::span<const Tensor> ys, std::span<const Tensor> xs,
                              std::span<const Tensor> cotangents, const GradOptions& options,
                              const Backward::Ready& ready) {
  const Recording mode(options.create_graph);
  Backward backward(ys, xs, options, ready);
  for (size_t i = 0; i < ys.size(); ++i) {
    if (!node_of(ys[i]))
      fail<GraphError>("grad: output {} (shape {}) was not recorded", i, ys[i].shape().str());
    Tensor g = i < cotangents.size() ? cotangents[i] : Tensor();
    if (!g.defined()) g = Tensor::ones(ys[i].shape());
    if (!(g.shape() == ys[i].shape()))
      fail<ShapeError>("grad: cotangent of shape {} for an output of shape {}", g.shape().str(),
                       ys[i].shape().str());
    backward.seed(ys[i], std::move(g));
  }
  backward.run();
  std::vector<Tensor> result;
  result.reserve(xs.size());
  for (size_t i = 0; i < xs.size(); ++i) {
    result.push_back(backward.cotangent(xs[i]));
    if (!result.back().defined() && !options.allow_unused)
      fail<GraphError>(
          "grad: the output does not depend on input {} (shape {}); set allow_unused if that is meant", i,
          xs[i].shape().str());
  }
  return result;
}

}  // namespace

std::vector<Tensor> grad(std::span<const Tensor> ys, std::span<const Tensor> xs,
                         std::span<const Tensor> cotangents, const GradOptions& options) {
  return gradients(ys, xs, cotangents, options, nullptr);
}

std::vector<Tensor> grad_as_ready(const Tensor& y, std::span<const Tensor> xs, double weight,
                                  const GradOptions& options,
                                  const std::function<void(std::size_t, const Tensor&)>& ready) {
  const Tensor cotangent = Tensor::full(y.shape(), static_cast<real>(weight));
  return gradients({&y, 1}, xs, {&cotangent, 1}, options, ready);
}

std::vector<Tensor> grad(const Tensor& y, std::span<const Tensor> xs, const GradOptions& options) {
  return grad({&y, 1}, xs, {}, options);
}

std::vector<Tensor> grad(const Tensor& y, std::initializer_list<Tensor> xs, const GradOptions& options) {
  return grad({&y, 1}, {xs.begin(), xs.size()}, {}, options);
}

}  // namespace gradus
