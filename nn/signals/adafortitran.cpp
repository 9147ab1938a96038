#include "nn/signals/adafortitran.h"

#include "autograd/ops/conv.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {
namespace {

Tensor encoder_layer(const EncoderWeights& w, const Tensor& x, int64 heads) {
  const int64 d = x.dim(2);
  if (d % heads != 0) fail<ShapeError>("fortitran: {} features in {} heads", d, heads);
  const Tensor mixed =
      linear(self_attention(linear(x, w.attn_in_w, w.attn_in_b), heads), w.attn_out_w, w.attn_out_b);
  const Tensor y = layer_norm(x + mixed, w.ln1_w, w.ln1_b);
  return layer_norm(y + linear(linear_gelu(y, w.ff1_w, w.ff1_b), w.ff2_w, w.ff2_b), w.ln2_w, w.ln2_b);
}

}  // namespace

Tensor conv_enhancer(const std::vector<Tensor>& w, const std::vector<Tensor>& b, const Tensor& grid) {
  ConvSpec same;
  same.pad_h = same.pad_w = 1;
  Tensor x = reshape(grid, {grid.dim(0), 1, grid.dim(1), grid.dim(2)});
  for (size_t i = 0; i < w.size(); ++i)
    x = i + 1 < w.size() ? conv2d_relu(x, w[i], b[i], same) : conv2d(x, w[i], b[i], same);
  return reshape(x, {grid.dim(0), grid.dim(1), grid.dim(2)});
}

Tensor fortitran(const FortitranWeights& weights, const Tensor& pilots, const Tensor& conditions,
                 int64 subcarriers, int64 symbols, const FortitranOptions& options) {
  const Tensor up = linear(flatten(pilots, 1), weights.up_w, weights.up_b);
  if (up.dim(1) != subcarriers * symbols)
    fail<ShapeError>("fortitran: up_w {} for a grid of {} x {}", weights.up_w.shape().str(), subcarriers,
                     symbols);
  const Tensor local =
      conv_enhancer(weights.conv1_w, weights.conv1_b, reshape(up, {pilots.dim(0), subcarriers, symbols}));
  Tensor tokens = patch_tokens(local, options);
  if (options.use_adapter) {
    if (!conditions.defined()) fail<ShapeError>("fortitran: the adapter wants conditions");
    tokens = concat(std::vector{tokens, adapter_tokens(weights.adapter, conditions)}, 2);
  }
  Tensor x = linear(tokens, weights.in_w, weights.in_b) + weights.positions;
  for (const EncoderWeights& layer : weights.layers) x = encoder_layer(layer, x, options.num_heads);
  const Tensor global = fold_tokens(linear(x, weights.out_w, weights.out_b), subcarriers, symbols, options);
  return conv_enhancer(weights.conv2_w, weights.conv2_b, local + global);
}

}  // namespace gradus
