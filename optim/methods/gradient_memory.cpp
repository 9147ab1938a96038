#include "optim/methods/gradient_memory.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/linalg.h"
#include "optim/elements.h"

namespace gradus {
namespace {

void require_basis(const Tensor& basis, int64 rows, const char* what) {
  if (basis.rank() != 2 || basis.dim(0) != rows)
    fail<ShapeError>("gradient memory: {} of shape {} for {} inputs", what, basis.shape().str(), rows);
}

Tensor first_columns(const Tensor& m, int64 count) {
  Tensor out({m.dim(0), count});
  for (int64 i = 0; i < m.dim(0); ++i)
    std::copy_n(m.data() + i * m.dim(1), count, out.mutable_data() + i * count);
  return out;
}

std::vector<double> squares_of(const Tensor& s) {
  std::vector<double> squares;
  for (const real v : s.span()) squares.push_back(static_cast<double>(v) * static_cast<double>(v));
  return squares;
}

// An orthonormal basis (f, f-1) of what is orthogonal to the unit vector x (f): the other columns of the reflection that takes
// the first axis to x, up to sign.
Tensor complement_of(const Tensor& x) {
  const int64 f = x.numel();
  std::vector<double> v(x.data(), x.data() + f);
  v[0] += v[0] < 0 ? -1 : 1;  // away from cancellation
  double square = 0;
  for (const double e : v) square += e * e;
  Tensor basis({f, f - 1});
  for (int64 i = 0; i < f; ++i)
    for (int64 j = 1; j < f; ++j)
      basis.mutable_data()[i * (f - 1) + j - 1] = static_cast<real>(
          (i == j ? 1 : 0) - 2 * v[static_cast<size_t>(i)] * v[static_cast<size_t>(j)] / square);
  return basis;
}

}  // namespace

Tensor projector_of(const Tensor& basis) {
  if (basis.rank() != 2) fail<ShapeError>("projector: a basis of shape {}", basis.shape().str());
  if (basis.dim(1) == 0) return Tensor::zeros({basis.dim(0), basis.dim(0)});
  return linalg::matmul(basis, basis, false, true);
}

Tensor projected_gradient(const Tensor& g, const Tensor& memory) {
  if (g.rank() != 2) fail<ShapeError>("projected gradient: a gradient of shape {}", g.shape().str());
  require_basis(memory, g.dim(1), "memory");
  if (memory.dim(1) == 0) return g;
  Tensor out = g.clone();
  linalg::matmul_into(out, 1, -1, linalg::matmul(g, memory), memory, false, true);
  return out;
}

Tensor joined_columns(const Tensor& a, const Tensor& b) {
  require_basis(b, a.dim(0), "further columns");
  const int64 left = a.dim(1), right = b.dim(1), width = left + right;
  Tensor out({a.dim(0), width});
  for (int64 i = 0; i < a.dim(0); ++i) {
    std::copy_n(a.data() + i * left, left, out.mutable_data() + i * width);
    std::copy_n(b.data() + i * right, right, out.mutable_data() + i * width + left);
  }
  return out;
}

Tensor grown_memory(const Tensor& activations, const Tensor& memory, const MemoryOptions& o) {
  if (activations.rank() != 2 || activations.numel() == 0)
    fail<ShapeError>("gradient memory: activations of shape {}", activations.shape().str());
  require_basis(memory, activations.dim(0), "memory");
  if (o.first_task) {
    const linalg::Svd svd = linalg::svd(activations);
    const std::vector<double> squares = squares_of(svd.s);
    double total = 0, held = 0;
    for (const double s : squares) total += s;
    int64 rank = 0;
    for (const double s : squares) {
      held += s;
      rank += total > 0 && held / total < o.threshold;
    }
    return first_columns(svd.u, rank);
  }
  const double total = sum_of_squares(activations);
  Tensor left = activations;  // R'
  if (memory.dim(1) > 0) {
    left = activations.clone();
    linalg::matmul_into(left, 1, -1, memory, linalg::matmul(memory, activations, true, false));
  }
  if (!(total > 0)) return memory.clone();
  const linalg::Svd svd = linalg::svd(left);
  const std::vector<double> squares = squares_of(svd.s);
  double missing = 0;
  for (const double s : squares) missing += s;
  double held = (total - missing) / total;
  // Below this a singular value is rounding, and its vector need not be orthogonal to the memory.
  const double eps = 10 * static_cast<double>(std::numeric_limits<real>::epsilon());
  int64 more = 0;
  const int64 room = activations.dim(0) - memory.dim(1);
  while (more < std::min(room, std::ssize(squares)) && held < o.threshold) {
    const double square = squares[static_cast<size_t>(more)];
    if (square <= eps * eps * total) break;
    held += square / total;
    ++more;
  }
  return joined_columns(memory, first_columns(svd.u, more));
}

RelaxingSearch relaxing_search(const Tensor& grad, const Tensor& rest, const SearchOptions& o) {
  if (grad.rank() != 2 || grad.numel() == 0)
    fail<ShapeError>("relaxing search: a gradient of shape {}", grad.shape().str());
  const int64 in = grad.dim(1);
  require_basis(rest, in, "rest of the memory");
  const linalg::Svd svd = linalg::svd(linalg::transpose(grad));
  const std::vector<double> squares = squares_of(svd.s);
  double total = 0, held = 0;
  for (const double s : squares) total += s;
  RelaxingSearch found;
  while (found.gradient_rank < std::ssize(squares)) {
    held += squares[static_cast<size_t>(found.gradient_rank++)];
    if (held >= o.mass_threshold * total) break;
  }
  const Tensor u = first_columns(svd.u, found.gradient_rank);
  found.space = Tensor({in, 0});
  found.rest = rest.clone();
  while (found.rest.dim(1) > 0) {
    // The top eigenvector of F' U U' F is the first left singular vector of F' U.
    const Tensor x = first_columns(linalg::svd(linalg::matmul(found.rest, u, true, false)).u, 1);
    Tensor direction = linalg::matmul(found.rest, x);  // (in,1)
    const real length = static_cast<real>(norm(direction));
    for_each_element(direction, [length](real& e) { e /= length; });
    const double score = norm(linalg::matmul(u, direction, true, false));
    found.scores.push_back(score);
    if (score < o.score_threshold) break;
    found.space = joined_columns(found.space, direction);
    found.rest = found.rest.dim(1) == 1 ? Tensor({in, 0}) : linalg::matmul(found.rest, complement_of(x));
  }
  return found;
}

}  // namespace gradus
