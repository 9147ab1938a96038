#include "nn/adapters/elalora.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "core/linalg.h"

namespace gradus {
namespace {

// Rows of t at these places.
Tensor rows_at(const Tensor& t, const std::vector<int64>& at) {
  const int64 width = t.numel() / t.dim(0);
  std::vector<int64> dims(t.shape().begin(), t.shape().end());
  dims[0] = static_cast<int64>(at.size());
  Tensor out{Shape(dims)};
  for (size_t i = 0; i < at.size(); ++i)
    std::copy_n(t.data() + at[i] * width, width, out.mutable_data() + static_cast<int64>(i) * width);
  return out;
}
Tensor columns_at(const Tensor& t, const std::vector<int64>& at) {
  return linalg::transpose(rows_at(linalg::transpose(t), at));
}
// One more row, of these values.
Tensor with_row(const Tensor& t, const Tensor& row) {
  std::vector<int64> dims(t.shape().begin(), t.shape().end());
  ++dims[0];
  Tensor out{Shape(dims)};
  std::copy_n(t.data(), t.numel(), out.mutable_data());
  std::copy_n(row.data(), row.numel(), out.mutable_data() + t.numel());
  return out;
}
Tensor with_column(const Tensor& t, const Tensor& column) {
  return linalg::transpose(with_row(linalg::transpose(t), column));
}

// z without its part along the rows of M, over its norm + 1e-6.
Tensor away_from_rows(const Tensor& M, const Tensor& z) {
  if (z.rank() != 1 || z.dim(0) != M.dim(1))
    fail<ShapeError>("elalora: a draw {} for rows of {}", z.shape().str(), M.dim(1));
  const Tensor column = z.view({z.dim(0), 1});
  const Tensor part = linalg::matmul(M, linalg::matmul(M, column), true);
  Tensor out = z.clone();
  double square = 0;
  real* o = out.mutable_data();
  for (int64 i = 0; i < out.numel(); ++i) {
    o[i] -= part.data()[i];
    square += static_cast<double>(o[i]) * static_cast<double>(o[i]);
  }
  const real over = static_cast<real>(1 / (std::sqrt(square) + 1e-6));
  for (int64 i = 0; i < out.numel(); ++i) o[i] *= over;
  return out;
}

void keep_rows(Importance& importance, const std::vector<int64>& at) {
  importance.mean = rows_at(importance.mean, at);
  importance.uncertainty = rows_at(importance.uncertainty, at);
}

Tensor away_from_identity(const Tensor& square) { return norm(square - linalg::identity(square.dim(0))); }

}  // namespace

void Importance::update(const Tensor& w, const Tensor& grad, double beta1, double beta2) {
  if (!(w.shape() == mean.shape()) || !(grad.shape() == mean.shape()))
    fail<ShapeError>("elalora: importance {} of weights {} and gradients {}", mean.shape().str(),
                     w.shape().str(), grad.shape().str());
  real *m = mean.mutable_data(), *u = uncertainty.mutable_data();
  for (int64 i = 0; i < w.numel(); ++i) {
    const double now = std::abs(static_cast<double>(w.data()[i]) * static_cast<double>(grad.data()[i]));
    const double smooth = beta1 * static_cast<double>(m[i]) + (1 - beta1) * now;
    m[i] = static_cast<real>(smooth);
    u[i] = static_cast<real>(beta2 * static_cast<double>(u[i]) + (1 - beta2) * std::abs(now - smooth));
  }
}

std::vector<double> component_scores(const Importance& A, const Importance& E, const Importance& B) {
  const int64 r = E.mean.numel();
  if (A.mean.rank() != 2 || B.mean.rank() != 2 || A.mean.dim(0) != r || B.mean.dim(1) != r)
    fail<ShapeError>("elalora: importances {}, {} and {} do not fit", A.mean.shape().str(),
                     E.mean.shape().str(), B.mean.shape().str());
  const auto q = [](const Importance& x, int64 i) {
    return static_cast<double>(x.mean.data()[i]) * static_cast<double>(x.uncertainty.data()[i]);
  };
  const int64 n = A.mean.dim(1), m = B.mean.dim(0);
  std::vector<double> scores;
  for (int64 j = 0; j < r; ++j) {
    double row = 0, column = 0;
    for (int64 i = 0; i < n; ++i) row += q(A, j * n + i);
    for (int64 i = 0; i < m; ++i) column += q(B, i * r + j);
    scores.push_back(q(E, j) + row / static_cast<double>(n) + column / static_cast<double>(m));
  }
  return scores;
}

int64 MovesSchedule::moves(int64 step) const {
  if (!enable_scheduler) return b;
  const double span = static_cast<double>(total_steps - final_warmup - init_warmup),
               gone = static_cast<double>(step - init_warmup);
  const double p = span > 0 ? std::clamp(gone / span, 0.0, 1.0) : (gone > 0 ? 1.0 : 0.0);
  return static_cast<int64>(std::nearbyint(static_cast<double>(b) * (1 - p * p * p)));
}

bool MovesSchedule::reallocate(int64 step) const {
  return step < total_steps - final_warmup && step > init_warmup &&
         (step - init_warmup) % mask_interval == 0 && moves(step) > 0;
}

ComponentMoves select_components(const std::vector<std::vector<double>>& scores, int64 k, int64 moves) {
  struct Offer {
    double score;
    int64 matrix, component;  // the latter among all
  };
  std::vector<Offer> offers;
  ComponentMoves out;
  int64 before = 0;
  for (size_t j = 0; j < scores.size(); ++j) {
    const auto rank = static_cast<int64>(scores[j].size());
    if (rank < 1) fail<UsageError>("elalora: matrix {} has no component", j);
    std::vector<int64> order(scores[j].size());
    std::iota(order.begin(), order.end(), int64{0});
    std::stable_sort(order.begin(), order.end(), [&](int64 a, int64 b) {
      return scores[j][static_cast<size_t>(a)] < scores[j][static_cast<size_t>(b)];
    });
    const int64 offered = std::min(k, rank - 1);
    for (int64 i = 0; i < offered; ++i) {
      const int64 at = order[static_cast<size_t>(i)];
      offers.push_back({scores[j][static_cast<size_t>(at)], static_cast<int64>(j), before + at});
    }
    before += rank;
    out.new_ranks.push_back(rank);
  }
  // Ties go to the earlier matrix and component.
  std::sort(offers.begin(), offers.end(),
            [](const Offer& a, const Offer& b) { return a.component < b.component; });
  const size_t count = std::min(static_cast<size_t>(std::max<int64>(moves, 0)), offers.size());
  std::stable_sort(offers.begin(), offers.end(),
                   [](const Offer& a, const Offer& b) { return a.score < b.score; });
  for (size_t i = 0; i < count; ++i) {
    out.pruned.push_back(offers[i].component);
    --out.new_ranks[static_cast<size_t>(offers[i].matrix)];
  }
  std::sort(offers.begin(), offers.end(),
            [](const Offer& a, const Offer& b) { return a.component < b.component; });
  std::stable_sort(offers.begin(), offers.end(),
                   [](const Offer& a, const Offer& b) { return a.score > b.score; });
  for (size_t i = 0; i < count; ++i) {
    out.expanded.push_back(offers[i].matrix);
    ++out.new_ranks[static_cast<size_t>(offers[i].matrix)];
  }
  std::sort(out.pruned.begin(), out.pruned.end());
  std::sort(out.expanded.begin(), out.expanded.end());
  return out;
}

Tensor orthogonality_penalty(const std::vector<Tensor>& A, const std::vector<Tensor>& B,
                             double reg_orth_coef) {
  if (A.empty() || A.size() != B.size())
    fail<UsageError>("elalora: the penalty of {} and {} matrices", A.size(), B.size());
  Tensor all;
  for (size_t j = 0; j < A.size(); ++j) {
    const Tensor both = away_from_identity(matmul(A[j], A[j], false, true)) +
                        away_from_identity(matmul(B[j], B[j], true, false));
    all = all.defined() ? all + both : both;
  }
  return all * static_cast<real>(reg_orth_coef / (2 * static_cast<double>(A.size())));
}

ElasticFactors::ElasticFactors(Tensor a, Tensor e, Tensor b)
    : A(std::move(a)), E(std::move(e)), B(std::move(b)), of_A(A.shape()), of_E(E.shape()), of_B(B.shape()) {}

void ElasticFactors::keep(const std::vector<int64>& components) {
  A = rows_at(A, components);
  E = rows_at(E, components);
  B = columns_at(B, components);
  keep_rows(of_A, components);
  keep_rows(of_E, components);
  of_B.mean = columns_at(of_B.mean, components);
  of_B.uncertainty = columns_at(of_B.uncertainty, components);
}

void ElasticFactors::expand(const Tensor& noise_A, const Tensor& noise_B) {
  const Tensor a = away_from_rows(A, noise_A), b = away_from_rows(linalg::transpose(B), noise_B);
  real least = real(1e-13);
  for (const real e : E.span()) least = std::min(least, std::abs(e));
  A = with_row(A, a);
  B = with_column(B, b);
  E = with_row(E, Tensor::full({1}, least));
  const Tensor no_a = Tensor::zeros(a.shape()), no_b = Tensor::zeros(b.shape()), none = Tensor::zeros({1});
  of_A.mean = with_row(of_A.mean, no_a), of_A.uncertainty = with_row(of_A.uncertainty, no_a);
  of_E.mean = with_row(of_E.mean, none), of_E.uncertainty = with_row(of_E.uncertainty, none);
  of_B.mean = with_column(of_B.mean, no_b), of_B.uncertainty = with_column(of_B.uncertainty, no_b);
}

std::vector<ComponentMap> component_maps(const std::vector<int64>& ranks, const ComponentMoves& moves) {
  std::vector<ComponentMap> maps;
  int64 first = 0;
  for (const int64 rank : ranks) {
    ComponentMap map;
    for (int64 i = 0; i < rank; ++i)
      if (!std::binary_search(moves.pruned.begin(), moves.pruned.end(), first + i)) map.kept.push_back(i);
    first += rank;
    maps.push_back(std::move(map));
  }
  for (const int64 j : moves.expanded) ++maps[static_cast<size_t>(j)].added;
  return maps;
}

Tensor carried_along(const Tensor& state, int axis, const ComponentMap& map) {
  if (axis < 0 || axis > 1 || axis >= state.rank() ||
      std::any_of(map.kept.begin(), map.kept.end(), [&](int64 i) { return i < 0 || i >= state.dim(axis); }))
    fail<ShapeError>("elalora: {} has no such components along axis {}", state.shape().str(), axis);
  if (axis == 1) return linalg::transpose(carried_along(linalg::transpose(state), 0, map));
  const Tensor kept = rows_at(state, map.kept);
  std::vector<int64> dims(kept.shape().begin(), kept.shape().end());
  dims[0] += map.added;
  Tensor out = Tensor::zeros(Shape(dims));
  std::copy_n(kept.data(), kept.numel(), out.mutable_data());
  return out;
}

void move_components(std::vector<ElasticFactors>& all, const ComponentMoves& moves,
                     const std::function<std::pair<Tensor, Tensor>(size_t j)>& noise) {
  std::vector<int64> ranks;
  for (const ElasticFactors& f : all) ranks.push_back(f.rank());
  const std::vector<ComponentMap> maps = component_maps(ranks, moves);
  for (size_t j = 0; j < all.size(); ++j)
    if (std::ssize(maps[j].kept) < all[j].rank()) all[j].keep(maps[j].kept);
  for (const int64 j : moves.expanded) {
    const auto [a, b] = noise(static_cast<size_t>(j));
    all[static_cast<size_t>(j)].expand(a, b);
  }
}

Tensor elastic_weight(const Tensor& A, const Tensor& E, const Tensor& B, double s) {
  return matmul(B * (E * static_cast<real>(s)), A);
}

Tensor elastic_linear(const Tensor& x, const Tensor& A, const Tensor& E, const Tensor& B, double s) {
  return linear(linear(x, A) * (E * static_cast<real>(s)), B);
}

ElaloraAdapter::ElaloraAdapter(int64 in, int64 out, const ElaloraOptions& o) : options_(o) {
  A = parameter("lora_A", ParamKind::kWeight, {o.rank, in}, init::normal(0.02));
  E = parameter("lora_E", ParamKind::kNorm, {o.rank}, init::zeros());
  B = parameter("lora_B", ParamKind::kWeight, {out, o.rank}, init::normal(0.02));
}

Tensor ElaloraAdapter::output(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return linear(x, weight, bias) + elastic_linear(x, A, E, B, options_.s());
}

Tensor ElaloraAdapter::merged_weight(const Tensor& weight) {
  return weight + elastic_weight(A, E, B, options_.s());
}

std::string ElaloraAdapter::describe() const {
  return fmt::format("ElaLoRA(rank={} of {})", E.shape()[0], options_.rank);
}

void ElaloraAdapter::replace(const ElasticFactors& f) {
  A.parameter()->value = variable(f.A.clone());
  E.parameter()->value = variable(f.E.clone());
  B.parameter()->value = variable(f.B.clone());
}

}  // namespace gradus
