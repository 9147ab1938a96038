// Adaptive projected guidance.
//
// Paper: Sadat, Hilliges, Weber, "Eliminating Oversaturation and Artifacts of High Guidance Scales in Diffusion Models", ICLR 2025,
//        arXiv 2410.02416. Per sample, norms over all its numbers, m = 0 at the start of every trajectory:
//   d = cond - uncond + momentum*m;  m <- d  (before what follows)
//   d <- d min(1, norm_threshold/|d|)  where norm_threshold > 0
//   v = cond/max(|cond|, 1e-12);  par = <d,v> v;  upd = (d - par) + eta*par
//   formulation paper: cond + (scale - 1)*upd;  diffusers (as that library has it): uncond + scale*upd
// The part along the estimate only scales the image up, which saturates it. cond and uncond are estimates of the noise-free image:
// in another space it is another method. Departures: none.
#pragma once

#include "nn/diffusion/guidance.h"

namespace gradus {

struct ApgOptions {
  double scale = 4, eta = 0, norm_threshold = 0, momentum = -0.5;
  std::string formulation = "paper";
  void visit(auto&& f) { visit_as("scale", f); }
  void visit_as(const char* scale_name, auto&& f) {
    f(scale_name, scale, "1: the class alone");
    f("eta", eta,
      "share of the part along the estimate; 1 with no cap and momentum: classifier-free guidance");
    f("norm_threshold", norm_threshold, "cap on the norm of the difference; 0: none", at_least(0));
    f("momentum", momentum, "of the difference over steps; negative: away from what it was");
    f("formulation", formulation, "what the update stands on", choices({"paper", "diffusers"}));
  }
};

/// The guided estimate (B,...); moves the buffer m (B,...). Throws ShapeError.
Tensor apg_step(const Tensor& cond, const Tensor& uncond, Tensor& momentum_buffer, const ApgOptions& options);

class ProjectedGuidance : public Guidance {
 public:
  using Options = ApgOptions;
  explicit ProjectedGuidance(const Options& o) : o_(o) {}
  void begin(int64, int64) override { m_ = {}; }
  bool asks_uncond(int64, int64) const override { return true; }
  Tensor combine(const GuidanceStep& s) override {
    if (!m_.defined()) m_ = Tensor::zeros(s.cond.shape());
    return apg_step(s.cond, s.uncond, m_, o_);
  }

 private:
  Options o_;
  Tensor m_;
};

}  // namespace gradus
