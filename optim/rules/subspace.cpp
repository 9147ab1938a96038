#include "optim/rules/subspace.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "core/linalg.h"
#include "core/rng.h"
#include "optim/rules/layer.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

// Rows `chosen` of the identity.
Tensor selection(const std::vector<int64>& chosen, int64 size) {
  Tensor out = Tensor::zeros({static_cast<int64>(chosen.size()), size});
  real* to = out.mutable_data();
  for (size_t i = 0; i < chosen.size(); ++i) to[static_cast<int64>(i) * size + chosen[i]] = 1;
  return out;
}

// `rank` rows of a randomised Hadamard matrix, cut to `size` columns and made orthonormal again.
Tensor hadamard_rows(int64 rank, int64 size, Rng& rng) {
  const int64 order = static_cast<int64>(std::bit_ceil(static_cast<std::uint64_t>(size)));
  const std::vector<int64> rows = rng.permutation(order);
  Tensor columns({size, rank});
  real* to = columns.mutable_data();
  for (int64 j = 0; j < size; ++j) {
    const bool flip = rng.bernoulli(0.5);
    for (int64 i = 0; i < rank; ++i) {
      const int ones = std::popcount(static_cast<std::uint64_t>(rows[static_cast<size_t>(i)] & j));
      to[j * rank + i] = (ones % 2 == 1) != flip ? real(-1) : real(1);
    }
  }
  return linalg::transpose(linalg::qr(columns).q);
}

// The rank rows (or columns) of largest norm.
Tensor largest(const Tensor& g, bool rows, int64 rank) {
  const int64 m = g.dim(0), n = g.dim(1), size = rows ? m : n;
  std::vector<double> squares(static_cast<size_t>(size));
  for (int64 i = 0; i < m; ++i)
    for (int64 j = 0; j < n; ++j) {
      const double x = static_cast<double>(g.data()[i * n + j]);
      squares[static_cast<size_t>(rows ? i : j)] += x * x;
    }
  std::vector<int64> order(squares.size());
  std::iota(order.begin(), order.end(), int64{0});
  std::stable_sort(order.begin(), order.end(), [&](int64 a, int64 b) {
    return squares[static_cast<size_t>(a)] > squares[static_cast<size_t>(b)];
  });
  order.resize(static_cast<size_t>(rank));
  return selection(order, size);
}

// A basis (rank, size) with orthonormal rows: of the column space (size = rows of g) if `left`.
Tensor new_basis(const Tensor& g, bool left, int64 rank, const SubspaceOptions& o, Rng rng) {
  const int64 size = left ? g.dim(0) : g.dim(1);
  if (o.proj_type == "svd") {
    const linalg::Svd f = linalg::svd(g);
    return (left ? linalg::transpose(f.u) : f.vt).rows(0, rank).clone();
  }
  if (o.proj_type == "topk") return largest(g, left, rank);
  if (o.proj_type == "srht") return hadamard_rows(rank, size, rng);
  std::vector<int64> chosen = rng.permutation(size);
  chosen.resize(static_cast<size_t>(rank));
  return selection(chosen, size);
}

}  // namespace

Tensor subspace_momentum(const Param& p, State& s, const SubspaceOptions& o, int64 t) {
  using linalg::matmul;
  const Tensor g = as_matrix(p.grad);
  const int64 m = g.dim(0), n = g.dim(1), rank = std::min({o.rank, m, n});
  // svd keeps the shorter side's vectors; the others choose among rows or columns of the longer side.
  const bool left = o.proj_type == "svd" ? m < n : m >= n;
  Tensor& basis = s("basis", {rank, left ? m : n});
  Tensor& momentum = s("m", left ? Shape{rank, n} : Shape{m, rank});
  if (t == 1 || t % o.gap == 0) {
    basis.copy_from(new_basis(g, left, rank, o, Rng(0).fork(p.name).fork(static_cast<std::uint64_t>(t))));
    momentum.fill(0);
  }
  Tensor low = left ? matmul(basis, g) : matmul(g, basis, false, true);
  for_each_element(momentum, low, [mean = Ema(o.beta1)](real& mom, real& x) {
    mom = mean(mom, x);
    x = mom - x;
  });
  // back(M) + g - back(low) = g + back(M - low)
  Tensor out = g.clone();
  if (left) {
    linalg::matmul_into(out, 1, 1, basis, low, true, false);
  } else {
    linalg::matmul_into(out, 1, 1, low, basis);
  }
  return out.view(p.data.shape());
}

}  // namespace gradus::rules
