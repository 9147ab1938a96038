// FRAMER: the last feature map of a denoiser teaches those before it, in low and high frequencies apart.
//
// Paper: Choi, Sung, Oh, "FRAMER: Frequency-Aligned Self-Distillation with Adaptive Modulation Leveraging Diffusion Priors for
//        Real-World Image Super-Resolution", CVPR 2026, arXiv 2512.01390. Vectors z of a band (frequency_bands.h), teacher n = last
//        map, student i < n, negative = another student drawn at random; teacher and negative are constants:
//   s+ = <z_i, z_n>,  s- = <z_i, z_negative>
//   intra (low band)  -log(e^(s+/tau) / (e^(s+/tau) + e^(s-/tau)))
//   inter (high band) the same with sum over other samples b' of e^(<z_i(b), z_n(b')>/tau) in the denominator too
//   faw = 1/(1 + |E_n - E_i|/(E_i + 1e-9)),  fam = max(0, cos(z_i, z_n)), both constants, of each band
//   loss = loss_weight * sum over i of mean over b of [faw fam intra] + [faw fam inter]
// Departures: the bands are cut by radial frequency; what the paper leaves open is said in frequency_bands.h.
#pragma once

#include <span>
#include <vector>

#include "autograd/graph.h"
#include "core/options.h"
#include "nn/diffusion/frequency_bands.h"

namespace gradus {

struct Contrast {
  Tensor intra, inter;  ///< (B)
};
/// Unit vectors (B,D), normalised_rows of theirs; an undefined negative: no s- term. Differentiable in all. Throws ShapeError.
Contrast contrastive_losses(const Tensor& student, const Tensor& teacher, const Tensor& negative,
                            double temperature = 1);

struct Modulation {
  Tensor faw, fam;  ///< (B), constants
};
Modulation modulation_weights(const Band& student, const Band& teacher);

struct FramerOptions {
  double cutoff = 1.5, temperature = 1, loss_weight = 1;
  bool use_intra = true, use_inter = true, use_faw = true, use_fam = true, random_negative = true;
  std::string reduce = "sum";
  void visit(auto&& f) {
    f("cutoff", cutoff, "largest frequency of the low band", at_least(0));
    f("temperature", temperature, "divides the cosines", positive());
    f("use_intra", use_intra, "the term on the low band");
    f("use_inter", use_inter, "the term on the high band");
    f("use_faw", use_faw, "weights by the bands' energies");
    f("use_fam", use_fam, "weights by the bands' cosines");
    f("random_negative", random_negative, "another student as a negative");
    f("reduce", reduce, "over students", choices({"sum", "mean"}));
    f("loss_weight", loss_weight, "of all", at_least(0));
  }
};
struct FramerLoss {
  Tensor loss;                 ///< scalar
  std::vector<Tensor> layers;  ///< scalars, by student
};
/// Maps (B,C,h,w) after each block, the last is the teacher; random_layer[i]: the negative of student i, another student. Throws
/// ShapeError for maps of different shapes, DataError for a negative that is no student.
FramerLoss framer_loss(std::span<const Tensor> features, std::span<const int64> random_layer,
                       const FramerOptions& options = {});

}  // namespace gradus
