#include "data/selection/gradient_embedding.h"

#include <algorithm>
#include <limits>

#include "core/error.h"

namespace gradus {
namespace {

double row_product(const Tensor& x, int64 a, int64 b) {
  const int64 d = x.dim(1);
  const real *p = x.data() + a * d, *q = x.data() + b * d;
  double sum = 0;
  for (int64 k = 0; k < d; ++k) sum += static_cast<double>(p[k]) * static_cast<double>(q[k]);
  return sum;
}

}  // namespace

int64 drawn_index(std::span<const double> weights, double u) {
  if (weights.empty()) fail<UsageError>("a draw from no weights");
  double total = 0;
  for (const double w : weights) total += w;
  const auto n = static_cast<double>(weights.size());
  double sum = 0;
  size_t i = 0;
  for (; i + 1 < weights.size(); ++i) {
    sum += total > 0 ? weights[i] / total : 1 / n;
    if (sum > u) break;
  }
  return static_cast<int64>(i);
}

CentreDistances::CentreDistances(Tensor g, Tensor h) : g_(std::move(g)), h_(std::move(h)) {
  if (h_.rank() != 2 || (g_.defined() && g_.dim(0) != h_.dim(0)))
    fail<ShapeError>("centres: embeddings (N,D) of as many items as predictions, got {}", h_.shape().str());
  const int64 n = h_.dim(0);
  for (int64 i = 0; i < n; ++i)
    norms_.push_back((g_.defined() ? row_product(g_, i, i) : 1) * row_product(h_, i, i));
  nearest_.assign(static_cast<size_t>(n), std::numeric_limits<double>::infinity());
  centre_.assign(static_cast<size_t>(n), 0);
}

CentreDistances CentreDistances::of_gradients(const Tensor& preds, const Tensor& embeddings) {
  if (preds.rank() != 2) fail<ShapeError>("badge: predictions (N,C), got {}", preds.shape().str());
  const int64 n = preds.dim(0), c = preds.dim(1);
  Tensor g({n, c});
  for (int64 i = 0; i < n; ++i) {
    const real* p = preds.data() + i * c;
    const int64 likely = std::max_element(p, p + c) - p;
    for (int64 k = 0; k < c; ++k) g.mutable_data()[i * c + k] = (k == likely ? 1 : 0) - p[k];
  }
  return {g, embeddings};
}

CentreDistances CentreDistances::of_points(const Tensor& embeddings) { return {Tensor(), embeddings}; }

void CentreDistances::add_centre(int64 item) {
  centre_[static_cast<size_t>(item)] = 1;
  for (int64 i = 0; i < size(); ++i) {
    const double inner = (g_.defined() ? row_product(g_, i, item) : 1) * row_product(h_, i, item);
    const double squared = std::max(0.0, squared_norm(i) + squared_norm(item) - 2 * inner);
    double& least = nearest_[static_cast<size_t>(i)];
    least = std::min(least, squared);
  }
}

Badge::Badge(const Tensor& preds, const Tensor& embeddings, std::vector<char> labelled)
    : distances_(CentreDistances::of_gradients(preds, embeddings)), labelled_(std::move(labelled)) {
  if (std::ssize(labelled_) != distances_.size())
    fail<ShapeError>("badge: {} items, {} marks", distances_.size(), labelled_.size());
  int64 first = -1;
  for (int64 i = 0; i < distances_.size(); ++i)
    if (!labelled_[static_cast<size_t>(i)] &&
        (first < 0 || distances_.squared_norm(i) > distances_.squared_norm(first)))
      first = i;
  if (first >= 0) distances_.add_centre(first);
}

int64 Badge::next(double u) const {
  std::vector<int64> left;
  std::vector<double> weights;
  for (int64 i = 0; i < distances_.size(); ++i)
    if (!labelled_[static_cast<size_t>(i)] && !distances_.is_centre(i)) {
      left.push_back(i);
      weights.push_back(distances_[i]);
    }
  return left.empty() ? -1 : left[static_cast<size_t>(drawn_index(weights, u))];
}

void Badge::take(int64 item) { distances_.add_centre(item); }

}  // namespace gradus
