#include "nn/signals/soundscape_head.h"

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {
namespace {

// (B,T,D) of the mix's features.
Tensor augmented_features(const SoundscapeHead& head, const Tensor& fs, const Tensor& fm,
                          const Tensor& gain_db, const std::string& cond) {
  const int64 B = fs.dim(0), T = fs.dim(1), D = fs.dim(2);
  const Tensor gam = reshape(gain_db / real(20), {B, 1});
  std::vector<Tensor> parts = {fs, fm};
  if (cond == "film") {
    const Tensor e =
        linear(linear_relu(gam, head.gain_w1, head.gain_b1), head.gain_w2, head.gain_b2);  // (B,2D)
    if (e.dim(1) != 2 * D)
      fail<ShapeError>("soundscape: gain_w2 {}, expected 2*{} rows", head.gain_w2.shape().str(), D);
    const Tensor both = reshape(e, {B, 1, 2 * D});
    parts[1] = slice(both, 2, 0, D) * fm + slice(both, 2, D, 2 * D);
  } else if (cond == "concat") {
    parts.push_back(broadcast_to(reshape(gam, {B, 1, 1}), {B, T, 1}));
  }
  return linear_relu(concat(parts, 2), head.aug_w, head.aug_b);
}

Tensor attended(const SoundscapeHead& head, const Tensor& q, const Tensor& k, const Tensor& v,
                const SoundscapeHeadOptions& o) {
  const int64 B = q.dim(0), T = q.dim(1), D = q.dim(2);
  if (o.attention == "additive") {
    if (!head.score_v.defined()) fail<ShapeError>("soundscape: attention additive wants score_v");
    const Tensor pairs = tanh(reshape(q, {B, T, 1, D}) + reshape(k, {B, 1, T, D}));
    return matmul(softmax(sum(pairs * head.score_v, {3}), 2), v);
  }
  const int64 heads = o.attention == "multihead" ? o.num_heads : 1;
  if (D % heads != 0) fail<UsageError>("soundscape: {} features in {} heads", D, heads);
  const auto sliced = [&](const Tensor& t) {  // (B,heads,T,D/heads)
    return permute(reshape(t, {B, T, heads, D / heads}), {0, 2, 1, 3});
  };
  return reshape(permute(attention(sliced(q), sliced(k), sliced(v)), {0, 2, 1, 3}), {B, T, D});
}

}  // namespace

SoundscapePrediction soundscape_prediction(const SoundscapeHead& head, const Tensor& features_soundscape,
                                           const Tensor& features_masker, const Tensor& gain_db,
                                           const SoundscapeHeadOptions& options) {
  const Tensor &fs = features_soundscape, &fm = features_masker;
  if (fs.rank() != 3 || !(fm.shape() == fs.shape()) || !(gain_db.shape() == Shape{fs.dim(0)}))
    fail<ShapeError>("soundscape: features {} and {}, gain_db {}", fs.shape().str(), fm.shape().str(),
                     gain_db.shape().str());
  SoundscapePrediction result;
  result.augmented = augmented_features(head, fs, fm, gain_db, options.cond);
  const Tensor q = linear(fs, head.q_w), k = linear(result.augmented, head.k_w),
               v = linear(result.augmented, head.v_w);
  const Tensor o = mean(attended(head, q, k, v, options), {1});  // (B,D)
  const Tensor out = linear(linear_relu(o, head.out_w1, head.out_b1), head.out_w2, head.out_b2);
  result.mu = reshape(slice(out, 1, 0, 1), {fs.dim(0)});
  result.log_sigma = reshape(slice(out, 1, 1, 2), {fs.dim(0)});
  return result;
}

}  // namespace gradus
