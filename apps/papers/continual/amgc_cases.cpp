#include "apps/papers/continual/amgc_cases.h"

#include "apps/continual/amgc_task.h"
#include "apps/papers/landscape.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "nn/continual/amarx.h"

namespace gradus {
namespace amgc_cases {

struct Margins {
  double ve_lambda = 0.5;
  std::string covariance = "full";
  void visit(auto&& f) {
    f("ve_lambda", ve_lambda, "variances of old classes are enlarged by this share", at_least(0));
    f("covariance", covariance, "what of Sigma is used", choices({"full", "diagonal"}));
  }
};

CaseFunction amarx() {
  return case_function<Margins>(
      {"amarx-loss",
       "losses of classes as Gaussians, with margins between pairs of them",
       {{"weight", "K,d"},
        {"bias", "K"},
        {"means", "K,d"},
        {"covariances", "K,d,d"},
        {"old", "K", CaseType::kInt, "1: an old class"}},
       {{"margins", "K,K", CaseType::kReal, "row: the true class"},
        {"class_losses", "K"},
        {"loss", ""},
        {"grad_weight", "K,d"},
        {"grad_bias", "K"},
        {"grad_means", "K,d"}}},
      [](const Margins& o, const CaseValues& in, CaseValues& out) {
        const Tensor w = variable(in.tensor("weight")), b = variable(in.tensor("bias")),
                     mu = variable(in.tensor("means"));
        const Tensor sigma = enlarged_covariances(in.tensor("covariances"), in.ints("old"), o.ve_lambda,
                                                  o.covariance == "diagonal");
        const AmarxTerms terms = amarx_terms(w, b, mu, sigma, IntTensor::arange(w.dim(0)));
        const Tensor loss = mean(terms.losses);
        const std::vector<Tensor> grads = grad(loss, {w, b, mu});
        out.set("margins", stop_gradient(terms.margins));
        out.set("class_losses", stop_gradient(terms.losses));
        out.set("loss", stop_gradient(loss));
        out.set("grad_weight", grads[0]);
        out.set("grad_bias", grads[1]);
        out.set("grad_means", grads[2]);
      });
}

struct Statistics {
  int64 num_classes = 2;
  double ridge = 1e-4;
  void visit(auto&& f) {
    f("num_classes", num_classes, "classes", at_least(1));
    f("ridge", ridge, "added to the variances", at_least(0));
  }
};

CaseFunction statistics() {
  return case_function<Statistics>({"class-statistics",
                                    "means and unbiased covariances of classes",
                                    {{"features", "N,d"}, {"labels", "N", CaseType::kInt}},
                                    {{"means", "num_classes,d"},
                                     {"covariances", "num_classes,d,d"},
                                     {"counts", "num_classes", CaseType::kInt}}},
                                   [](const Statistics& o, const CaseValues& in, CaseValues& out) {
                                     const ClassStatistics s = class_statistics(
                                         in.tensor("features"), in.ints("labels"), o.num_classes, o.ridge);
                                     out.set("means", s.means);
                                     out.set("covariances", s.covariances);
                                     out.set("counts", s.counts);
                                   });
}

CaseFunction sampled() {
  return case_function<NoOptions>(
      {"sampled-loss",
       "cross-entropy of features drawn from the classes' Gaussians",
       {{"means", "K,d"}, {"covariances", "K,d,d"}, {"noise", "K,n,d"}, {"weight", "K,d"}, {"bias", "K"}},
       {{"features", "K,n,d"}, {"loss", ""}, {"grad_weight", "K,d"}, {"grad_bias", "K"}}},
      [](const NoOptions&, const CaseValues& in, CaseValues& out) {
        const Tensor w = variable(in.tensor("weight")), b = variable(in.tensor("bias"));
        const Tensor f = gaussian_features(in.tensor("means"), in.tensor("covariances"), in.tensor("noise"));
        const int64 k = f.dim(0), n = f.dim(1);
        IntTensor labels(Shape{k * n});
        for (int64 i = 0; i < k * n; ++i) labels.mutable_data()[i] = i / n;
        const Tensor loss = cross_entropy(linear(f.view({k * n, f.dim(2)}), w, b), labels);
        const std::vector<Tensor> grads = grad(loss, {w, b});
        out.set("features", f);
        out.set("loss", stop_gradient(loss));
        out.set("grad_weight", grads[0]);
        out.set("grad_bias", grads[1]);
      });
}

CaseFunction train() {
  return case_function<AmgcOptions>(
      {"amgc-train",
       "batches of new classes with features tanh(x A'); classes 0..K0-1 are old",
       {{"x", "S,B,n"},
        {"labels", "S,B", CaseType::kInt},
        {"extractor", "d,n"},
        {"weight", "K,d"},
        {"bias", "K"},
        {"old_means", "K0,d"},
        {"old_covariances", "K0,d,d"},
        {"new_covariances", "K-K0,d,d"}},
       {{"losses", "S"},
        {"class_losses", "S"},
        {"extractor", "d,n"},
        {"weight", "K,d"},
        {"bias", "K"},
        {"new_covariances", "K-K0,d,d"}}},
      [](const AmgcOptions& o, const CaseValues& in, CaseValues& out) {
        const Tensor& x = in.tensor("x");
        AmgcTask task([](std::span<const Tensor> p,
                         const Tensor& rows) { return tanh(matmul(rows, p[0], false, true)); },
                      {{in.tensor("extractor")},
                       in.tensor("weight"),
                       in.tensor("bias"),
                       in.tensor("old_means"),
                       in.tensor("old_covariances"),
                       in.tensor("new_covariances")},
                      o);
        std::vector<double> losses, classes;
        for (int64 s = 0; s < x.dim(0); ++s) {
          const AmgcTask::Losses l = task.step({x.rows(s, s + 1).view({x.dim(1), x.dim(2)}),
                                                in.ints("labels").rows(s, s + 1).view({x.dim(1)})});
          losses.push_back(l.total);
          classes.push_back(l.classes);
        }
        out.set("losses", tensor_of(losses));
        out.set("class_losses", tensor_of(classes));
        out.set("extractor", task.extractor()[0]);
        out.set("weight", task.weight());
        out.set("bias", task.bias());
        out.set("new_covariances", task.new_covariances());
      });
}

}  // namespace amgc_cases

std::vector<CaseFunction> amgc_functions() {
  using namespace amgc_cases;
  return {amarx(), statistics(), sampled(), train()};
}

}  // namespace gradus
