#include "nn/layer_table.h"

#include <algorithm>
#include <unordered_set>

#include "nn/modes.h"

namespace gradus {

LayerTable layer_table(Model& model) {
  const Recording off(false);
  const ModeScope evaluation(model, false);
  LayerTable table;
  std::unordered_set<const Parameter*> seen;
  const CallTrace trace([&](Module& m, const Input& x, const Tensor& y) {
    int64 parameters = 0;
    for (const Module::NamedSlot& s : m.slots())
      if (seen.insert(s.slot.parameter().get()).second) parameters += s.slot.shape().numel();
    const int64 flops = m.flops(x.shape(), y.shape());
    table.flops += flops;
    if (parameters || flops) table.rows.push_back({m.path(), m.describe(), y.shape(), parameters, flops});
  });
  model(model.example(1));
  for (const ParameterPtr& p : model.parameters()) {
    table.parameters += p->value.numel();
    if (!p->frozen) table.trainable += p->value.numel();
  }
  return table;
}

std::string short_number(int64 n) {
  constexpr std::pair<double, const char*> kUnits[] = {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}};
  for (const auto& [size, unit] : kUnits)
    if (static_cast<double>(n) >= size) return fmt::format("{:.3g}{}", static_cast<double>(n) / size, unit);
  return fmt::format("{}", n);
}

std::string LayerTable::str() const {
  std::vector<std::array<std::string, 5>> cells{{"name", "layer", "output", "parameters", "flops"}};
  for (const LayerRow& r : rows)
    cells.push_back({r.name.empty() ? "(model)" : r.name, r.layer, r.output.str(),
                     fmt::format("{}", r.parameters), short_number(r.flops)});
  cells.push_back({"total", fmt::format("{} trainable", trainable), "", fmt::format("{}", parameters),
                   short_number(flops)});
  std::array<size_t, 5> width{};
  for (const auto& row : cells)
    for (size_t i = 0; i < 5; ++i) width[i] = std::max(width[i], row[i].size());
  std::string text;
  for (const auto& r : cells)
    text += fmt::format("{:<{}}  {:<{}}  {:<{}}  {:>{}}  {:>{}}\n", r[0], width[0], r[1], width[1], r[2],
                        width[2], r[3], width[3], r[4], width[4]);
  return text;
}

}  // namespace gradus
