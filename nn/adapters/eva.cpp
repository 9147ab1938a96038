#include "nn/adapters/eva.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "nn/adapters/lora.h"
#include "nn/modes.h"

namespace gradus {
namespace {

int64 most_components(const EvaOptions& o) {
  return static_cast<int64>(std::nearbyint(static_cast<double>(o.rank) * o.rho));
}

}  // namespace

std::vector<int64> allocate_ranks(const std::vector<std::vector<double>>& scores, int64 rank,
                                  const std::string& normalize) {
  struct Scored {
    double score;
    size_t layer;
  };
  std::vector<Scored> all;
  for (size_t l = 0; l < scores.size(); ++l) {
    double divisor = 1;
    if (normalize != "none") {
      double sum = 0, most = 0;
      for (const double s : scores[l]) sum += s, most = std::max(most, s);
      divisor = normalize == "sum" ? sum : most;
    }
    for (const double s : scores[l]) all.push_back({divisor != 0 ? s / divisor : s, l});
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Scored& a, const Scored& b) { return a.score > b.score; });
  const size_t budget = std::min(all.size(), scores.size() * static_cast<size_t>(rank));
  std::vector<int64> ranks(scores.size(), 0);
  for (size_t i = 0; i < budget; ++i) ++ranks[all[i].layer];
  return ranks;
}

EvaSearch::EvaSearch(std::vector<int64> source, const EvaOptions& options)
    : o_(options),
      source_(std::move(source)),
      ranks_(source_.size(), most_components(options)),
      pcas_(source_.size(), IncrementalPca(std::max<int64>(most_components(options), 1))),
      converged_(source_.size()) {
  for (size_t l = 0; l < source_.size(); ++l)
    if (source_[l] < 0 || source_[l] > static_cast<int64>(l) || !owner(static_cast<size_t>(source_[l])))
      fail<UsageError>("eva: layer {} cannot share the components of layer {}", l, source_[l]);
}

bool EvaSearch::settled(size_t l) const {
  if (ranks_[l] == 0) return true;
  if (converged_[l].empty()) return false;
  return std::all_of(converged_[l].begin(), converged_[l].begin() + ranks_[l], [](bool c) { return c; });
}

bool EvaSearch::done() const {
  if (steps_ >= o_.max_batches) return true;
  for (size_t l = 0; l < source_.size(); ++l)
    if (owner(l) && !settled(l)) return false;
  return true;
}

void EvaSearch::feed(std::span<const Tensor> inputs) {
  if (inputs.size() != source_.size())
    fail<ShapeError>("eva: inputs of {} layers for {}", inputs.size(), source_.size());
  ++steps_;
  bool all_known = true;
  for (size_t l = 0; l < source_.size(); ++l) {
    if (!owner(l)) continue;
    IncrementalPca& own = pcas_[l];
    if (!settled(l)) {
      const Tensor old = own.components();
      if (own.update(inputs[l])) {
        const Tensor& now = own.components();
        const int64 k = now.dim(0), d = now.dim(1);
        converged_[l].assign(static_cast<size_t>(k), false);
        for (int64 i = 0; old.defined() && i < k; ++i) {
          double cosine = 0;
          for (int64 j = 0; j < d; ++j)
            cosine += static_cast<double>(now.data()[i * d + j]) * static_cast<double>(old.data()[i * d + j]);
          converged_[l][static_cast<size_t>(i)] = cosine >= o_.tau;
        }
      }
    }
    all_known = all_known && own.updates() > 0;
  }
  if (!all_known) return;
  std::vector<std::vector<double>> ratios;
  for (size_t l = 0; l < source_.size(); ++l) ratios.push_back(pca(l).ratios());
  ranks_ = allocate_ranks(ratios, o_.rank);
}

Tensor EvaSearch::A(size_t l) const {
  if (pca(l).updates() == 0)
    fail<DataError>("eva: none of {} batches had {} rows for layer {}", steps_, most_components(o_), l);
  Tensor A = pca(l).components().rows(0, ranks_[l]).clone();
  if (o_.whiten) {
    real* a = A.mutable_data();
    const int64 d = A.dim(1);
    for (int64 i = 0; i < A.dim(0); ++i) {
      const real root = std::sqrt(pca(l).singular_values().data()[i]);
      for (int64 j = 0; j < d; ++j) a[i * d + j] /= root;
    }
  }
  return A;
}

double EvaSearch::alpha(size_t l) const {
  return o_.adjust_scaling_factors
             ? o_.lora_alpha * static_cast<double>(ranks_[l]) / static_cast<double>(o_.rank)
             : o_.lora_alpha;
}

std::vector<AdaptedLayer> attach_eva(Module& model, const EvaOptions& options, const std::string& targets,
                                     const std::function<Tensor()>& next, const Rng& rng,
                                     const std::string& form) {
  EvaOptions o = options;
  if (form == "start" || form == "orthonormal") o.rho = 1;
  std::vector<AdaptedLayer> layers = linear_layers(model, targets);
  std::vector<int64> source(layers.size(), 0);
  for (size_t l = 0; l < layers.size(); ++l) source[l] = static_cast<int64>(l);
  EvaSearch search(source, o);
  while (!search.done()) {
    std::vector<Tensor> inputs(layers.size());
    const Recording off(false);
    const ModeScope evaluation(model, false);
    const CallTrace trace([&](Module& m, const Input& x, const Tensor&) {
      for (size_t l = 0; l < layers.size(); ++l)
        if (layers[l].layer == &m) {
          const Tensor& values = x.values();
          const int64 d = values.dim(values.rank() - 1);
          inputs[l] = values.detach().view({values.numel() / d, d});
        }
    });
    model(next());
    search.feed(inputs);
  }
  freeze_all_but_head(model);
  for (size_t l = 0; l < layers.size(); ++l) {
    const int64 rank = search.ranks()[l];
    if (rank == 0) continue;
    auto& layer = dynamic_cast<Linear&>(*layers[l].layer);
    auto adapter = std::make_unique<LoraAdapter>(layer.in(), layer.out(),
                                                 LoraOptions{.rank = rank, .alpha = search.alpha(l)});
    LinearAdapter& attached = layer.attach_adapter(std::move(adapter));
    auto& lora = dynamic_cast<LoraAdapter&>(attached);
    if (form == "orthonormal") lora.A.set_init(init::orthogonal());
    attached.initialise(rng);
    if (form == "eva" || form == "start") {
      Tensor A = lora.A.parameter()->value.detach();
      A.copy_from(search.A(l));
    }
  }
  std::erase_if(layers, [](const AdaptedLayer& l) { return !l.adapter(); });
  return layers;
}

}  // namespace gradus
