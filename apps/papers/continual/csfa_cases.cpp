#include "apps/papers/continual/csfa_cases.h"

#include <algorithm>

#include "apps/continual/rsgs.h"
#include "apps/papers/landscape.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "nn/continual/prototypes.h"
#include "optim/methods/gap_direction.h"

namespace gradus {
namespace csfa_cases {

CaseFunction calibrate() {
  return case_function<CalibrationOptions>(
      {"calibrate-prototypes",
       "prototypes of new classes from a few shots, drawn towards similar base classes",
       {{"shots", "C,K,d"}, {"base_prototypes", "B,d"}},
       {{"prototypes", "C,d"}, {"attention", "C,B"}, {"calibrated", "C,d"}}},
      [](const CalibrationOptions& o, const CaseValues& in, CaseValues& out) {
        const CalibratedPrototypes c =
            calibrate_prototypes(in.tensor("shots"), in.tensor("base_prototypes"), o);
        out.set("prototypes", c.prototypes);
        out.set("attention", c.attention);
        out.set("calibrated", c.calibrated);
      });
}

struct Reliability {
  double e0_factor = 0.4;
  void visit(auto&& f) {
    f("e0_factor", e0_factor, "times log(classes): the largest entropy kept", at_least(0));
  }
};

CaseFunction reliable() {
  return case_function<Reliability>(
      {"reliable-entropy",
       "entropies of predictions, which are reliable, and their mean",
       {{"logits", "N,C"}},
       {{"entropy", "N"}, {"keep", "N", CaseType::kInt}, {"loss", ""}, {"grad_logits", "N,C"}}},
      [](const Reliability& o, const CaseValues& in, CaseValues& out) {
        const Tensor z = variable(in.tensor("logits"));
        const Tensor h = softmax_entropy(z);
        const IntTensor keep = reliable_rows(h, z.dim(1), o.e0_factor);
        const Tensor loss = mean_of_kept(h, keep);
        out.set("entropy", stop_gradient(h));
        out.set("keep", keep);
        out.set("loss", stop_gradient(loss));
        out.set("grad_logits", grad(loss, {z})[0]);
      });
}

struct Gap {
  double alpha = 0.4;
  void visit(auto&& f) { f("alpha", alpha, "weight of the perpendicular part"); }
};

CaseFunction gap() {
  return case_function<Gap>({"gap-direction",
                             "direction that lowers the perturbed loss and closes the surrogate gap",
                             {{"grad", "P"}, {"grad_perturbed", "P"}},
                             {{"perpendicular", "P"}, {"direction", "P"}}},
                            [](const Gap& o, const CaseValues& in, CaseValues& out) {
                              const GapDirection d =
                                  gap_direction(in.tensor("grad"), in.tensor("grad_perturbed"), o.alpha);
                              out.set("perpendicular", d.perpendicular);
                              out.set("direction", d.direction);
                            });
}

struct Adapt : RsgsOptions {
  std::string norm = "batch";
  double eps = 1e-5;
  void visit(auto&& f) {
    RsgsOptions::visit(f);
    f("norm", norm, "statistics of a feature over the batch, or of a row", choices({"batch", "layer"}));
    f("eps", eps, "added to the variance", at_least(0));
  }
};

CaseFunction adapt() {
  return case_function<Adapt>(
      {"rsgs-adapt",
       "a stream of batches with features tanh(scale*xhat + shift) head'",
       {{"x", "S,B,d"}, {"prototypes", "C,e"}, {"head", "e,d"}, {"scale", "d"}, {"shift", "d"}},
       {{"predictions", "S,B", CaseType::kInt},
        {"reliable", "S", CaseType::kInt},
        {"reliable_perturbed", "S", CaseType::kInt},
        {"entropy", "S"},
        {"parameters", "S,2*d", CaseType::kReal, "scale, shift behind each batch"},
        {"prototypes", "C,e", CaseType::kReal, "with refresh", true}}},
      [](const Adapt& o, const CaseValues& in, CaseValues& out) {
        const Tensor &x = in.tensor("x"), &head = in.tensor("head");
        const int64 steps = x.dim(0), rows = x.dim(1), d = x.dim(2);
        const int axis = o.norm == "batch" ? 0 : 1;
        const real eps = static_cast<real>(o.eps);
        Rsgs rsgs(
            [&head, axis, eps](std::span<const Tensor> lambda, const Tensor& batch) {
              const Tensor xhat =
                  (batch - mean(batch, {axis}, true)) / sqrt(var(batch, {axis}, true, 0) + eps);
              return matmul(tanh(xhat * lambda[0] + lambda[1]), head, false, true);
            },
            {in.tensor("scale"), in.tensor("shift")}, in.tensor("prototypes"), o);
        IntTensor predictions(Shape{steps, rows}), reliable(Shape{steps}), perturbed(Shape{steps});
        Tensor entropy({steps}), parameters({steps, 2 * d});
        for (int64 s = 0; s < steps; ++s) {
          const Rsgs::Batch b = rsgs.adapt(x.rows(s, s + 1).view({rows, d}));
          std::copy_n(b.predictions.data(), rows, predictions.mutable_data() + s * rows);
          reliable.mutable_data()[s] = b.reliable;
          perturbed.mutable_data()[s] = b.reliable_perturbed;
          entropy.mutable_data()[s] = static_cast<real>(b.entropy);
          for (size_t i = 0; i < 2; ++i)
            std::copy_n(rsgs.lambda()[i].data(), d,
                        parameters.mutable_data() + (2 * s + static_cast<int64>(i)) * d);
        }
        out.set("predictions", predictions);
        out.set("reliable", reliable);
        out.set("reliable_perturbed", perturbed);
        out.set("entropy", entropy);
        out.set("parameters", parameters);
        if (o.refresh) out.set("prototypes", rsgs.prototypes());
      });
}

}  // namespace csfa_cases

std::vector<CaseFunction> csfa_functions() {
  using namespace csfa_cases;
  return {calibrate(), reliable(), gap(), adapt()};
}

}  // namespace gradus
