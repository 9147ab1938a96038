#include "autograd/grad.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "autograd/graph_access.h"
#include "autograd/ops/elementwise.h"

namespace gradus {
namespace {

// All nodes from which ys were computed, newest first; nothing below `stop` is visited. An explicit stack,
// because graphs of unrolled training are hundreds of thousands of nodes deep.
std::vector<Ref<Node>> reachable(std::span<const Tensor> ys, const std::unordered_set<const Node*>& stop) {
  std::vector<Ref<Node>> found;
  std::unordered_set<const Node*> seen;
  std::vector<Node*> stack;
  const auto visit = [&](Node* n) {
    if (n && seen.insert(n).second) {
      found.emplace_back(n);
      stack.push_back(n);
    }
  };
  for (const Tensor& y : ys) visit(node_of(y));
  while (!stack.empty()) {
    Node* n = stack.back();
    stack.pop_back();
    if (stop.contains(n)) continue;
    for (const auto& in : n->inputs()) visit(in.node.get());
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a->id() > b->id(); });
  return found;
}

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

class Backward {
 public:
  Backward(std::span<const Tensor> ys, std::span<const Tensor> xs, const GradOptions& options,
           bool stop_at_xs)
      : options_(options) {
    for (size_t i = 0; i < xs.size(); ++i) {
      const Node* n = node_of(xs[i]);
      if (!n)
        fail<GraphError>("grad: input {} (shape {}) carries no graph; make it with variable()", i,
                         xs[i].shape().str());
      targets_.insert(n);
    }
    order_ = reachable(ys, stop_at_xs ? targets_ : std::unordered_set<const Node*>{});
    // A node is worth visiting if one of the targets lies at or below it.
    for (auto it = order_.rbegin(); it != order_.rend(); ++it) {
      const Node& n = **it;
      if (GraphAccess::freed(n))
        fail<GraphError>("grad: the graph was freed by an earlier grad (at {}); pass retain_graph to keep it",
                         n.name());
      const bool at = targets_.contains(&n);
      const bool stopped = stop_at_xs && at;
      if (at || (!stopped && std::any_of(n.inputs().begin(), n.inputs().end(), [&](const auto& in) {
            return in.node && needed_.contains(in.node.get());
          })))
        needed_.insert(&n);
    }
    if (stop_at_xs) stop_ = targets_;
  }

  void seed(const Tensor& y, Tensor cotangent) {
    if (Node* n = node_of(y); n && needed_.contains(n)) accumulate(cotangents_[n], std::move(cotangent));
  }

  void run() {
    const bool free_graph = !options_.retain_graph && !options_.create_graph;
    for (const Ref<Node>& n : order_) {
      const auto found = cotangents_.find(n.get());
      if (found != cotangents_.end()) {
        const Tensor g = targets_.contains(n.get()) ? found->second : std::move(found->second);
        if (!targets_.contains(n.get())) cotangents_.erase(found);
        if (n->primitive() && !stop_.contains(n.get())) push(*n, g);
      }
      if (free_graph && n->primitive() && !stop_.contains(n.get())) GraphAccess::free(*n);
    }
  }

  Tensor cotangent(const Tensor& x) const {
    const auto found = cotangents_.find(node_of(x));
    return found == cotangents_.end() ? Tensor() : found->second;
  }

 private:
  // Hands the cotangent of a node on to its inputs.
  void push(const Node& n, const Tensor& g) {
    const auto& inputs = n.inputs();
    std::vector<bool> needs(inputs.size());
    bool any = false;
    for (size_t i = 0; i < inputs.size(); ++i)
      any |= needs[i] = inputs[i].node && needed_.contains(inputs[i].node.get());
    if (!any) return;
    Grads grads = GraphAccess::vjp(n, g, needs);
    if (grads.size() != inputs.size())
      fail<GraphError>("{}: its vjp gave {} gradients for {} inputs", n.name(), grads.size(), inputs.size());
    if (GraphAccess::trace_non_finite()) GraphAccess::check_finite_gradients(n, grads);
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!needs[i] || !grads[i].defined()) continue;
      if (!(grads[i].shape() == n.input_shape(i)))
        fail<GraphError>("{}: its vjp gave shape {} for input {} of shape {}", n.name(),
                         grads[i].shape().str(), i, n.input_shape(i).str());
      accumulate(cotangents_[inputs[i].node.get()], std::move(grads[i]));
    }
  }

  const GradOptions& options_;
  std::unordered_set<const Node*> targets_, needed_, stop_;
  std::vector<Ref<Node>> order_;
  std::unordered_map<const Node*, Tensor> cotangents_;
};

std::vector<Tensor> run_backward(std::span<const Tensor> ys, std::span<const Tensor> xs,
                                 std::span<const Tensor> cotangents, const GradOptions& options,
                                 bool stop_at_xs) {
  const Recording mode(options.create_graph);
  Backward backward(ys, xs, options, stop_at_xs);
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
  return run_backward(ys, xs, cotangents, options, false);
}

std::vector<Tensor> grad(const Tensor& y, std::span<const Tensor> xs, const GradOptions& options) {
  return run_backward({&y, 1}, xs, {}, options, false);
}

std::vector<Tensor> grad(const Tensor& y, std::initializer_list<Tensor> xs, const GradOptions& options) {
  return run_backward({&y, 1}, {xs.begin(), xs.size()}, {}, options, false);
}

std::vector<Tensor> grad_down_to(const Tensor& y, std::span<const Tensor> xs, const Tensor& cotangent,
                                 bool create_graph) {
  const GradOptions options{.create_graph = create_graph, .retain_graph = create_graph, .allow_unused = true};
  return run_backward({&y, 1}, xs, {&cotangent, 1}, options, true);
}

}  // namespace gradus
