#include "nn/testtime/film.h"

#include <algorithm>

#include "autograd/ops/conv.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {
namespace {

// What a head adds to features of h x w: (B,C,h,w), or (B,C,1,1) where it is the same everywhere.
Tensor head_output(const Tensor& embedding, const Tensor& weight, const Tensor& bias, bool spatial, int64 h,
                   int64 w) {
  if (!spatial) {
    const Tensor y = linear(mean(embedding, {2, 3}), weight, bias);  // (B,C)
    return reshape(y, {y.dim(0), y.dim(1), 1, 1});
  }
  const bool same_size = embedding.dim(2) == h && embedding.dim(3) == w;
  ConvSpec spec;
  spec.pad_h = spec.pad_w = 1;
  return conv2d(same_size ? embedding : upsample_bilinear(embedding, h, w), weight, bias, spec);
}

void check_equal_shapes(const char* what, const Shape& a, const Shape& b) {
  if (!(a == b)) fail<ShapeError>("{}: {} and {}", what, a.str(), b.str());
}

}  // namespace

Tensor film_modulation(const Tensor& features, const Tensor& embedding, const FilmHead& head,
                       const FilmOptions& options) {
  if (features.rank() != 4 || embedding.rank() != 4 || features.dim(0) != embedding.dim(0))
    fail<ShapeError>("film_modulation: features {}, embedding {}", features.shape().str(),
                     embedding.shape().str());
  if (options.film == "full" && (!head.alpha_weight.defined() || !head.alpha_bias.defined()))
    fail<ShapeError>("film_modulation: film full wants alpha_weight and alpha_bias");
  const auto output = [&](const Tensor& weight, const Tensor& bias) {
    return head_output(embedding, weight, bias, options.spatial, features.dim(2), features.dim(3));
  };
  const Tensor beta = output(head.beta_weight, head.beta_bias);
  if (options.film == "shift") return relu(features + beta);
  return relu((output(head.alpha_weight, head.alpha_bias) + real(1)) * features + beta);
}

IntTensor feedback_mask(const Tensor& uniform, const IntTensor& valid, double density) {
  check_equal_shapes("feedback_mask", uniform.shape(), valid.shape());
  IntTensor mask(valid.shape());
  for (int64 i = 0; i < valid.numel(); ++i)
    mask.mutable_data()[i] = static_cast<double>(uniform.data()[i]) < density && valid[i] != 0;
  return mask;
}

Tensor controller_input(const Tensor& target, const Tensor& prediction, const Tensor& mask) {
  check_equal_shapes("controller_input", target.shape(), prediction.shape());
  return concat(std::vector{target * mask, prediction * mask}, 1);
}

Tensor masked_l1(const Tensor& prediction, const Tensor& target, const Tensor& mask,
                 const MaskedL1Options& options) {
  check_equal_shapes("masked_l1", prediction.shape(), target.shape());
  check_equal_shapes("masked_l1", prediction.shape(), mask.shape());
  const Tensor difference = abs(prediction * mask - target * mask);
  if (options.reduction == "all") return mean(difference);
  return sum(difference) / std::max(sum(mask.detach()).item(), real(1));
}

Tensor mask_values(const IntTensor& mask) {
  Tensor values(mask.shape());
  for (int64 i = 0; i < mask.numel(); ++i) values.mutable_data()[i] = mask[i] != 0 ? real(1) : real(0);
  return values;
}

}  // namespace gradus
