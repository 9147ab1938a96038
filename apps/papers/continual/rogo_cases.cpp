#include "apps/papers/continual/rogo_cases.h"

#include "apps/continual/projected_tasks.h"
#include "apps/papers/landscape.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"
#include "nn/continual/scaled_weight.h"

namespace gradus {
namespace rogo_cases {

CaseFunction memory() {
  return case_function<MemoryOptions>(
      {"gpm-update",
       "the memory of a layer's inputs after one more task",
       {{"activations", "in,N", CaseType::kReal, "a sample a column"}, {"memory", "in,r"}},
       {{"rank", "", CaseType::kInt, "columns afterwards"}, {"projector", "in,in"}}},
      [](const MemoryOptions& o, const CaseValues& in, CaseValues& out) {
        const Tensor grown = grown_memory(in.tensor("activations"), in.tensor("memory"), o);
        out.set("rank", IntTensor::full({}, grown.dim(1)));
        out.set("projector", projector_of(grown));
      });
}

struct Penalty {
  double penalty_weight = 1;
  void visit(auto&& f) { f("penalty_weight", penalty_weight, "of ||Q - I||^2", at_least(0)); }
};

CaseFunction scaled() {
  return case_function<Penalty>(
      {"scaled-linear",
       "a layer whose weight acts on a relaxing space through a scale, and gradients kept out of the memory",
       {{"x", "B,in"},
        {"weight", "out,in"},
        {"space", "in,s"},
        {"scale", "s,s"},
        {"memory", "in,r"},
        {"grad_output", "B,out"}},
       {{"effective_weight", "out,in"},
        {"output", "B,out"},
        {"penalty", ""},
        {"grad_weight", "out,in"},
        {"grad_scale", "s,s"},
        {"grad_x", "B,in"}}},
      [](const Penalty& o, const CaseValues& in, CaseValues& out) {
        const Tensor x = variable(in.tensor("x")), w = variable(in.tensor("weight")),
                     q = variable(in.tensor("scale"));
        const Tensor weight = scaled_weight(w, in.tensor("space"), q);
        const Tensor output = matmul(x, weight, false, true);
        const Tensor penalty = scale_penalty(q) * static_cast<real>(o.penalty_weight);
        std::vector<Tensor> wanted{w, x};
        if (q.numel() > 0) wanted.push_back(q);
        const std::vector<Tensor> grads = grad(sum(output * in.tensor("grad_output")) + penalty, wanted);
        out.set("effective_weight", weight.clone());
        out.set("output", stop_gradient(output));
        out.set("penalty", stop_gradient(penalty));
        out.set("grad_weight", projected_gradient(grads[0], in.tensor("memory")));
        out.set("grad_scale", q.numel() > 0 ? grads[2] : Tensor(Shape{0, 0}));
        out.set("grad_x", grads[1]);
      });
}

CaseFunction search() {
  return case_function<SearchOptions>({"relaxing-search",
                                       "directions of a memory that a gradient points along",
                                       {{"grad", "out,in"}, {"rest", "in,f"}},
                                       {{"gradient_rank", "", CaseType::kInt},
                                        {"moved", "", CaseType::kInt},
                                        {"scores", "tries"},
                                        {"space_projector", "in,in"},
                                        {"rest_projector", "in,in"}}},
                                      [](const SearchOptions& o, const CaseValues& in, CaseValues& out) {
                                        const RelaxingSearch found =
                                            relaxing_search(in.tensor("grad"), in.tensor("rest"), o);
                                        out.set("gradient_rank", IntTensor::full({}, found.gradient_rank));
                                        out.set("moved", IntTensor::full({}, found.space.dim(1)));
                                        out.set("scores", tensor_of(found.scores));
                                        out.set("space_projector", projector_of(found.space));
                                        out.set("rest_projector", projector_of(found.rest));
                                      });
}

CaseFunction train() {
  return case_function<ProjectedOptions>(
      {"rogo-train",
       "a network of two layers on tasks in turn; batches are consecutive rows",
       {{"x", "T,N,n"}, {"labels", "T,N", CaseType::kInt}, {"weight1", "h,n"}, {"weight2", "K,h"}},
       {{"losses", "steps"},
        {"weight1", "h,n"},
        {"weight2", "K,h"},
        {"memory_rank", "T,2", CaseType::kInt},
        {"space_size", "T,2", CaseType::kInt},
        {"projector1", "n,n"},
        {"projector2", "h,h"}}},
      [](const ProjectedOptions& o, const CaseValues& in, CaseValues& out) {
        const Tensor& x = in.tensor("x");
        const int64 tasks = x.dim(0), rows = x.dim(1);
        ProjectedTasks net({in.tensor("weight1"), in.tensor("weight2")}, o);
        std::vector<double> losses;
        IntTensor ranks(Shape{tasks, 2}), spaces(Shape{tasks, 2});
        for (int64 t = 0; t < tasks; ++t) {
          net.learn(
              {{x.rows(t, t + 1).view({rows, x.dim(2)}), in.ints("labels").rows(t, t + 1).view({rows})}});
          losses.insert(losses.end(), net.losses().begin(), net.losses().end());
          for (int64 l = 0; l < 2; ++l) {
            ranks.mutable_data()[2 * t + l] = net.memory()[static_cast<size_t>(l)].dim(1);
            spaces.mutable_data()[2 * t + l] = net.space_sizes()[static_cast<size_t>(l)];
          }
        }
        out.set("losses", tensor_of(losses));
        out.set("weight1", net.weights()[0]);
        out.set("weight2", net.weights()[1]);
        out.set("memory_rank", ranks);
        out.set("space_size", spaces);
        out.set("projector1", projector_of(net.memory()[0]));
        out.set("projector2", projector_of(net.memory()[1]));
      });
}

}  // namespace rogo_cases

std::vector<CaseFunction> rogo_functions() {
  using namespace rogo_cases;
  return {memory(), scaled(), search(), train()};
}

}  // namespace gradus
