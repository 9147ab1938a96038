#include "optim/problems/matrix_completion.h"

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "optim/problems/low_rank.h"

namespace gradus {

MatrixCompletion random_matrix_completion(const CompletionOptions& o, Rng& rng) {
  if (!(o.share > 0 && o.share <= 1)) fail<UsageError>("matrix completion: a share of {}", o.share);
  Rng truth = rng.fork("truth"), choice = rng.fork("known");
  MatrixCompletion p{
      .known = {}, .truth = random_low_rank(o.size, o.eigenvalues, truth, "matrix completion"), .share = 0};
  p.known = Tensor::zeros({o.size, o.size});
  real* known = p.known.mutable_data();
  double count = 0;
  for (int64 i = 0; i < o.size; ++i)
    for (int64 j = i; j < o.size; ++j)
      if (choice.uniform() < o.share) {
        known[i * o.size + j] = known[j * o.size + i] = 1;
        count += i == j ? 1 : 2;
      }
  if (count == 0) fail<UsageError>("matrix completion: no entry is known of {0} x {0}", o.size);
  p.share = count / static_cast<double>(p.known.numel());
  return p;
}

Tensor completion_loss(const MatrixCompletion& p, const Tensor& x) {
  if (x.rank() != 2 || x.dim(0) != p.truth.dim(0))
    fail<ShapeError>("matrix completion: a factor {} for a matrix {}", x.shape().str(),
                     p.truth.shape().str());
  const Tensor missed = (matmul(x, transpose(x)) - p.truth) * p.known;  // (n,n)
  return sum(square(missed)) * static_cast<real>(0.25 / p.share);
}

}  // namespace gradus
