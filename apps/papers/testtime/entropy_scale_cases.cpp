#include "apps/papers/testtime/entropy_scale_cases.h"

#include "apps/papers/landscape.h"
#include "apps/testtime/entropy_adaptation.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "nn/testtime/prediction_entropy.h"

namespace gradus {
namespace entropy_scale_cases {

CaseFunction entropy() {
  return case_function<EntropyOptions>({"prediction-entropy",
                                        "entropy of each pixel's prediction, their mean, its gradient",
                                        {{"logits", "P,C"}},
                                        {{"entropy", ""}, {"per_pixel", "P"}, {"grad_logits", "P,C"}}},
                                       [](const EntropyOptions& o, const CaseValues& in, CaseValues& out) {
                                         const Tensor logits = variable(in.tensor("logits"));
                                         const Tensor h = prediction_entropy(logits, o);
                                         out.set("per_pixel", pixel_entropy(in.tensor("logits")));
                                         out.set("grad_logits", grad(h, {logits})[0]);
                                         out.set("entropy", h.detach());
                                       });
}

CaseFunction scale_conv() {
  return case_function<ScaleOptions>(
      {"dynamic-scale-conv",
       "convolution whose taps stand exp(log_scale) apart, and its gradients",
       {{"features", "B,Ci,h,w"},
        {"log_scale", "B,h,w"},
        {"weight", "Co,Ci,3,3"},
        {"bias", "Co"},
        {"grad_output", "B,Co,h,w"}},
       {{"output", "B,Co,h,w"},
        {"grad_features", "B,Ci,h,w"},
        {"grad_log_scale", "B,h,w"},
        {"grad_weight", "Co,Ci,3,3"},
        {"grad_bias", "Co"}}},
      [](const ScaleOptions& o, const CaseValues& in, CaseValues& out) {
        const Tensor features = variable(in.tensor("features")), scale = variable(in.tensor("log_scale")),
                     weight = variable(in.tensor("weight")), bias = variable(in.tensor("bias"));
        const Tensor y = dynamic_scale_conv(features, scale, weight, bias, o);
        const std::vector<Tensor> g =
            grad(sum(y * in.tensor("grad_output")), {features, scale, weight, bias});
        out.set("output", y.detach());
        out.set("grad_features", g[0]);
        out.set("grad_log_scale", g[1]);
        out.set("grad_weight", g[2]);
        out.set("grad_bias", g[3]);
      });
}

CaseFunction episode() {
  return case_function<EntropyAdaptationOptions>(
      {"entropy-adaptation",
       "steps on one input's entropy by the last layer and the one that sets scales",
       {{"features", "Ci,h,w"},
        {"weight", "C,Ci,3,3"},
        {"bias", "C"},
        {"score_weight", "K,C"},
        {"score_bias", "K"},
        {"scale_weight", "1,Ci,3,3"},
        {"scale_bias", "1"},
        {"labels", "h,w", CaseType::kInt, "for objective=cross-entropy", true}},
       {{"objective", "steps+1"},
        {"logits", "h*w,K"},
        {"prediction", "h*w", CaseType::kInt},
        {"score_weight", "K,C"},
        {"score_bias", "K"},
        {"scale_weight", "1,Ci,3,3"},
        {"scale_bias", "1"}}},
      [](const EntropyAdaptationOptions& o, const CaseValues& in, CaseValues& out) {
        const Tensor& f = in.tensor("features");
        const ScaleNet net{in.tensor("weight"),     in.tensor("bias"),         in.tensor("score_weight"),
                           in.tensor("score_bias"), in.tensor("scale_weight"), in.tensor("scale_bias")};
        const IntTensor labels =
            in.has("labels") ? in.ints("labels").view({f.dim(1) * f.dim(2)}) : IntTensor();
        const AdaptedPrediction after =
            adapt_by_entropy(f.view({1, f.dim(0), f.dim(1), f.dim(2)}), net, o, labels);
        out.set("objective", tensor_of(after.objective));
        out.set("logits", after.logits);
        out.set("prediction", after.prediction);
        out.set("score_weight", after.net.score_weight);
        out.set("score_bias", after.net.score_bias);
        out.set("scale_weight", after.net.scale_weight);
        out.set("scale_bias", after.net.scale_bias);
      });
}

}  // namespace entropy_scale_cases

std::vector<CaseFunction> entropy_scale_functions() {
  using namespace entropy_scale_cases;
  return {entropy(), scale_conv(), episode()};
}

}  // namespace gradus
