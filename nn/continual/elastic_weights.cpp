#include "nn/continual/elastic_weights.h"

#include <algorithm>

#include "autograd/functional/per_sample.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {
namespace {

constexpr int64 kFisherRows = 64;  // gradients that exist at once

// Adds weight_n*g_n^2 over the rows begin..end-1 whose losses are given.
void add_squares(const SampleLosses& losses, std::span<const Tensor> params, int64 samples,
                 const std::function<double(int64)>& weight, std::vector<std::vector<double>>& sums) {
  const PerSampleGrads per = per_sample_gradients(losses, params, samples);
  for (size_t p = 0; p < params.size(); ++p) {
    const int64 size = params[p].numel();
    const real* g = per.grads[p].data();
    for (int64 n = 0; n < samples; ++n) {
      const double w = weight(n);
      for (int64 i = 0; i < size; ++i) {
        const double v = static_cast<double>(g[n * size + i]);
        sums[p][static_cast<size_t>(i)] += w * v * v;
      }
    }
  }
}

}  // namespace

std::vector<Tensor> diagonal_fisher(const RowLogits& logits, std::span<const Tensor> params,
                                    const IntTensor& labels, const std::string& mode) {
  if (mode != "empirical" && mode != "expected")
    fail<UsageError>("fisher information '{}': empirical or expected", mode);
  const int64 rows = labels.numel();
  if (rows == 0) fail<ShapeError>("fisher information: no rows");
  const Recording on(true);
  std::vector<std::vector<double>> sums;
  for (const Tensor& p : params) sums.emplace_back(static_cast<size_t>(p.numel()), 0.0);
  for (int64 from = 0; from < rows; from += kFisherRows) {
    const int64 count = std::min(kFisherRows, rows - from);
    const auto loss_of = [&](int64 begin, int64 end, const IntTensor& y) {
      return cross_entropy(logits(from + begin, from + end), y, Reduction::kNone);
    };
    if (mode == "empirical") {
      add_squares([&](int64 b, int64 e) { return loss_of(b, e, labels.rows(from + b, from + e)); }, params,
                  count, [&](int64) { return 1.0 / static_cast<double>(rows); }, sums);
      continue;
    }
    const Tensor p = softmax(logits(from, from + count).detach());
    const int64 classes = p.dim(1);
    for (int64 c = 0; c < classes; ++c)
      add_squares(
          [&](int64 b, int64 e) { return loss_of(b, e, IntTensor::full({e - b}, c)); }, params, count,
          [&](int64 n) { return static_cast<double>(p.data()[n * classes + c]) / static_cast<double>(rows); },
          sums);
  }
  std::vector<Tensor> fishers;
  for (size_t p = 0; p < params.size(); ++p) {
    fishers.push_back(Tensor::zeros(params[p].shape()));
    std::transform(sums[p].begin(), sums[p].end(), fishers.back().mutable_data(),
                   [](double v) { return static_cast<real>(v); });
  }
  return fishers;
}

Tensor elastic_penalty(std::span<const Tensor> params, std::span<const Tensor> anchors,
                       std::span<const Tensor> fishers, double ewc_lambda) {
  if (anchors.size() != params.size() || fishers.size() != params.size())
    fail<ShapeError>("elastic weights: {} anchors and {} Fisher tensors for {} parameters", anchors.size(),
                     fishers.size(), params.size());
  Tensor total = Tensor::scalar(0);
  for (size_t i = 0; i < params.size(); ++i) {
    Tensor p = params[i];
    if (p.rank() > 0 && p.rank() == anchors[i].rank() && p.dim(0) > anchors[i].dim(0))
      p = slice(p, 0, 0, anchors[i].dim(0));
    if (p.shape() != anchors[i].shape() || p.shape() != fishers[i].shape())
      fail<ShapeError>("elastic weights: an anchor {} with Fisher information {} for a parameter {}",
                       anchors[i].shape().str(), fishers[i].shape().str(), params[i].shape().str());
    total = total + sum(fishers[i] * square(p - anchors[i]));
  }
  return total * static_cast<real>(ewc_lambda / 2);
}

Tensor ElasticWeights::penalty(std::span<const Tensor> params) const {
  Tensor total = Tensor::scalar(0);
  for (size_t k = 0; k < anchors_.size(); ++k)
    total = total + elastic_penalty(params, anchors_[k], fishers_[k], o_.ewc_lambda);
  return total;
}

void ElasticWeights::remember(std::span<const Tensor> params, std::span<const Tensor> fishers) {
  std::vector<Tensor> anchor, fisher;
  for (const Tensor& p : params) anchor.push_back(p.detach().clone());
  for (const Tensor& f : fishers) fisher.push_back(f.detach().clone());
  if (o_.variant == "online" && !anchors_.empty()) {
    for (size_t i = 0; i < fisher.size(); ++i) {  // (rows that have grown since start from 0)
      const Tensor& old = fishers_[0][i];
      real* f = fisher[i].mutable_data();
      for (int64 j = 0; j < old.numel(); ++j) f[j] += static_cast<real>(o_.gamma) * old.data()[j];
    }
    anchors_.clear(), fishers_.clear();
  }
  anchors_.push_back(std::move(anchor));
  fishers_.push_back(std::move(fisher));
}

}  // namespace gradus
