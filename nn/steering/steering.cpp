#include "nn/steering/steering.h"

#include <algorithm>
#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/kmeans.h"
#include "nn/losses.h"

namespace gradus {
namespace {

constexpr real kShortest = real(1e-12);

SteeringDirections directions_of(const KMeans& found, const Tensor& target, const Tensor& standard) {
  const int64 clusters = found.centroids.dim(0), n = target.dim(0),
              size = target.numel() / std::max<int64>(n, 1);
  std::vector<double> sums(static_cast<size_t>(clusters * size), 0),
      members(static_cast<size_t>(clusters), 0);
  for (int64 i = 0; i < n; ++i) {
    const int64 k = found.labels[static_cast<size_t>(i)];
    ++members[static_cast<size_t>(k)];
    for (int64 j = 0; j < size; ++j)
      sums[static_cast<size_t>(k * size + j)] += static_cast<double>(target.data()[i * size + j]) -
                                                 static_cast<double>(standard.data()[i * size + j]);
  }
  Tensor vectors({clusters, target.dim(1), target.dim(2)});
  for (int64 j = 0; j < clusters * size; ++j)
    vectors.mutable_data()[j] = static_cast<real>(sums[static_cast<size_t>(j)] /
                                                  std::max(members[static_cast<size_t>(j / size)], 1.0));
  return {found.labels, found.centroids, vectors, found.inertia};
}

}  // namespace

Tensor steering_features(const Tensor& target, const Tensor& standard) {
  if (target.rank() != 3 || target.shape() != standard.shape())
    fail<ShapeError>("steering: activations {} and {}: needs (N,L,d) twice", target.shape().str(),
                     standard.shape().str());
  const int64 n = target.dim(0), layers = target.dim(1), width = target.dim(2);
  const Tensor rows = reshape((target - standard).detach(), {n * layers, width});
  return reshape(normalise_rows(rows, kShortest), {n, layers * width}).detach();
}

SteeringDirections steering_directions(const Tensor& target, const Tensor& standard,
                                       std::span<const int64> start, int64 iterations) {
  return directions_of(kmeans(steering_features(target, standard), start, iterations), target, standard);
}
SteeringDirections steering_directions(const Tensor& target, const Tensor& standard, int64 clusters,
                                       Rng& rng) {
  return directions_of(kmeans(steering_features(target, standard), clusters, rng), target, standard);
}

Tensor SteeringProbe::standardise(const Tensor& activations) const { return (activations - mean) / std; }
Tensor SteeringProbe::logits(const Tensor& activations) const {
  return linear(standardise(activations), weight, bias);
}

void SteeringProbe::online_step(const Tensor& activation, int64 cluster, double lr) {
  const Tensor x = reshape(standardise(activation).detach(), {1, weight.dim(1)});
  Tensor slope = softmax(linear(x, weight.detach(), bias.detach())).clone();  // (1,K)
  if (cluster < 0 || cluster >= slope.numel())
    fail<DataError>("steering probe: cluster {} is not in 0..{}", cluster, slope.numel() - 1);
  slope.mutable_data()[cluster] -= 1;
  weight = (weight - matmul(slope, x, true) * static_cast<real>(lr)).detach();
  bias = (bias - reshape(slope, {slope.numel()}) * static_cast<real>(lr)).detach();
}

SteeringProbe zero_probe(const Tensor& activations, int64 clusters) {
  if (activations.rank() != 2 || activations.dim(0) < 1 || clusters < 1)
    fail<ShapeError>("steering probe: activations {} for {} clusters: needs (N,d)", activations.shape().str(),
                     clusters);
  const int64 width = activations.dim(1);
  SteeringProbe probe{mean(activations, {0}).detach(), sqrt(var(activations, {0}, false, 0)).detach().clone(),
                      Tensor::zeros({clusters, width}), Tensor::zeros({clusters})};
  for (int64 d = 0; d < width; ++d)
    if (probe.std.data()[d] == 0) probe.std.mutable_data()[d] = 1;
  return probe;
}

Tensor act_probs(const Tensor& activations, const Tensor& means) {
  return softmax(
      matmul(normalise_rows(activations, kShortest), normalise_rows(means, kShortest), false, true));
}

int64 online_refine(const Tensor& target, const Tensor& standard, Tensor& centroids,
                    std::vector<SteeringProbe>& probes, double online_lr, double centroid_rate) {
  if (target.rank() != 2 || target.dim(0) != std::ssize(probes))
    fail<ShapeError>("online_refine: activations {} for {} probes", target.shape().str(), probes.size());
  const int64 layers = target.dim(0), width = target.dim(1);
  const Shape one{1, layers, width};
  const Tensor feature = steering_features(target.view(one), standard.view(one));
  if (centroids.rank() != 2 || centroids.dim(1) != layers * width)
    fail<ShapeError>("online_refine: centroids {}: needs (K,{})", centroids.shape().str(), layers * width);
  const int64 z = nearest_row(centroids, feature.data());
  for (int64 l = 0; l < layers; ++l)
    probes[static_cast<size_t>(l)].online_step(standard.rows(l, l + 1), z, online_lr);
  real* c = centroids.mutable_data() + z * layers * width;
  for (int64 j = 0; j < layers * width; ++j)
    c[j] = static_cast<real>((1 - centroid_rate) * static_cast<double>(c[j]) +
                             centroid_rate * static_cast<double>(feature.data()[j]));
  return z;
}

Steered steer(const Tensor& hidden, const LayerSteering& layer, const SteeringOptions& o, int64 from) {
  const int64 clusters = layer.vectors.dim(0);
  if (hidden.rank() != 2 || layer.vectors.rank() != 2 || layer.vectors.dim(1) != hidden.dim(1))
    fail<ShapeError>("steer: hidden states {} and vectors {}: needs (T,d) and (K,d)", hidden.shape().str(),
                     layer.vectors.shape().str());
  const int64 rows = hidden.dim(0);
  from = std::min(std::max<int64>(from, 0), rows);
  Steered out{hidden, std::vector<int64>(static_cast<size_t>(rows), -1)};
  if (from == rows) return out;
  const Tensor moving = slice(hidden, 0, from, rows);
  Tensor probs = Tensor::ones({rows - from, 1});
  if (layer.act_means)
    probs = act_probs(moving, layer.act_means);
  else if (layer.probe.weight)
    probs = softmax(layer.probe.logits(moving));
  if (probs.dim(1) != clusters)
    fail<ShapeError>("steer: {} vectors, a probe of {} clusters", clusters, probs.dim(1));
  const IntTensor k = argmax(probs, 1);
  for (int64 t = from; t < rows; ++t) out.clusters[static_cast<size_t>(t)] = k[t - from];
  const Tensor added = o.mode == "soft" ? matmul(probs, layer.vectors) : embedding(layer.vectors, k);
  const Tensor parts[] = {slice(hidden, 0, 0, from), moving + added * static_cast<real>(o.alpha)};
  out.hidden = concat(parts, 0);
  return out;
}

}  // namespace gradus
