#include "apps/papers/diffusion/guidance_cases.h"

#include "apps/papers/diffusion/diffusion_cases.h"
#include "apps/papers/landscape.h"
#include "nn/diffusion/adaptive_guidance.h"
#include "nn/diffusion/apg.h"
#include "nn/diffusion/linear_guidance.h"
#include "nn/diffusion/prediction.h"

namespace gradus {
namespace guidance_cases {

using namespace diffusion_cases;

// Copies x into index i of to (T,...).
void put_step(const Tensor& x, Tensor& to, int64 i) {
  std::copy_n(x.data(), x.numel(), to.mutable_data() + i * x.numel());
}

struct ApgCase : ApgOptions {
  void visit(auto&& f) { visit_as("guidance_scale", f); }
};

CaseFunction apg_trajectory() {
  return case_function<ApgCase>(
      {"apg-guidance",
       "guided estimates of a trajectory, and the buffer behind it",
       {{"cond", "N,B,..."}, {"uncond", "N,B,..."}},
       {{"guided", "N,B,..."}, {"momentum_buffer", "B,..."}}},
      [](const ApgCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor& cond = in.tensor("cond");
        Tensor guided(cond.shape());
        const std::vector<int64> dims(cond.shape().begin() + 1, cond.shape().end());
        Tensor m = Tensor::zeros(Shape(dims));
        for (int64 i = 0; i < cond.dim(0); ++i)
          put_step(apg_step(step_of(cond, i), step_of(in.tensor("uncond"), i), m, o), guided, i);
        out.set("guided", guided);
        out.set("momentum_buffer", m);
      });
}

struct ApgStepCase : ApgCase {
  std::string prediction_type = "v";
  void visit(auto&& f) {
    ApgCase::visit(f);
    f("prediction_type", prediction_type, "what the network predicts", prediction_choices());
  }
};

CaseFunction apg_ddim_step() {
  return case_function<ApgStepCase>(
      {"apg-ddim-step",
       "one step of DDIM under projected guidance, from a network's two predictions",
       {{"x", "B,..."},
        {"cond", "B,..."},
        {"uncond", "B,..."},
        {"momentum_buffer", "B,..."},
        {"alpha_bar_t", ""},
        {"alpha_bar_prev", ""}},
       {{"x_prev", "B,..."}, {"x0", "B,..."}, {"momentum_buffer", "B,..."}}},
      [](const ApgStepCase& o, const CaseValues& in, CaseValues& out) {
        const NoiseLevel level = level_of(in, "alpha_bar_t");
        const DenoiserOutput kind = prediction_of(o.prediction_type);
        const Tensor& x = in.tensor("x");
        Tensor m = in.tensor("momentum_buffer").clone();
        const Tensor x0 = apg_step(denoised_from(kind, in.tensor("cond"), x, level),
                                   denoised_from(kind, in.tensor("uncond"), x, level), m, o);
        out.set("x_prev", ddim_step(x0, noise_of(x, x0, level), level, level_of(in, "alpha_bar_prev")));
        out.set("x0", x0);
        out.set("momentum_buffer", m);
      });
}

struct ApgSampleCase : SampleCase {
  ApgOptions apg;
  void visit(auto&& f) {
    apg.visit_as("guidance_scale", f);
    visit_sampling(f);
  }
};

CaseFunction apg_samples() {
  return case_function<ApgSampleCase>({"apg-ddim-sample",
                                       "samples of a mixture by DDIM under projected guidance",
                                       oracle_slots(),
                                       {{"samples", "B,d"}}},
                                      [](const ApgSampleCase& o, const CaseValues& in, CaseValues& out) {
                                        ProjectedGuidance guidance(o.apg);
                                        out.set("samples", sample_oracle(o, in, guidance).x);
                                      });
}

struct AdaptiveCase : AdaptiveRuleOptions {
  void visit(auto&& f) { visit_as("guidance_scale", f); }
};

CaseFunction adaptive_trajectory() {
  return case_function<AdaptiveCase>(
      {"adaptive-guidance",
       "the rule on given predictions: which steps are guided, cosines (0 where they are not), evaluations",
       {{"cond", "N,B,..."}, {"uncond", "N,B,..."}},
       {{"prediction", "N,B,..."},
        {"guided", "N,B", CaseType::kInt},
        {"similarity", "N,B"},
        {"nfe", "B", CaseType::kInt}}},
      [](const AdaptiveCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor& cond = in.tensor("cond");
        const int64 steps = cond.dim(0), rows = cond.dim(1);
        AdaptiveRule rule(rows, o);
        Tensor prediction(cond.shape()), similarity({steps, rows});
        IntTensor guided(Shape{steps, rows}), nfe = IntTensor::full({rows}, 0);
        for (int64 i = 0; i < steps; ++i) {
          const Tensor c = step_of(cond, i), u = step_of(in.tensor("uncond"), i);
          const std::vector<double> gamma = row_cosines(c, u);
          put_step(rule.combine(c, u), prediction, i);
          for (int64 b = 0; b < rows; ++b) {
            const bool on = rule.guided(b);
            guided.mutable_data()[i * rows + b] = on;
            similarity.mutable_data()[i * rows + b] =
                on ? static_cast<real>(gamma[static_cast<size_t>(b)]) : 0;
            nfe.mutable_data()[b] += on ? 2 : 1;
          }
          rule.see(gamma);
        }
        out.set("prediction", prediction);
        out.set("guided", guided);
        out.set("similarity", similarity);
        out.set("nfe", nfe);
      });
}

struct AdaptiveSampleCase : SampleCase {
  AdaptiveGuidance::Options rule;
  AdaptiveSampleCase() { num_steps = 20; }
  void visit(auto&& f) {
    rule.visit_as("guidance_scale", f);
    visit_sampling(f);
  }
};

CaseFunction adaptive_samples() {
  return case_function<AdaptiveSampleCase>(
      {"ag-ddim-sample",
       "samples of a mixture by DDIM under adaptive guidance",
       oracle_slots(),
       {{"samples", "B,d"}, {"guided", "num_steps,B", CaseType::kInt}, {"nfe", "B", CaseType::kInt}}},
      [](const AdaptiveSampleCase& o, const CaseValues& in, CaseValues& out) {
        AdaptiveGuidance guidance(o.rule);
        const Sampled sampled = sample_oracle(o, in, guidance);
        out.set("samples", sampled.x);
        out.set("guided", sampled.guided);
        out.set("nfe", evaluation_counts(sampled));
      });
}

struct RidgeCase {
  double ridge = 1e-6;
  void visit(auto&& f) { f("ridge", ridge, "times the mean square of the columns", at_least(0)); }
};

CaseFunction linear_fit() {
  return case_function<RidgeCase>(
      {"linear-ag-fit",
       "the last unconditional prediction regressed on all before it and the conditional ones",
       {{"eps_cond", "k,n,d"}, {"eps_uncond", "k,n,d"}},
       {{"coefficients", "2*k-1"}, {"estimate", "n,d"}}},
      [](const RidgeCase& o, const CaseValues& in, CaseValues& out) {
        std::vector<Tensor> cond, uncond;
        for (int64 i = 0; i < in.tensor("eps_cond").dim(0); ++i) {
          cond.push_back(step_of(in.tensor("eps_cond"), i));
          uncond.push_back(step_of(in.tensor("eps_uncond"), i));
        }
        const LinearFit fit = linear_ag_fit(cond, uncond, o.ridge);
        out.set("coefficients", tensor_of(fit.coefficients));
        out.set("estimate", fit.estimate);
      });
}

struct LinearSampleCase : SampleCase {
  double guidance_scale = 4;
  int64 linear_until = 10, cond_from = 12;
  LinearSampleCase() { num_steps = 20; }
  void visit(auto&& f) {
    f("guidance_scale", guidance_scale, "of classifier-free guidance");
    f("linear_until", linear_until, "odd steps before this are regressed", at_least(0));
    f("cond_from", cond_from, "steps from this on have the class alone", at_least(0));
    visit_sampling(f);
  }
};

CaseFunction linear_samples() {
  return case_function<LinearSampleCase>(
      {"linear-ag-sample",
       "samples of a mixture by DDIM with regressed unconditional predictions",
       oracle_slots({{"coefficients", "num_steps,2*num_steps-1", CaseType::kReal, "row i: its first 2i+1"}}),
       {{"samples", "B,d"}, {"nfe", "", CaseType::kInt}}},
      [](const LinearSampleCase& o, const CaseValues& in, CaseValues& out) {
        LinearGuidance guidance(
            {.scale = o.guidance_scale, .linear_until = o.linear_until, .cond_from = o.cond_from});
        std::vector<std::vector<double>> rows;
        for (int64 i = 0; i < o.num_steps; ++i)
          rows.push_back(doubles_of(step_of(in.tensor("coefficients"), i)));
        guidance.set_coefficients(rows);
        const Sampled sampled = sample_oracle(o, in, guidance);
        out.set("samples", sampled.x);
        out.set("nfe", IntTensor::full({}, sampled.evaluations.empty() ? 0 : sampled.evaluations[0]));
      });
}

CaseFunction third_order() {
  return case_function<ThirdOrderOptions>(
      {"third-order-skip",
       "the rule on given latents: steps that are computed, decisions, differences",
       {{"latents", "N,..."}},
       {{"computed", "N", CaseType::kInt}, {"mask", "N-3", CaseType::kInt}, {"differences", "N-1"}}},
      [](const ThirdOrderOptions& o, const CaseValues& in, CaseValues& out) {
        const Tensor& y = in.tensor("latents");
        const int64 steps = y.dim(0);
        ThirdOrderRule rule(o);
        IntTensor computed(Shape{steps});
        for (int64 i = 0; i < steps; ++i) {
          computed.mutable_data()[i] = rule.computes_next();
          rule.see(i == 0 ? 0 : mean_distance(y.rows(i, i + 1), y.rows(i - 1, i), 0));
        }
        IntTensor mask(Shape{std::max<int64>(steps - 3, 0)});
        for (int64 i = 0; i < mask.numel(); ++i) mask.mutable_data()[i] = rule.mask()[static_cast<size_t>(i)];
        out.set("computed", computed);
        out.set("mask", mask);
        out.set("differences", tensor_of(rule.differences()));
      });
}

struct SkipSampleCase : SampleCase {
  ThirdOrderOptions rule;
  std::string policy = "third-order", scope = "sample";
  int64 skip_interval = 2;
  double guidance_scale = 4;
  void visit(auto&& f) {
    rule.visit(f);
    f("policy", policy, "which steps are skipped", choices({"third-order", "uniform"}));
    f("skip_interval", skip_interval, "of uniform", at_least(1));
    f("scope", scope, "a rule for each sample, or one for all", choices({"sample", "batch"}));
    f("guidance_scale", guidance_scale, "of classifier-free guidance");
    visit_sampling(f);
  }
  std::string spec() const {
    if (policy == "uniform") return fmt::format("uniform:interval={}", skip_interval);
    return fmt::format("third-order:threshold={},max_skip_steps={},reference_quirk={},scope={}",
                       rule.threshold, rule.max_skip_steps, rule.reference_quirk, scope);
  }
};

CaseFunction skip_samples() {
  return case_function<SkipSampleCase>(
      {"adaptive-diffusion-sample",
       "samples of a mixture by DDIM, with steps that reuse the last noise predictions",
       oracle_slots(),
       {{"samples", "B,d"}, {"computed", "num_steps,B", CaseType::kInt}}},
      [](const SkipSampleCase& o, const CaseValues& in, CaseValues& out) {
        const GuidancePtr cfg = make_guidance(fmt::format("cfg:scale={}", o.guidance_scale));
        const Sampled sampled = sample_oracle(o, in, *cfg, o.spec());
        out.set("samples", sampled.x);
        out.set("computed", sampled.computed);
      });
}

}  // namespace guidance_cases

std::vector<CaseFunction> apg_guidance_functions() {
  using namespace guidance_cases;
  return {apg_trajectory(), apg_ddim_step(), apg_samples()};
}
std::vector<CaseFunction> adaptive_guidance_functions() {
  using namespace guidance_cases;
  return {adaptive_trajectory(), adaptive_samples(), linear_fit(), linear_samples()};
}
std::vector<CaseFunction> adaptive_diffusion_functions() {
  using namespace guidance_cases;
  return {third_order(), skip_samples()};
}

}  // namespace gradus
