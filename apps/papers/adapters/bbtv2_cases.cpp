#include "apps/papers/adapters/bbtv2_cases.h"

#include "apps/finetune/black_box_prompts.h"
#include "apps/papers/adapters/rule_case.h"
#include "core/error.h"

namespace gradus {
namespace {

struct CmaCase {
  int64 intrinsic_dim = 500, popsize = 20;
  void visit(auto&& f) {
    f("intrinsic_dim", intrinsic_dim, "dimension", at_least(1));
    f("popsize", popsize, "candidates a generation", at_least(2));
  }
};
struct CmaRunCase {
  double sigma = 1;
  int64 eigen_interval = 1;
  void visit(auto&& f) {
    f("sigma", sigma, "first step size", positive());
    f("eigen_interval", eigen_interval, "generations from one root of C to the next", at_least(1));
  }
};
struct DeviationCase {
  int64 intrinsic_dim = 500;
  double alpha = 1, sigma = 1;
  int64 clip_rounds = 5;
  void visit(auto&& f) {
    f("intrinsic_dim", intrinsic_dim, "numbers that are searched", at_least(1));
    f("alpha", alpha, "size of a prompt against the hidden states", at_least(0));
    f("sigma", sigma, "first step size", positive());
    f("clip_rounds", clip_rounds, "times that outliers are clipped", at_least(0));
  }
};
struct OffsetCase {
  int64 offset = 1;
  void visit(auto&& f) { f("offset", offset, "first token of the prompts", at_least(0)); }
};

MixingNetwork network_of(const CaseValues& in) { return {in.tensor("U"), in.tensor("V"), in.tensor("head")}; }

CaseFunction constants_function() {
  return case_function<CmaCase>({"cma-constants",
                                 "what the update of CMA-ES weighs by",
                                 {},
                                 {{"weights", "mu"},
                                  {"mueff", ""},
                                  {"cc", ""},
                                  {"cs", ""},
                                  {"c1", ""},
                                  {"cmu", ""},
                                  {"damps", ""},
                                  {"chi_n", ""}}},
                                [](const CmaCase& o, const CaseValues&, CaseValues& out) {
                                  const CmaConstants k = cma_constants(o.intrinsic_dim, o.popsize);
                                  out.set("weights", tensor_of(k.weights));
                                  out.set("mueff", k.mueff);
                                  out.set("cc", k.cc);
                                  out.set("cs", k.cs);
                                  out.set("c1", k.c1);
                                  out.set("cmu", k.cmu);
                                  out.set("damps", k.damps);
                                  out.set("chi_n", k.chi_n);
                                });
}

CaseFunction cma_function() {
  return case_function<CmaRunCase>(
      {"cma-es",
       "generations on sum curvature_i (x_i - optimum_i)^2",
       {{"normals", "G,lam,d"}, {"mean", "d"}, {"optimum", "d"}, {"curvature", "d"}},
       {{"mean", "d"},
        {"sigma", ""},
        {"covariance", "d,d"},
        {"path_sigma", "d"},
        {"path_c", "d"},
        {"best_x", "d"},
        {"best_f", "G"},
        {"h_sigma", "G", CaseType::kInt}}},
      [](const CmaRunCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor& normals = in.tensor("normals");
        const std::vector<double> optimum = doubles_of(in.tensor("optimum")),
                                  curvature = doubles_of(in.tensor("curvature"));
        CmaEs search(doubles_of(in.tensor("mean")), o.sigma, normals.dim(1), o.eigen_interval);
        std::vector<double> best;
        std::vector<int64> h;
        for (int64 g = 0; g < normals.dim(0); ++g) {
          search.generation(doubles_of(row_of(normals, g)), [&](std::span<const double> x) {
            double f = 0;
            for (size_t i = 0; i < x.size(); ++i)
              f += curvature[i] * (x[i] - optimum[i]) * (x[i] - optimum[i]);
            return f;
          });
          best.push_back(search.best_f());
          h.push_back(search.h_sigma());
        }
        const int64 d = normals.dim(2);
        out.set("mean", tensor_of(search.mean()));
        out.set("sigma", search.sigma());
        out.set("covariance", tensor_of(search.covariance()).view({d, d}));
        out.set("path_sigma", tensor_of(search.path_sigma()));
        out.set("path_c", tensor_of(search.path_c()));
        out.set("best_x", tensor_of(search.best_x()));
        out.set("best_f", tensor_of(best));
        out.set("h_sigma", integers_of(h));
      });
}

CaseFunction deviation_function() {
  return case_function<DeviationCase>(
      {"projection-std",
       "deviation of hidden states, and of the projection of a prompt beside them",
       {{"hidden", "..."}},
       {{"hidden_std", ""}, {"projection_std", ""}}},
      [](const DeviationCase& o, const CaseValues& in, CaseValues& out) {
        const double deviation = clipped_deviation(in.tensor("hidden"), o.clip_rounds);
        out.set("hidden_std", deviation);
        out.set("projection_std", projection_deviation(deviation, o.intrinsic_dim, o.alpha, o.sigma));
      });
}

CaseFunction prompt_loss_function() {
  return case_function<OffsetCase>(
      {"deep-prompt-loss",
       "loss of a small network of tokens with prompts at every layer",
       {{"hidden", "N,T,D"},
        {"U", "L,D,D"},
        {"V", "L,D,D"},
        {"head", "c,D"},
        {"labels", "N", CaseType::kInt},
        {"prompts", "L,P,D"}},
       {{"loss", ""}}},
      [](const OffsetCase& o, const CaseValues& in, CaseValues& out) {
        out.set("loss", prompted_loss(network_of(in), in.tensor("hidden"), in.ints("labels"),
                                      in.tensor("prompts"), o.offset));
      });
}

CaseFunction optimize_function() {
  return case_function<BlackBoxOptions>(
      {"bbtv2-optimize",
       "rounds of the search over all layers",
       {{"hidden", "N,T,D"},
        {"U", "L,D,D"},
        {"V", "L,D,D"},
        {"head", "c,D"},
        {"labels", "N", CaseType::kInt},
        {"embedding", "v,D"},
        {"projection_normals", "L,n_prompt*D,d"},
        {"normals", "R,L,lam,d"}},
       {{"projection_std", "L"},
        {"best_prompts", "L,n_prompt,D"},
        {"best_losses", "G"},
        {"sigma", "L"},
        {"forward_passes", "", CaseType::kInt}}},
      [](const BlackBoxOptions& o, const CaseValues& in, CaseValues& out) {
        const Tensor& normals = in.tensor("normals");
        BlackBoxPrompts search(network_of(in), in.tensor("hidden"), in.ints("labels"), in.tensor("embedding"),
                               in.tensor("projection_normals"), normals.dim(2), o);
        std::vector<double> losses, sigma;
        for (int64 r = 0; r < normals.dim(0); ++r)
          for (int64 l = 0; l < search.searched_layers(); ++l)
            losses.push_back(search.generation(l, doubles_of(row_of(row_of(normals, r), l))));
        for (int64 l = 0; l < normals.dim(1); ++l) sigma.push_back(search.sigma(l));
        out.set("projection_std", tensor_of(search.projection_std()));
        out.set("best_prompts", search.best_prompts());
        out.set("best_losses", tensor_of(losses));
        out.set("sigma", tensor_of(sigma));
        out.set("forward_passes", IntTensor::full({}, search.forward_passes()));
      });
}

}  // namespace

std::vector<CaseFunction> bbtv2_functions() {
  return {constants_function(), cma_function(), deviation_function(), prompt_loss_function(),
          optimize_function()};
}

}  // namespace gradus
