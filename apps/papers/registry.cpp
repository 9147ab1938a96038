#include <algorithm>

#include "apps/papers/entries.h"
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
      // layerwise: layer-wise, matrix and large-batch scaling, clipping
      lars(),
      lamb(),
      coordinate_clipping(),
      sgd_sai(),
      sgg(),
      subset_norm(),
      matrix_whitening(),
      adago(),
      lanton(),
      // stepsize: step sizes and schedules that set themselves
      adagrad_norm(),
      smb(),
      prodigy(),
      d_adaptation(),
      polyak_momentum(),
      momo(),
      aegd_preconditioned(),
      rmsprop_adam_affine(),
      // curvature: second order, sharpness, the shape of the loss
      oasis(),
      sania(),
      gradient_regularization(),
      amp(),
      // problems: losses and solvers for tasks of their own
      prospect(),
      neuralndcg(),
      scaledgd(),
      incremental_matrix_sensing(),
      noregret_games(),
      sketched_newton_al(),
      // federated: many clients that keep their data
      fedopt(),
      // backprop-free: training without a gradient through the whole network
      forward_gradient(),
      forward_gradient_local(),
      ulr(),
      scalable_ff(),
      gbnn(),
  };
  return table;
}

const Paper& find_paper(std::string_view slug) {
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
  static const std::vector<Baselines> table = {};
  return table;
}

}  // namespace gradus
