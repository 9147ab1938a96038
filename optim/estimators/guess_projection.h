// Gradients projected on guesses.
//
// Paper: Fournier, Rivaud, Belilovsky, Eickenberg, Oyallon, "Can Forward Gradient Match Backpropagation?", ICML 2023,
//        arXiv 2306.06968.
//   proj(t, g) = <t, g>/(<g, g> + eps) * g        t: what is to be estimated, g: a guess that is cheap
//   For one parameter tensor, t_n and g_n the contributions of sample n:
//   weight         p_n = proj(t_n, g_n),           grad = sum_n p_n
//   random-weight  p_n = <t_n, g_n> * g_n,         grad = sum_n p_n         (a random guess is not divided by its length)
//   sign-weight    p_n = sign(<t_n, g_n>) * g_n,   grad = sum_n p_n
//   span-weight    p_n = t_n projected on the span of all g_m,  grad = sum_n p_n
//   avg-weight     grad = proj(sum_n t_n, sum_n g_n)
// <t, g> is the derivative of the loss along g: one pass of forward mode gives it, t itself is not needed.
#pragma once

#include <string>

#include "core/options.h"
#include "core/tensor.h"

namespace gradus {

struct GuessProjectionOptions {
  std::string mode = "weight";
  double eps = 1e-16;
  void visit(auto&& f) {
    f("mode", mode, "what is projected on what",
      choices({"weight", "avg-weight", "random-weight", "sign-weight", "span-weight"}));
    f("eps", eps, "added to the squared length of a guess", at_least(0));
  }
};

struct GuessProjection {
  Tensor per_sample;  ///< p_n, (N, ...); undefined for avg-weight
  Tensor grad;        ///< (...)
};
/// target and guess (N, ...), N >= 1, inner products over all axes but the first. Throws ShapeError.
GuessProjection guess_projection(const Tensor& target, const Tensor& guess,
                                 const GuessProjectionOptions& options = {});
/// proj(t, g) over all elements; 0 where g is 0, also with eps = 0.
Tensor projected(const Tensor& target, const Tensor& guess, double eps = 1e-16);
/// <t, g>/(||t||*||g||); 0 where one of them is 0.
double guess_cosine(const Tensor& target, const Tensor& guess);

}  // namespace gradus
