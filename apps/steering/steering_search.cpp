#include "apps/steering/steering_search.h"

#include <algorithm>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "core/glob.h"
#include "nn/layers/transformer.h"
#include "nn/modes.h"
#include "nn/steering/taps.h"

namespace gradus {
namespace {

Tensor rows_of_layer(const Tensor& activations, int64 layer) {  // (N,L,d) -> (N,d)
  return reshape(slice(activations, 1, layer, layer + 1), {activations.dim(0), activations.dim(2)}).detach();
}

}  // namespace

std::vector<std::string> steered_modules(Model& model, const std::string& layers) {
  std::vector<std::string> blocks, all;
  model.visit([&](Module& m, const std::string& path) {
    if (path.empty()) return;
    all.push_back(path);
    if (dynamic_cast<TransformerBlock*>(&m)) blocks.push_back(path);
  });
  std::vector<std::string> found;
  for (size_t from = 0; from <= layers.size();) {
    const size_t to = std::min(layers.find('+', from), layers.size());
    const std::string pattern = to > from ? layers.substr(from, to - from) : "*";
    from = to + 1;
    const auto meant = [&](const std::string& path) { return names_module(pattern, path); };
    const bool of_blocks = pattern == "*" || std::any_of(blocks.begin(), blocks.end(), meant);
    bool any = false;
    for (const std::string& path : of_blocks ? blocks : all) {
      if (!meant(path)) continue;
      any = true;
      if (std::find(found.begin(), found.end(), path) == found.end()) found.push_back(path);
    }
    if (!any)
      fail<UsageError>("--layer {}: no layer of {} is called so; there are {}", pattern, model.spec(),
                       fmt::join(blocks.empty() ? all : blocks, ", "));
  }
  return found;
}

Tensor text_activations(TokenModel& model, const std::vector<std::string>& modules,
                        const std::vector<std::vector<int64>>& texts, bool mean,
                        const std::function<void(int64)>& each) {
  const ModeScope evaluation(model, false);
  std::vector<Tensor> rows;
  for (const std::vector<int64>& text : texts) {
    if (text.empty()) fail<UsageError>("steering: a text without a token");
    const int64 size = std::min(std::ssize(text), model.block());
    const IntTensor ids =
        IntTensor::from({1, size}, std::span<const int64>(text).last(static_cast<size_t>(size)));
    std::vector<Tensor> layers;
    for (const Tensor& h : read_activations(model, modules, ids)) {
      const size_t l = layers.size();
      if (h.rank() != 3 || h.dim(0) != 1 || h.dim(1) != size || (l > 0 && h.dim(2) != layers[0].dim(0)))
        fail<UsageError>("steering: {} gives {} for {} tokens: needs rows of one width for all layers",
                         modules[l], h.shape().str(), size);
      const Tensor states = reshape(h, {size, h.dim(2)});
      layers.push_back(
          reshape(mean ? gradus::mean(states, {0}) : slice(states, 0, size - 1, size), {h.dim(2)}));
    }
    rows.push_back(stack(layers, 0).detach());
    if (each) each(std::ssize(rows));
  }
  return stack(rows, 0).detach();
}

FoundSteering search_steering(const std::vector<std::string>& modules, const Tensor& target,
                              const Tensor& standard, const SteeringSearchOptions& o, Rng rng) {
  const Recording off(false);
  FoundSteering found;
  if (o.clusters == 1) {
    const Tensor vectors = (mean(target, {0}) - mean(standard, {0})).detach();  // (L,d)
    for (size_t l = 0; l < modules.size(); ++l) {
      const auto row = static_cast<int64>(l);
      found.modules.push_back({modules[l], {vectors.rows(row, row + 1).clone(), {}, {}}});
    }
    found.members = {target.dim(0)};
    return found;
  }
  if (target.dim(0) != standard.dim(0))
    fail<UsageError>("--clusters {}: needs texts in pairs, line by line; there are {} and {}", o.clusters,
                     target.dim(0), standard.dim(0));
  if (o.clusters > target.dim(0))
    fail<UsageError>("--clusters {}: there are {} pairs of texts", o.clusters, target.dim(0));
  const SteeringDirections directions = steering_directions(target, standard, o.clusters, rng);
  found.members.assign(static_cast<size_t>(o.clusters), 0);
  for (const int64 k : directions.labels) ++found.members[static_cast<size_t>(k)];
  for (size_t l = 0; l < modules.size(); ++l) {
    const auto layer = static_cast<int64>(l);
    const TrainedProbe probe = train_probe(rows_of_layer(standard, layer), directions.labels, o.clusters, o);
    found.modules.push_back(
        {modules[l], {rows_of_layer(directions.vectors, layer).clone(), probe.probe, {}}});
    found.probe_accuracies.push_back(probe.accuracy);
  }
  return found;
}

}  // namespace gradus
