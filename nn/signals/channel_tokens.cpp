#include "nn/signals/channel_tokens.h"

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {
namespace {

void check_cover(const char* what, int64 subcarriers, int64 symbols, const PatchOptions& o) {
  if (subcarriers % o.patch_height != 0 || symbols % o.patch_width != 0)
    fail<ShapeError>("{}: a grid of {} x {} is no whole number of patches of {} x {}", what, subcarriers,
                     symbols, o.patch_height, o.patch_width);
}

}  // namespace

Tensor patch_tokens(const Tensor& grid, const PatchOptions& o) {
  if (grid.rank() != 3) fail<ShapeError>("patch_tokens: grid {}, expected (B,S,M)", grid.shape().str());
  const int64 B = grid.dim(0), S = grid.dim(1), M = grid.dim(2), h = o.patch_height, w = o.patch_width;
  check_cover("patch_tokens", S, M, o);
  const Tensor patches = permute(reshape(grid, {B, S / h, h, M / w, w}), {0, 1, 3, 2, 4});
  return reshape(patches, {B, (S / h) * (M / w), h * w});
}

Tensor fold_tokens(const Tensor& tokens, int64 subcarriers, int64 symbols, const PatchOptions& o) {
  const int64 h = o.patch_height, w = o.patch_width;
  check_cover("fold_tokens", subcarriers, symbols, o);
  const int64 down = subcarriers / h, across = symbols / w;
  if (tokens.rank() != 3 || tokens.dim(1) != down * across || tokens.dim(2) != h * w)
    fail<ShapeError>("fold_tokens: tokens {}, expected (B, {}, {})", tokens.shape().str(), down * across,
                     h * w);
  const int64 B = tokens.dim(0);
  return reshape(permute(reshape(tokens, {B, down, across, h, w}), {0, 1, 3, 2, 4}),
                 {B, subcarriers, symbols});
}

Tensor adapter_tokens(const ChannelAdapter& adapter, const Tensor& conditions) {
  if (conditions.rank() != 2 || conditions.dim(1) != 3 || adapter.w[2].dim(1) % 2 != 0)
    fail<ShapeError>("adapter_tokens: conditions {}, w3 {}", conditions.shape().str(),
                     adapter.w[2].shape().str());
  std::vector<Tensor> codes;
  for (int64 i = 0; i < 3; ++i) {
    Tensor code = slice(conditions, 1, i, i + 1);  // (B,1)
    for (size_t layer = 0; layer < 3; ++layer) {
      const Tensor &w = adapter.w[layer], &b = adapter.b[layer];
      const Tensor own_w = reshape(slice(w, 0, i, i + 1), {w.dim(1), w.dim(2)}),
                   own_b = reshape(slice(b, 0, i, i + 1), {b.dim(1)});
      code = layer < 2 ? linear_relu(code, own_w, own_b) : linear(code, own_w, own_b);
    }
    codes.push_back(reshape(code, {conditions.dim(0), code.dim(1) / 2, 2}));
  }
  return concat(codes, 2);
}

}  // namespace gradus
