#include "nn/alignment/f_sft.h"

#include <cmath>
#include <limits>

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {
namespace {

// phi above `low`, below it a line of this slope.
template <class Phi>
Tensor with_line_below(const Tensor& x, double low, double slope, const Phi& phi) {
  const auto edge = static_cast<real>(low);
  const Tensor inside = clamp(x, edge, std::numeric_limits<real>::max());
  // The first of equals takes the gradient: at the edge itself phi has it alone.
  const Tensor below = minimum(Tensor::full(x.shape(), edge), x) - edge;
  return phi(inside) + below * static_cast<real>(slope);
}

}  // namespace

Tensor f_sft_phi(const Tensor& x, const std::string& divergence) {
  if (divergence == "tv") return x;
  if (divergence == "chi2") return x - square(x) * real(0.25);
  if (divergence == "hellinger")
    return with_line_below(x, -0.9, 100, [](const Tensor& z) { return z / (z + real(1)); });
  if (divergence == "reverse_kl") return -expm1(-x);
  if (divergence == "js") {
    const double e = std::exp(0.6);
    return with_line_below(x, -0.6, e / (2 - e), [](const Tensor& z) { return log(real(2) - exp(-z)); });
  }
  fail<UsageError>("f_sft_phi: divergence '{}': needs tv | chi2 | hellinger | reverse_kl | js", divergence);
}

FSftLoss f_sft_loss(const Tensor& logp, const Tensor& ref_logp, const IntTensor& mask, const FSftOptions& o) {
  if (logp.shape() != ref_logp.shape())
    fail<ShapeError>("f_sft_loss: log-probabilities {} and those of the reference {}", logp.shape().str(),
                     ref_logp.shape().str());
  const Tensor counts = token_mask(mask, logp.shape(), "f_sft_loss");
  const real tokens = sum(counts).item();
  if (!(tokens > 0)) fail<DataError>("f_sft_loss: the mask leaves no token");
  const Tensor x = (logp - ref_logp.detach()) * static_cast<real>(o.beta);
  FSftLoss out;
  out.loss = -(sum(masked(f_sft_phi(x, o.divergence), counts)) / tokens);
  out.implicit_reward = masked(x.detach(), counts);
  const Recording on(true);
  const Tensor at = variable(x.detach());
  out.weight = masked(grad(sum(f_sft_phi(at, o.divergence)), {at})[0], counts);
  return out;
}

ImplicitQ implicit_q(const Tensor& logits, double beta) {
  if (logits.rank() != 2 || logits.dim(0) < 1)
    fail<ShapeError>("implicit_q: logits {}: needs (T,V) with a state", logits.shape().str());
  const auto b = static_cast<real>(beta);
  ImplicitQ out{.q = logits * b, .v = logsumexp(logits, {1}) * b};
  out.advantage = out.q - reshape(out.v, {logits.dim(0), 1});
  out.value_gain = out.v - slice(out.v, 0, 0, 1);
  return out;
}

}  // namespace gradus
