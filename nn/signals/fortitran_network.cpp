#include "nn/signals/fortitran_network.h"

#include <fmt/format.h>

#include <cmath>

#include "autograd/ops/matmul.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {

void FortitranNetwork::add(const std::string& name, ParamKind kind, const Shape& shape, int64 inputs,
                           const Rng& rng) {
  Tensor value = Tensor::full(shape, kind == ParamKind::kNorm ? real(1) : real(0));
  Rng draw = rng.fork(name);
  if (kind == ParamKind::kEmbedding) value = draw.normal_tensor(shape, 0, real(0.02));
  if (inputs > 0) {
    const real bound = static_cast<real>(1 / std::sqrt(static_cast<double>(inputs)));
    value = draw.uniform_tensor(shape, -bound, bound);
  }
  parameters_.push_back(make_parameter(name, kind, value));
}

FortitranNetwork::FortitranNetwork(const FortitranSize& size, const Rng& rng) : size_(size) {
  const FortitranSize& s = size_;
  const bool linear_alone = s.kind == "linear", convolutions = s.kind.ends_with("fortitran");
  if (!linear_alone && !convolutions && s.kind != "transformer")
    fail<UsageError>("channel network: kind '{}', expected adafortitran, fortitran, transformer, linear",
                     s.kind);
  size_.use_adapter = s.kind == "adafortitran";
  const auto weight = [&](const std::string& name, const Shape& shape) {
    const int64 inputs = shape.numel() / shape[0];
    add(name + ".weight", ParamKind::kWeight, shape, inputs, rng);
    add(name + ".bias", ParamKind::kBias, {shape[0]}, inputs, rng);
  };
  const int64 cells = s.subcarriers * s.symbols;
  weight("up", {cells, s.pilot_rows * s.pilot_columns});
  if (linear_alone) return;
  const int64 patch = s.patch_height * s.patch_width;
  if (s.subcarriers % s.patch_height != 0 || s.symbols % s.patch_width != 0 ||
      cells / patch > s.num_positions || s.width % s.num_heads != 0)
    fail<ShapeError>("channel network: {} x {} in patches of {} x {}, {} positions; width {}, {} heads",
                     s.subcarriers, s.symbols, s.patch_height, s.patch_width, s.num_positions, s.width,
                     s.num_heads);
  if (convolutions)
    for (const char* enhancer : {"conv1", "conv2"}) {
      const int64 widths[] = {1, s.conv_channels[0], s.conv_channels[1], s.conv_channels[2], 1};
      for (size_t i = 0; i < 4; ++i)
        weight(fmt::format("{}.{}", enhancer, i), {widths[i + 1], widths[i], 3, 3});
    }
  if (size_.use_adapter) {
    const int64 tokens = cells / patch;
    const int64 widths[] = {1, s.adapter_hidden[0], s.adapter_hidden[1], 2 * tokens};
    for (size_t i = 0; i < 3; ++i) {
      add(fmt::format("adapter.{}.weight", i), ParamKind::kWeight, {3, widths[i + 1], widths[i]}, widths[i],
          rng);
      add(fmt::format("adapter.{}.bias", i), ParamKind::kBias, {3, widths[i + 1]}, widths[i], rng);
    }
  }
  const int64 d = s.width;
  weight("in", {d, patch + (size_.use_adapter ? 6 : 0)});
  add("positions", ParamKind::kEmbedding, {s.num_positions, d}, 0, rng);
  for (int64 layer = 0; layer < s.num_layers; ++layer) {
    const auto name = [&](const char* part) { return fmt::format("layers.{}.{}", layer, part); };
    weight(name("attention_in"), {3 * d, d});
    weight(name("attention_out"), {d, d});
    for (const char* norm : {"ln1", "ln2"}) {
      add(name(norm) + ".weight", ParamKind::kNorm, {d}, 0, rng);
      add(name(norm) + ".bias", ParamKind::kBias, {d}, 0, rng);
    }
    weight(name("ff1"), {s.feed_forward, d});
    weight(name("ff2"), {d, s.feed_forward});
  }
  weight("out", {patch, d});
}

Tensor FortitranNetwork::estimate(std::span<const Tensor> values, const Tensor& pilots,
                                  const Tensor& conditions) const {
  const FortitranSize& s = size_;
  size_t next = 0;
  FortitranWeights w;
  w.up_w = values[next++], w.up_b = values[next++];
  if (s.kind == "linear")
    return reshape(linear(flatten(pilots, 1), w.up_w, w.up_b), {pilots.dim(0), s.subcarriers, s.symbols});
  // Without kernels an enhancer leaves the grid as it is.
  if (s.kind != "transformer")
    for (const auto& [weights, biases] :
         {std::pair{&w.conv1_w, &w.conv1_b}, std::pair{&w.conv2_w, &w.conv2_b}})
      for (int i = 0; i < 4; ++i) weights->push_back(values[next++]), biases->push_back(values[next++]);
  if (s.use_adapter)
    for (size_t i = 0; i < 3; ++i) w.adapter.w[i] = values[next++], w.adapter.b[i] = values[next++];
  w.in_w = values[next++], w.in_b = values[next++];
  const int64 tokens = s.subcarriers * s.symbols / (s.patch_height * s.patch_width);
  w.positions = slice(values[next++], 0, 0, tokens);
  for (int64 layer = 0; layer < s.num_layers; ++layer) {
    EncoderWeights e;
    for (Tensor* t : {&e.attn_in_w, &e.attn_in_b, &e.attn_out_w, &e.attn_out_b, &e.ln1_w, &e.ln1_b, &e.ln2_w,
                      &e.ln2_b, &e.ff1_w, &e.ff1_b, &e.ff2_w, &e.ff2_b})
      *t = values[next++];
    w.layers.push_back(e);
  }
  w.out_w = values[next++], w.out_b = values[next++];
  return fortitran(w, pilots, conditions, s.subcarriers, s.symbols, s);
}

}  // namespace gradus
