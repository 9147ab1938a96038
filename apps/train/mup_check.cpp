#include "apps/train/mup_check.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "apps/train/trainer.h"
#include "core/error.h"
#include "core/statistics.h"
#include "data/loader.h"
#include "nn/modes.h"
#include "nn/mup.h"

namespace gradus {
namespace {

// Whether a layer multiplies by weights of its own (norms and activations only follow).
bool has_weights(const Module& m) {
  return std::any_of(m.slots().begin(), m.slots().end(), [](const Module::NamedSlot& s) {
    const ParamKind kind = s.slot.parameter()->kind;
    return kind == ParamKind::kWeight || kind == ParamKind::kHead || kind == ParamKind::kEmbedding;
  });
}

using Outputs = std::vector<std::pair<std::string, Tensor>>;  // of the layers, in the order of their calls

Outputs outputs_on(Model& model, const Batch& batch) {
  Outputs all;
  const ModeScope evaluation(model, false);
  const Recording off(false);
  const CallTrace trace([&](Module& m, const Input&, const Tensor& y) {
    if (has_weights(m)) all.emplace_back(m.path(), y.clone());
  });
  model(input_of(batch));
  return all;
}

double moved_by(const Tensor& before, const Tensor& after) {
  double square = 0;
  for (int64 i = 0; i < before.numel(); ++i) {
    const double d = static_cast<double>(after.data()[i]) - static_cast<double>(before.data()[i]);
    square += d * d;
  }
  const double rms = std::sqrt(square / static_cast<double>(std::max<int64>(before.numel(), 1)));
  if (!std::isfinite(rms)) fail<NumericError>("coordinate check: the outputs are no longer finite");
  return rms;
}

}  // namespace

double MupCheck::worst() const {
  double worst = 0;
  for (const Layer& layer : layers)
    if (std::abs(layer.exponent) > std::abs(worst)) worst = layer.exponent;
  return worst;
}

MupCheck check_mup(TrainConfig config, const std::vector<int64>& widths, int64 steps,
                   const std::function<void(size_t)>& watch) {
  if (widths.size() < 2 || !std::is_sorted(widths.begin(), widths.end(), std::less_equal<>()))
    fail<UsageError>("coordinate check: needs two widths or more, each above the one before");
  const std::string model = config.model;
  const int64 own = width_of(model);
  config.epochs.reset();
  config.steps = steps;
  MupCheck check{.widths = widths, .layers = {}};
  for (size_t w = 0; w < widths.size(); ++w) {
    if (watch) watch(w);
    config.model = spec_at_width(model, widths[w], own);
    Trainer trainer(config);
    trainer.begin();
    std::vector<std::string> notes;
    const Loader probe(open_training_data(config, notes).train,
                       {.batch_size = config.batch_size, .prefetch = 0});
    const Batch batch = probe.make({});
    const Outputs before = outputs_on(trainer.model(), batch);
    for (int64 t = 0; t < steps; ++t) trainer.step_at(1);
    const Outputs after = outputs_on(trainer.model(), batch);
    for (size_t i = 0; i < before.size(); ++i) {
      if (w == 0) check.layers.push_back({before[i].first.empty() ? "(model)" : before[i].first, {}, 0});
      check.layers.at(i).moved.push_back(moved_by(before[i].second, after[i].second));
    }
  }
  const std::vector<double> x(widths.begin(), widths.end());
  for (MupCheck::Layer& layer : check.layers) {
    const bool moves = std::all_of(layer.moved.begin(), layer.moved.end(), [](double m) { return m > 0; });
    layer.exponent = moves ? log_log_slope(x, layer.moved) : std::nan("");
  }
  return check;
}

}  // namespace gradus
