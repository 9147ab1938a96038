#include <algorithm>

#include "apps/papers/adapters/lora_cases.h"
#include "apps/papers/continual/continual_baselines.h"
#include "apps/papers/diffusion/diffusion_cases.h"
#include "apps/papers/entries.h"
#include "apps/papers/language/rlhf_baselines.h"
#include "apps/papers/zoo/zoo.h"
#include "core/error.h"

namespace gradus {

const std::vector<Paper>& papers() {
  using namespace paper_entries;
  static const std::vector<Paper> table = {
      // adaptive: element-wise adaptive rules
      adabound(),
      adabelief(),
      adam_cm(),
      swats(),
      adamomentum(),
      diffgrad(),
      adamod(),
      adaptive_braking(),
      radam(),
      lion(),
      grams(),
      innaprop(),
      adamp(),
      adopt(),
      adan(),
      adam(),
      ademamix(),
      adafactor(),
      came(),
      mars(),
      opt_amsgrad(),
      novograd(),
      // layerwise: layer-wise, matrix and large-batch scaling, clipping
      lars(),
      lamb(),
      tvlars(),
      lawn(),
      nfnet_agc(),
      adagc(),
      component_clipping(),
      coordinate_clipping(),
      sgd_sai(),
      sgg(),
      subset_norm(),
      matrix_whitening(),
      adago(),
      lanton(),
      weight_conditioning(),
      mup_weight_decay(),
      adadagrad(),
      batch_lr_rmt(),
      // stepsize: step sizes and schedules that set themselves
      adagrad_norm(),
      smb(),
      prodigy(),
      d_adaptation(),
      polyak_momentum(),
      momo(),
      aegd_preconditioned(),
      rmsprop_adam_affine(),
      schedule_refinement(),
      // curvature: second order, sharpness, the shape of the loss
      oasis(),
      sania(),
      egn(),
      gradient_regularization(),
      amp(),
      sam_eos(),
      sharpness_generalization(),
      sgd_implicit_reg(),
      sgd_stability(),
      // problems: losses and solvers for tasks of their own
      prospect(),
      neuralndcg(),
      scaledgd(),
      incremental_matrix_sensing(),
      noregret_games(),
      sketched_newton_al(),
      config_pinn(),
      // federated: many clients that keep their data
      fedopt(),
      fedhyper(),
      delta_sgd(),
      local_scaling(),
      // bilevel: training inside training
      ift_hyperopt(),
      metagradient_descent(),
      oml(),
      multistep_metagrad(),
      adaptive_policy_gradient(),
      bib(),
      // backprop-free: training without a gradient through the whole network
      forward_gradient(),
      forward_gradient_local(),
      ulr(),
      scalable_ff(),
      gbnn(),
      // selection: which examples, which labels
      adaptive_k(),
      tailor(),
      learn_to_active_learn(),
      // adapters: few trained numbers beside a frozen network
      lora_pro(),
      eva(),
      ard_lora(),
      allora(),
      elalora(),
      c3a(),
      gmt(),
      bbtv2(),
      aft(),
      // language: models of text that are fine-tuned, aligned and steered
      sft_dpo(),
      constrained_rlhf(),
      adaptive_decoding(),
      gain_rl(),
      igf(),
      g_act(),
      continual_ema(),
      // testtime: networks that adapt to an input when it comes
      entropy_scale(),
      rna(),
      adaptive_smoothing(),
      // diffusion: images out of noise
      apg_guidance(),
      adaptive_guidance(),
      adaptive_diffusion(),
      dmmd(),
      framer(),
      // domain: neurons, fields, controllers, sounds, radio channels
      adaptive_whitening(),
      gain_control(),
      sape(),
      apecs(),
      soundscape_masker(),
      adafortitran(),
      // continual: tasks, classes and drift in turn
      foster(),
      rogo(),
      tag(),
      hard_ash(),
      amgc(),
      csfa(),
  };
  return table;
}

const Paper& find_paper(std::string_view slug) {
  if (slug == zoo().slug) return zoo();
  std::vector<std::string> names;
  for (const Paper& paper : papers()) {
    if (paper.slug == slug) return paper;
    names.push_back(paper.slug);
  }
  const std::string near = nearest(slug, names);
  fail<UsageError>("unknown paper '{}'{}; 'gradus papers list' names them all", slug,
                   near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
}

const std::vector<Baselines>& baselines() {
  static const std::vector<Baselines> table = {
      {"lora", "a product of two thin matrices beside a frozen weight, and DoRA", lora_functions()},
      {"rlhf-baselines", "losses on rewards and preferences that papers on language models share",
       rlhf_baseline_functions()},
      {"diffusion-baselines",
       "noise levels, predictions, samplers, the exact denoiser of a mixture, Frechet distance",
       diffusion_baseline_functions()},
      {"continual-baselines",
       "measures of tasks in turn, springs, distillation, exemplars and projections that papers on them "
       "share",
       continual_baseline_functions()},
  };
  return table;
}

}  // namespace gradus
