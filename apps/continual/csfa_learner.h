// CSFA on a stream: the first task trains a network with batch norm under cosines to prototypes; later classes are prototypes of a few
// shots, calibrated by those of the first task; an unlabelled drifting stream adapts scales and shifts (rsgs.h). Source: nn/continual/prototypes.h.
#pragma once

#include <optional>

#include "apps/continual/descent.h"
#include "apps/continual/learner.h"
#include "apps/continual/network.h"
#include "apps/continual/rsgs.h"
#include "nn/continual/prototypes.h"

namespace gradus {

struct CsfaOptions {
  double base_lr = 2e-3;
  int64 shots = 5;
  bool adapt = true;
  CalibrationOptions calibration{};
  RsgsOptions rsgs{};
  void visit(auto&& f) {
    f("base_lr", base_lr, "step size of Adam on the first task", positive());
    f("shots", shots, "labelled examples of each later class", at_least(1));
    calibration.visit(f);
    f("adapt", adapt, "to drifting streams");
    rsgs.visit(f);
  }
};

class CsfaLearner final : public ContinualLearner {
 public:
  using Options = CsfaOptions;
  CsfaLearner(const Options& options, const NetworkSizes& sizes);

  int64 steps(const ContinualTask& task, int64 planned) const override {
    return task.index == 0 ? planned : 0;
  }
  void begin(const ContinualTask& task, int64 steps, const Rng& rng) override;
  double step(const ContinualTask& task, const LabelledRows& batch, int64 s) override;
  void end(const ContinualTask& task, const Rng& rng) override;
  /// Cosines; batch norm takes the statistics of these rows.
  Tensor logits(const Tensor& x) const override;
  IntTensor predict_drifting(const Tensor& x) override;
  void state(const StateArchive& archive) override;
  std::vector<std::pair<std::string, Tensor>> weights() const override;

 private:
  Tensor features(std::span<const Tensor> lambda, const Tensor& x) const;
  void add_prototypes(const ContinualTask& task);
  void start_adapting();

  Options o_;
  NetworkSizes sizes_;
  Descent base_;
  Tensor w1_, w2_;                                 // (hidden, inputs), (width, hidden)
  std::vector<Tensor> lambda_;                     // scale, shift
  Tensor prototypes_, base_prototypes_, company_;  // company: rows that shots are normalised among
  std::optional<Rsgs> rsgs_;
};

}  // namespace gradus
