#include "nn/diffusion/framer_loss.h"

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {

Contrast contrastive_losses(const Tensor& student, const Tensor& teacher, const Tensor& negative,
                            double temperature) {
  if (student.rank() != 2 || !(student.shape() == teacher.shape()) ||
      (negative.defined() && !(student.shape() == negative.shape())))
    fail<ShapeError>("contrastive_losses: student {}, teacher {}{}", student.shape().str(),
                     teacher.shape().str(), negative.defined() ? ", negative " + negative.shape().str() : "");
  const int64 rows = student.dim(0);
  const auto tau = static_cast<real>(temperature);
  const Tensor all = matmul(student, teacher, false, true) / tau;   // (B,B); the diagonal is s+
  const Tensor positive = sum(student * teacher, {1}, true) / tau;  // (B,1)
  std::vector<Tensor> intra = {positive}, inter = {all};
  if (negative.defined()) {
    const Tensor apart = sum(student * negative, {1}, true) / tau;
    intra.push_back(apart);
    inter.push_back(apart);
  }
  const auto loss = [&](const std::vector<Tensor>& scores) {
    return logsumexp(concat(scores, 1), {1}) - reshape(positive, {rows});
  };
  return {loss(intra), loss(inter)};
}

Modulation modulation_weights(const Band& student, const Band& teacher) {
  const Recording off(false);
  const Tensor gap = abs(teacher.energy - student.energy) / (student.energy + real(1e-9));
  const Tensor cosine = sum(student.vector * teacher.vector, {1});
  return {reciprocal(gap + real(1)).detach(), relu(cosine).detach()};
}

FramerLoss framer_loss(std::span<const Tensor> features, std::span<const int64> random_layer,
                       const FramerOptions& o) {
  if (features.empty() || features.size() != random_layer.size() + 1)
    fail<ShapeError>("framer_loss: {} maps, {} negatives", features.size(), random_layer.size());
  for (const Tensor& f : features)
    if (f.rank() != 4 || !(f.shape() == features[0].shape()))
      fail<ShapeError>("framer_loss: maps {} and {}", features[0].shape().str(), f.shape().str());
  const size_t students = random_layer.size();
  const Tensor low = low_band(features[0].dim(2), features[0].dim(3), o.cutoff);
  const Tensor high = real(1) - low;
  const bool with_negative = o.random_negative && students > 1;
  std::vector<Band> lows, highs;  // the teacher's detached
  for (size_t i = 0; i <= students; ++i) {
    const Tensor a = spectral_magnitude(i == students ? features[i].detach() : features[i]);
    lows.push_back(band_of(a, low));
    highs.push_back(band_of(a, high));
  }
  FramerLoss out;
  out.loss = Tensor::scalar(0);
  for (size_t i = 0; i < students; ++i) {
    const auto j = static_cast<size_t>(random_layer[i]);
    if (with_negative && (random_layer[i] < 0 || j >= students))
      fail<DataError>("framer_loss: negative {} of student {}, expected 0..{}", random_layer[i], i,
                      students - 1);
    // The weighted mean of one term; modulation is of its own band.
    const auto term = [&](const std::vector<Band>& bands, bool inter) {
      const Contrast c =
          contrastive_losses(bands[i].vector, bands[students].vector,
                             with_negative ? bands[j].vector.detach() : Tensor(), o.temperature);
      const Modulation m = modulation_weights(bands[i], bands[students]);
      Tensor value = inter ? c.inter : c.intra;
      if (o.use_faw) value = value * m.faw;
      if (o.use_fam) value = value * m.fam;
      return mean(value);
    };
    Tensor layer = Tensor::scalar(0);
    if (o.use_intra) layer = layer + term(lows, false);
    if (o.use_inter) layer = layer + term(highs, true);
    out.layers.push_back(layer);
    out.loss = out.loss + layer;
  }
  const double scale = o.reduce == "mean" && students ? 1.0 / static_cast<double>(students) : 1.0;
  out.loss = out.loss * static_cast<real>(o.loss_weight * scale);
  return out;
}

}  // namespace gradus
