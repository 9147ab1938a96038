#include "optim/methods/sketch_project.h"

#include <cmath>
#include <numeric>

#include "core/error.h"

namespace gradus {

std::vector<double> RandomSketches::vector(int64 n) {
  std::vector<double> s(static_cast<size_t>(n));
  for (double& v : s) v = rng_.normal();
  return s;
}

SketchedSystem::SketchedSystem(const Tensor& k, const Tensor& b)
    : n_(b.numel()),
      k_(k.span().begin(), k.span().end()),
      b_(b.span().begin(), b.span().end()),
      z_(static_cast<size_t>(n_), 0.0),
      r_(static_cast<size_t>(n_), 0.0) {
  if (!(k.shape() == Shape{n_, n_}))
    fail<ShapeError>("sketched system: matrix {} for a right side {}", k.shape().str(), b.shape().str());
  refresh();
}

void SketchedSystem::set(std::vector<double> z) {
  if (z.size() != z_.size())
    fail<ShapeError>("sketched system: {} numbers for a solution of {}", z.size(), n_);
  z_ = std::move(z);
  refresh();
}

void SketchedSystem::refresh() {
  for (int64 i = 0; i < n_; ++i) {
    const double* row = k_.data() + i * n_;
    r_[static_cast<size_t>(i)] = std::inner_product(row, row + n_, z_.begin(), -b_[static_cast<size_t>(i)]);
  }
}

void SketchedSystem::project_row(int64 i) {
  const double* row = k_.data() + i * n_;
  const double square = std::inner_product(row, row + n_, row, 0.0);
  if (square == 0) return;  // an equation without unknowns has no solutions to project onto
  const double part = r_[static_cast<size_t>(i)] / square;
  for (int64 j = 0; j < n_; ++j) z_[static_cast<size_t>(j)] -= part * row[j];
  refresh();
}

void SketchedSystem::project_vector(const std::vector<double>& s) {
  std::vector<double> a(z_.size(), 0.0);  // K s, K symmetric
  for (int64 i = 0; i < n_; ++i)
    for (int64 j = 0; j < n_; ++j)
      a[static_cast<size_t>(j)] += k_[static_cast<size_t>(i * n_ + j)] * s[static_cast<size_t>(i)];
  const double square = std::inner_product(a.begin(), a.end(), a.begin(), 0.0);
  if (square == 0) return;
  const double part = std::inner_product(s.begin(), s.end(), r_.begin(), 0.0) / square;
  for (size_t j = 0; j < z_.size(); ++j) z_[j] -= part * a[j];
  refresh();
}

double SketchedSystem::residual_norm() const {
  return std::sqrt(std::inner_product(r_.begin(), r_.end(), r_.begin(), 0.0));
}

}  // namespace gradus
