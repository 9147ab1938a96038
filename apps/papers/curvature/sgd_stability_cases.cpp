#include "apps/papers/curvature/sgd_stability_cases.h"

#include "apps/papers/landscape.h"
#include "core/error.h"
#include "optim/methods/sgd_stability.h"

namespace gradus {
namespace {

struct CoherenceCase {
  int64 batch_size = 1;
  void visit(auto&& f) { f("batch_size", batch_size, "expected examples a batch", at_least(1)); }
};

CaseFunction coherence_function() {
  return case_function<CoherenceCase>({"coherence",
                                       "how the Hessians of examples align, and the step sizes they forbid",
                                       {{"hessians", "n,p,p", CaseType::kReal, "positive semidefinite"}},
                                       {{"S", "n,n"},
                                        {"coherence", ""},
                                        {"top_eigenvalue", ""},
                                        {"max_example_eigenvalue", ""},
                                        {"inverse_lr_curvature", ""},
                                        {"inverse_lr_coherence", ""},
                                        {"inverse_lr_example", ""}}},
                                      [](const CoherenceCase& o, const CaseValues& in, CaseValues& out) {
                                        const Coherence c = hessian_coherence(in.tensor("hessians"));
                                        const InverseSteps inverse = inverse_steps(c, o.batch_size);
                                        out.set("S", c.s);
                                        out.set("coherence", c.coherence);
                                        out.set("top_eigenvalue", c.top_eigenvalue);
                                        out.set("max_example_eigenvalue", c.max_example_eigenvalue);
                                        out.set("inverse_lr_curvature", inverse.curvature);
                                        out.set("inverse_lr_coherence", inverse.coherence);
                                        out.set("inverse_lr_example", inverse.example);
                                      });
}

struct JacobianCase {
  std::string loss = "squared";
  void visit(auto&& f) {
    f("loss", loss, "whose Hessians the Jacobians give", choices({"squared", "cross_entropy"}));
  }
};

CaseFunction jacobian_function() {
  return case_function<JacobianCase>(
      {"jacobian-coherence",
       "the same from Jacobians of outputs, without Hessians",
       {{"jacobians", "n,C,p"}, {"logits", "n,C", CaseType::kReal, "for cross_entropy", true}},
       {{"S", "n,n"}, {"coherence", ""}, {"top_eigenvalue", ""}}},
      [](const JacobianCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor& jacobians = in.tensor("jacobians");
        const Coherence c = root_coherence(
            o.loss == "squared" ? jacobians : cross_entropy_roots(jacobians, in.tensor("logits")));
        out.set("S", c.s);
        out.set("coherence", c.coherence);
        out.set("top_eigenvalue", c.top_eigenvalue);
      });
}

struct SecondMomentCase {
  double lr = 0.1;
  int64 batch_size = 1, steps = 1;
  std::string sampling = "bernoulli";
  void visit(auto&& f) {
    f("lr", lr, "step size", positive());
    f("batch_size", batch_size, "expected examples a batch", at_least(1));
    f("sampling", sampling, "of the batch",
      choices({"bernoulli", "with_replacement", "without_replacement"}));
    f("steps", steps, "of the map", at_least(0));
  }
};

CaseFunction second_moment_function() {
  return case_function<SecondMomentCase>(
      {"second-moment",
       "the second moment of SGD's iterates, step by step, and the spectral radius of its map",
       {{"hessians", "n,p,p"}, {"M", "p,p", CaseType::kReal, "symmetric"}},
       {{"M", "p,p"}, {"traces", "steps+1"}, {"spectral_radius", ""}}},
      [](const SecondMomentCase& o, const CaseValues& in, CaseValues& out) {
        const SecondMoment t(in.tensor("hessians"), o.lr, o.batch_size, o.sampling);
        Tensor m = in.tensor("M");
        std::vector<double> traces;
        for (int64 k = 0; k <= o.steps; ++k) {
          if (k > 0) m = t(m);
          double trace = 0;
          for (int64 i = 0; i < m.dim(0); ++i) trace += static_cast<double>(m.at({i, i}));
          traces.push_back(trace);
        }
        out.set("M", m);
        out.set("traces", tensor_of(traces));
        out.set("spectral_radius", t.spectral_radius());
      });
}

struct BernoulliCase {
  double lr = 0.1;
  int64 batch_size = 1;
  void visit(auto&& f) {
    f("lr", lr, "step size", positive());
    f("batch_size", batch_size, "what the sum over a batch is divided by", at_least(1));
  }
};

CaseFunction bernoulli_function() {
  return case_function<BernoulliCase>(
      {"bernoulli-sgd",
       "iterates of SGD near an interpolating minimum, by given batches",
       {{"hessians", "n,p,p"}, {"w", "p"}, {"batches", "T,n", CaseType::kInt, "1: in the batch"}},
       {{"iterates", "T+1,p"}}},
      [](const BernoulliCase& o, const CaseValues& in, CaseValues& out) {
        const IntTensor& batches = in.ints("batches");
        Tensor w = in.tensor("w");
        std::vector<double> iterates = doubles_of(w);
        const Shape shape{batches.dim(0) + 1, w.numel()};
        for (int64 t = 0; t < batches.dim(0); ++t) {
          w = bernoulli_step(in.tensor("hessians"), w, batches.rows(t, t + 1), o.lr, o.batch_size);
          const std::vector<double> next = doubles_of(w);
          iterates.insert(iterates.end(), next.begin(), next.end());
        }
        out.set("iterates", tensor_of(iterates, shape));
      });
}

}  // namespace

std::vector<CaseFunction> sgd_stability_functions() {
  return {coherence_function(), jacobian_function(), second_moment_function(), bernoulli_function()};
}

}  // namespace gradus
