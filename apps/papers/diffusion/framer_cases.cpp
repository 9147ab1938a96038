#include "apps/papers/diffusion/framer_cases.h"

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "nn/diffusion/framer_loss.h"

namespace gradus {
namespace framer_cases {

struct CutoffCase {
  double cutoff = 1.5;
  void visit(auto&& f) { f("cutoff", cutoff, "largest frequency of the low band", at_least(0)); }
};

struct Bands {
  Tensor magnitude, mask;
  Band low, high;
};
Bands bands_of(const Tensor& features, double cutoff) {
  Bands b{spectral_magnitude(features), low_band(features.dim(2), features.dim(3), cutoff), {}, {}};
  b.low = band_of(b.magnitude, b.mask);
  b.high = band_of(b.magnitude, real(1) - b.mask);
  return b;
}

CaseFunction bands() {
  return case_function<CutoffCase>(
      {"frequency-bands",
       "magnitudes of the centred transform, the low band, normalised vectors and energies of both",
       {{"features", "B,C,h,w"}},
       {{"magnitude", "B,C,h,w"},
        {"low_mask", "h,w", CaseType::kInt},
        {"low", "B,C*h*w"},
        {"high", "B,C*h*w"},
        {"energy_low", "B"},
        {"energy_high", "B"}}},
      [](const CutoffCase& o, const CaseValues& in, CaseValues& out) {
        const Bands b = bands_of(in.tensor("features"), o.cutoff);
        IntTensor mask(b.mask.shape());
        for (int64 i = 0; i < mask.numel(); ++i) mask.mutable_data()[i] = b.mask.data()[i] > 0;
        out.set("magnitude", b.magnitude);
        out.set("low_mask", mask);
        out.set("low", b.low.vector);
        out.set("high", b.high.vector);
        out.set("energy_low", b.low.energy);
        out.set("energy_high", b.high.energy);
      });
}

struct TemperatureCase {
  double temperature = 1;
  void visit(auto&& f) { f("temperature", temperature, "divides the cosines", positive()); }
};

CaseFunction contrast() {
  return case_function<TemperatureCase>(
      {"contrastive-losses",
       "within a sample and between samples, and gradients of their means by the student",
       {{"student", "B,D"}, {"teacher", "B,D"}, {"negative", "B,D"}},
       {{"intra", "B"}, {"inter", "B"}, {"grad_intra_student", "B,D"}, {"grad_inter_student", "B,D"}}},
      [](const TemperatureCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor student = variable(in.tensor("student"));
        const Contrast c = contrastive_losses(normalised_rows(student), normalised_rows(in.tensor("teacher")),
                                              normalised_rows(in.tensor("negative")), o.temperature);
        out.set("grad_intra_student", grad(mean(c.intra), {student}, {.retain_graph = true})[0]);
        out.set("grad_inter_student", grad(mean(c.inter), {student})[0]);
        out.set("intra", c.intra.detach());
        out.set("inter", c.inter.detach());
      });
}

CaseFunction modulation() {
  return case_function<CutoffCase>(
      {"modulation-weights",
       "weights of both bands by their energies and cosines",
       {{"student", "B,C,h,w"}, {"teacher", "B,C,h,w"}},
       {{"faw_low", "B"}, {"fam_low", "B"}, {"faw_high", "B"}, {"fam_high", "B"}}},
      [](const CutoffCase& o, const CaseValues& in, CaseValues& out) {
        const Bands s = bands_of(in.tensor("student"), o.cutoff),
                    t = bands_of(in.tensor("teacher"), o.cutoff);
        const Modulation low = modulation_weights(s.low, t.low), high = modulation_weights(s.high, t.high);
        out.set("faw_low", low.faw);
        out.set("fam_low", low.fam);
        out.set("faw_high", high.faw);
        out.set("fam_high", high.fam);
      });
}

CaseFunction loss() {
  return case_function<FramerOptions>(
      {"framer-loss",
       "self-distillation of feature maps by the last of them, and its gradients",
       {{"features", "n,B,C,h,w"}, {"random_layer", "n-1", CaseType::kInt}},
       {{"loss", ""}, {"layer_losses", "n-1"}, {"grad_features", "n,B,C,h,w"}}},
      [](const FramerOptions& o, const CaseValues& in, CaseValues& out) {
        const Tensor& all = in.tensor("features");
        const int64 n = all.dim(0), size = n ? all.numel() / n : 0;
        std::vector<Tensor> maps;
        for (int64 i = 0; i < n; ++i)
          maps.push_back(variable(all.rows(i, i + 1).view({all.dim(1), all.dim(2), all.dim(3), all.dim(4)})));
        const FramerLoss value = framer_loss(maps, in.ints("random_layer").span(), o);
        Tensor layers(Shape{n - 1}), grads = Tensor::zeros(all.shape());
        for (int64 i = 0; i + 1 < n; ++i)
          layers.mutable_data()[i] = value.layers[static_cast<size_t>(i)].item();
        const bool constant = n < 2 || (!o.use_intra && !o.use_inter);
        const std::vector<Tensor> g =
            constant ? std::vector<Tensor>(maps.size()) : grad(value.loss, maps, {.allow_unused = true});
        for (int64 i = 0; i < n; ++i)
          if (const Tensor& of = g[static_cast<size_t>(i)]; of.defined())
            std::copy_n(of.data(), size, grads.mutable_data() + i * size);
        out.set("loss", value.loss.detach());
        out.set("layer_losses", layers);
        out.set("grad_features", grads);
      });
}

}  // namespace framer_cases

std::vector<CaseFunction> framer_functions() {
  using namespace framer_cases;
  return {bands(), contrast(), modulation(), loss()};
}

}  // namespace gradus
