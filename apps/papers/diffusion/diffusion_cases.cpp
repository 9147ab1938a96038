#include "apps/papers/diffusion/diffusion_cases.h"

#include "apps/papers/landscape.h"
#include "nn/diffusion/frechet_distance.h"
#include "nn/diffusion/prediction.h"

namespace gradus {
namespace diffusion_cases {

std::vector<CaseSlot> oracle_slots(std::vector<CaseSlot> more) {
  std::vector<CaseSlot> slots = {{"x", "B,d", CaseType::kReal, "noise to start from"},
                                 {"labels", "B", CaseType::kInt},
                                 {"means", "C,d"},
                                 {"covariances", "C,d,d"},
                                 {"priors", "C"}};
  slots.insert(slots.end(), more.begin(), more.end());
  return slots;
}

Sampled sample_oracle(const SampleCase& o, const CaseValues& in, Guidance& guidance,
                      const std::string& skip) {
  GaussianOracle oracle(in.tensor("means"), in.tensor("covariances"), in.tensor("priors"));
  const SamplerPtr ddim = make_sampler("ddim");
  const SkipPolicyPtr policy = make_skip_policy(skip);
  return sample({oracle, *ddim, guidance, *policy, sampling_levels(noise_schedule(o.noise), o.num_steps)},
                in.tensor("x"), in.ints("labels"), Rng(0));
}

IntTensor evaluation_counts(const Sampled& sampled) {
  return IntTensor::from({std::ssize(sampled.evaluations)}, sampled.evaluations);
}

NoiseLevel level_of(const CaseValues& in, const std::string& name) { return {0, in.scalar(name)}; }

Tensor step_of(const Tensor& x, int64 i) {
  const std::vector<int64> dims(x.shape().begin() + 1, x.shape().end());
  return x.rows(i, i + 1).view(Shape(dims));
}

CaseFunction schedule() {
  return case_function<NoiseScheduleOptions>(
      {"beta-schedule",
       "beta and alpha_bar of every level",
       {},
       {{"betas", "num_train_steps"}, {"alpha_bar", "num_train_steps"}}},
      [](const NoiseScheduleOptions& o, const CaseValues&, CaseValues& out) {
        const NoiseSchedule n = noise_schedule(o);
        out.set("betas", tensor_of(n.betas));
        out.set("alpha_bar", tensor_of(n.alpha_bar));
      });
}

struct TimestepCase {
  int64 num_steps = 50, num_train_steps = 1000;
  void visit(auto&& f) {
    f("num_steps", num_steps, "levels on the way", at_least(1));
    f("num_train_steps", num_train_steps, "levels of noise", at_least(1));
  }
};

CaseFunction timesteps() {
  return case_function<TimestepCase>({"sampling-timesteps",
                                      "which levels a sampler visits",
                                      {},
                                      {{"timesteps", "num_steps", CaseType::kInt}}},
                                     [](const TimestepCase& o, const CaseValues&, CaseValues& out) {
                                       const std::vector<int64> t =
                                           sampling_timesteps(o.num_steps, o.num_train_steps);
                                       out.set("timesteps", IntTensor::from({std::ssize(t)}, t));
                                     });
}

CaseFunction noised() {
  return case_function<NoOptions>(
      {"q-sample",
       "images with noise of their level, and v",
       {{"x0", "B,..."}, {"noise", "B,..."}, {"t", "B", CaseType::kInt}, {"alpha_bar", "T"}},
       {{"x_t", "B,..."}, {"v", "B,..."}}},
      [](const NoOptions&, const CaseValues& in, CaseValues& out) {
        const Noised n = q_sample(in.tensor("x0"), in.tensor("noise"), in.ints("t").span(),
                                  doubles_of(in.tensor("alpha_bar")));
        out.set("x_t", n.x_t);
        out.set("v", n.v);
      });
}

struct ConvertCase {
  std::string prediction_type = "v";
  bool clip_sample = false;
  double clip_range = 1;
  void visit(auto&& f) {
    f("prediction_type", prediction_type, "what the network predicts", prediction_choices());
    f("clip_sample", clip_sample, "keep x0 within the range");
    f("clip_range", clip_range, "half of it", positive());
  }
  std::optional<double> clip() const { return clip_sample ? std::optional(clip_range) : std::nullopt; }
};

CaseFunction convert() {
  return case_function<ConvertCase>({"convert-prediction",
                                     "image, noise and v from what a network predicts",
                                     {{"model_output", "B,..."}, {"x", "B,..."}, {"alpha_bar_t", "B"}},
                                     {{"x0", "B,..."}, {"epsilon", "B,..."}, {"v", "B,..."}}},
                                    [](const ConvertCase& o, const CaseValues& in, CaseValues& out) {
                                      const ConvertedPrediction p = convert_prediction(
                                          prediction_of(o.prediction_type), in.tensor("model_output"),
                                          in.tensor("x"), doubles_of(in.tensor("alpha_bar_t")), o.clip());
                                      out.set("x0", p.x0);
                                      out.set("epsilon", p.epsilon);
                                      out.set("v", p.v);
                                    });
}

struct ScaleCase {
  double guidance_scale = 4;
  void visit(auto&& f) { f("guidance_scale", guidance_scale, "1: the class alone"); }
};

CaseFunction guided() {
  return case_function<ScaleCase>(
      {"classifier-free-guidance",
       "uncond + guidance_scale (cond - uncond)",
       {{"cond", "..."}, {"uncond", "..."}},
       {{"prediction", "..."}}},
      [](const ScaleCase& o, const CaseValues& in, CaseValues& out) {
        out.set("prediction", classifier_free(in.tensor("cond"), in.tensor("uncond"), o.guidance_scale));
      });
}

// Inputs of one step, and x0 and the noise in x as ConvertCase says.
std::vector<CaseSlot> step_slots() {
  return {{"x", "B,..."},
          {"model_output", "B,..."},
          {"noise", "B,..."},
          {"alpha_bar_t", ""},
          {"alpha_bar_prev", ""}};
}
ConvertedPrediction predictions_of(const ConvertCase& o, const CaseValues& in) {
  const Tensor& x = in.tensor("x");
  const std::vector<double> levels(static_cast<size_t>(x.dim(0)), in.scalar("alpha_bar_t"));
  return convert_prediction(prediction_of(o.prediction_type), in.tensor("model_output"), x, levels, o.clip());
}

struct DdimCase : ConvertCase {
  double eta = 0;
  DdimCase() { prediction_type = "epsilon"; }
  void visit(auto&& f) {
    ConvertCase::visit(f);
    f("eta", eta, "share of fresh noise", at_least(0));
  }
};

CaseFunction ddim() {
  return case_function<DdimCase>(
      {"ddim-step", "one step of DDIM", step_slots(), {{"x_prev", "B,..."}, {"x0", "B,..."}}},
      [](const DdimCase& o, const CaseValues& in, CaseValues& out) {
        const ConvertedPrediction p = predictions_of(o, in);
        out.set("x_prev", ddim_step(p.x0, p.epsilon, level_of(in, "alpha_bar_t"),
                                    level_of(in, "alpha_bar_prev"), o.eta, in.tensor("noise")));
        out.set("x0", p.x0);
      });
}

struct DdpmCase : ConvertCase {
  std::string variance = "fixed_small";
  DdpmCase() { prediction_type = "epsilon"; }
  void visit(auto&& f) {
    ConvertCase::visit(f);
    f("variance", variance, "of the fresh noise", choices({"fixed_small", "fixed_large"}));
  }
};

CaseFunction ddpm() {
  return case_function<DdpmCase>(
      {"ddpm-step", "one step of DDPM", step_slots(), {{"x_prev", "B,..."}, {"mean", "B,..."}, {"std", ""}}},
      [](const DdpmCase& o, const CaseValues& in, CaseValues& out) {
        const DdpmStep step =
            ddpm_step(in.tensor("x"), predictions_of(o, in).x0, level_of(in, "alpha_bar_t"),
                      level_of(in, "alpha_bar_prev"), o.variance == "fixed_large", in.tensor("noise"));
        out.set("x_prev", step.x_prev);
        out.set("mean", step.mean);
        out.set("std", step.std);
      });
}

CaseFunction oracle() {
  return case_function<NoOptions>(
      {"gaussian-oracle",
       "the exact denoiser of a mixture of Gaussians",
       {{"x", "B,d"}, {"alpha_bar_t", ""}, {"means", "C,d"}, {"covariances", "C,d,d"}, {"priors", "C"}},
       {{"x0_class", "B,C,d"}, {"posterior", "B,C"}, {"x0_uncond", "B,d"}}},
      [](const NoOptions&, const CaseValues& in, CaseValues& out) {
        const GaussianOracle mixture(in.tensor("means"), in.tensor("covariances"), in.tensor("priors"));
        const GaussianOracle::Answer a = mixture.all(in.tensor("x"), in.scalar("alpha_bar_t"));
        out.set("x0_class", a.x0_class);
        out.set("posterior", a.posterior);
        out.set("x0_uncond", a.x0_uncond);
      });
}

struct DdimSampleCase : SampleCase {
  double guidance_scale = 4;
  void visit(auto&& f) {
    visit_sampling(f);
    f("guidance_scale", guidance_scale, "1: the class alone");
  }
};

CaseFunction ddim_samples() {
  return case_function<DdimSampleCase>({"ddim-sample",
                                        "samples of a mixture by DDIM under classifier-free guidance",
                                        oracle_slots(),
                                        {{"samples", "B,d"}}},
                                       [](const DdimSampleCase& o, const CaseValues& in, CaseValues& out) {
                                         const GuidancePtr cfg =
                                             make_guidance(fmt::format("cfg:scale={}", o.guidance_scale));
                                         out.set("samples", sample_oracle(o, in, *cfg).x);
                                       });
}

CaseFunction frechet() {
  return case_function<NoOptions>(
      {"frechet-distance",
       "of two Gaussians fitted to features",
       {{"features_a", "n,d"}, {"features_b", "m,d"}},
       {{"distance", ""}}},
      [](const NoOptions&, const CaseValues& in, CaseValues& out) {
        out.set("distance", frechet_distance(in.tensor("features_a"), in.tensor("features_b")));
      });
}

}  // namespace diffusion_cases

std::vector<CaseFunction> diffusion_baseline_functions() {
  using namespace diffusion_cases;
  return {schedule(), timesteps(), noised(), convert(),      guided(),
          ddim(),     ddpm(),      oracle(), ddim_samples(), frechet()};
}

}  // namespace gradus
