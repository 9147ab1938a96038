// A controller between a person and a machine, trained between imitating the person and imitating an expert.
//
// Paper: Juston, Gisi, Norris, Nottage, Soylemezoglu, "APECS: Adaptive Personalized Control System Architecture", 2025, arXiv
//        2503.09624.
//   y = lipschitz_output(features), u = sector_saturation(y, u_h)
//   J = gamma mean (u - u_e)^2 + (1 - gamma) mean (u - u_h)^2;  gamma < 0: worst_case_weight of the data
#pragma once

#include <memory>

#include "nn/control/lipschitz.h"
#include "nn/control/sector.h"

namespace gradus {

struct SharedControlOptions {
  double lipschitz = 2, gamma = -1, lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  SectorOptions sector;
  void visit(auto&& f) {
    f("lipschitz", lipschitz, "bound of the network's Lipschitz constant", at_least(0));
    sector.visit(f);
    f("gamma", gamma, "weight of the expert; < 0: so that both weigh the same at worst", Limits{.high = 1});
    f("lr", lr, "step size of Adam", positive());
    f("beta1", beta1, "of Adam", decay_rate());
    f("beta2", beta2, "of Adam", decay_rate());
    f("eps", eps, "of Adam", positive());
  }
};

class SharedControlTraining {
 public:
  /// features (B,n), u_h and u_e (B,m). Throws ShapeError.
  SharedControlTraining(const Tensor& features, const Tensor& u_h, const Tensor& u_e,
                        const LipschitzNet& start, const SharedControlOptions& options);
  ~SharedControlTraining();
  /// One step on all the data; returns J before it.
  double step();
  double loss() const;
  double gamma() const;
  /// The corrected commands of other features and commands.
  Tensor commands(const Tensor& features, const Tensor& u_h) const;
  LipschitzNet net() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gradus
