#include "autograd/functional/sample_graph.h"

#include <algorithm>
#include <unordered_map>

#include "autograd/grad.h"
#include "autograd/graph_access.h"

namespace gradus {
namespace {

struct Fact {
  Ref<Node> node;
  Shape shape;           // of the output, as its consumers saw it
  int parameter = -1;    // is this parameter, or a reshaped view of it
  bool depends = false;  // on some parameter
  bool batched = false;  // block n serves loss n only; else any loss may use all of it
};

class Walk {
 public:
  Walk(const Tensor& losses, std::span<const Tensor> params) : samples_(losses.dim(0)) {
    for (size_t i = 0; i < params.size(); ++i) {
      Fact& f = discover(node_of(params[i]), params[i].shape());
      f.parameter = static_cast<int>(i);
      f.depends = true;
    }
    Node* top = node_of(losses);
    discover(top, losses.shape());
    collect(top);
    for (Node* n : order_) {
      judge(*n);
      if (!graph_.obstacle.empty()) return;
    }
    if (!facts_.at(top).batched) graph_.obstacle = "the losses are not computed sample by sample";
  }
  SampleGraph take() { return std::move(graph_); }

 private:
  Fact& discover(Node* n, const Shape& shape) {
    const auto [it, is_new] = facts_.try_emplace(n);
    if (is_new) it->second = {Ref<Node>(n), shape};
    return it->second;
  }

  // All calls below the losses, inputs first; parameters are not looked into.
  void collect(Node* top) {
    std::vector<Node*> stack{top};
    std::unordered_map<const Node*, bool> seen{{top, true}};
    while (!stack.empty()) {
      Node* n = stack.back();
      stack.pop_back();
      if (facts_.at(n).parameter >= 0) continue;
      order_.push_back(n);
      for (const auto& input : n->inputs())
        if (input.node && seen.emplace(input.node.get(), true).second) {
          discover(input.node.get(), input.shape);
          stack.push_back(input.node.get());
        }
    }
    std::sort(order_.begin(), order_.end(), [](const Node* a, const Node* b) { return a->id() < b->id(); });
  }

  const Fact* fact(const Node& n, size_t i) const {
    const Node* from = n.inputs()[i].node.get();
    return from ? &facts_.at(from) : nullptr;
  }

  void judge(Node& n) {
    Fact& own = facts_.at(&n);
    if (!n.primitive()) return;  // a leaf that is no parameter: a constant here
    bool any_batched = false;
    for (size_t i = 0; i < n.inputs().size(); ++i)
      if (const Fact* f = fact(n, i)) {
        own.depends |= f->depends;
        any_batched |= f->batched;
      }
    if (!own.depends) return;
    if (mixes_samples(*n.primitive()) && !computed_from_parameters(fact(n, 0)))
      fail<GraphError>(
          "per-sample gradients: {} mixes the samples of a batch, so a sample has no gradient of its own",
          n.name());
    const auto plan = row_plan(n, own.shape, samples_);
    const char* fault = plan ? misfit(n, *plan) : "no rule for it, or samples move across its leading axis";
    // Without samples among its inputs, a call either brings them in (data, or a broadcast over the batch) or
    // computes on parameters alone.
    if (!any_batched && (fault || !brings_samples(n, *plan))) {
      if (n.inputs().size() == 1 && std::string_view(n.name()) == "reshape")
        own.parameter = fact(n, 0)->parameter;
      return;
    }
    if (fault) {
      graph_.obstacle = fmt::format("{} with output {}: {}", n.name(), own.shape.str(), fault);
      return;
    }
    own.batched = true;
    add_sinks(n, own, *plan);
  }

  static bool computed_from_parameters(const Fact* f) { return f && f->depends && !f->batched; }

  // Null if inputs of samples are read by rows and inputs of no sample whole.
  const char* misfit(const Node& n, const RowPlan& plan) const {
    for (size_t i = 0; i < n.inputs().size(); ++i) {
      const Fact* f = fact(n, i);
      if (!f || !f->depends) continue;
      if (f->batched && !plan.by_rows[i]) return "it reads all samples at once";
      if (!f->batched && plan.by_rows[i]) return "it reads a tensor of no sample by samples";
      if (!f->batched && !plan.rule_on_rows && !is_embedding(n))
        return "its rule does not run on single samples";
    }
    return nullptr;
  }

  bool brings_samples(const Node& n, const RowPlan& plan) const {
    if (is_embedding(n) || std::string_view(n.name()) == "broadcast_to") return true;
    for (size_t i = 0; i < n.inputs().size(); ++i) {
      const Fact* f = fact(n, i);
      if (plan.by_rows[i] && (!f || !f->depends)) return true;
    }
    return false;
  }

  static bool is_embedding(const Node& n) { return std::string_view(n.name()) == "index_select"; }

  void add_sinks(Node& n, const Fact& own, const RowPlan& plan) {
    for (size_t i = 0; i < n.inputs().size(); ++i) {
      const Fact* f = fact(n, i);
      if (!f || !f->depends || f->batched) continue;
      graph_.sinks.push_back({Ref<Node>(&n), i, plan, own.shape, f->parameter,
                              f->parameter < 0 ? f->node : Ref<Node>(), Tensor()});
    }
  }

  int64 samples_;
  std::unordered_map<const Node*, Fact> facts_;
  std::vector<Node*> order_;
  SampleGraph graph_;
};

}  // namespace

SampleGraph sample_graph(const Tensor& losses, std::span<const Tensor> params) {
  return Walk(losses, params).take();
}

void run_backward(const Tensor& losses, std::vector<Sink>& sinks) { run_backward(losses, Tensor(), sinks); }

void run_backward(const Tensor& outputs, const Tensor& cotangent, std::vector<Sink>& sinks) {
  // The outputs of the calls that take in parameters are the targets: nothing is computed for the parameters.
  std::vector<Tensor> targets;
  for (const Sink& s : sinks) {
    Ref<GradMeta> meta(new GradMeta);
    meta->node = s.node;
    Tensor stand_in = Tensor::zeros({}).detach();  // known by its node only
    stand_in.set_meta(meta);
    targets.push_back(stand_in);
  }
  const std::vector<Tensor> found = grad({&outputs, 1}, targets, {&cotangent, 1}, {.retain_graph = true});
  for (size_t i = 0; i < sinks.size(); ++i) sinks[i].g = found[i];
}

}  // namespace gradus
