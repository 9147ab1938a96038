// Negative log-likelihood of a normal law whose mean and spread a network predicts.
//   loss = mean of 0.5 log(2 pi) + c + (y - mu)^2/(2 exp(2c)),  c = log_sigma clamped
#pragma once

#include "autograd/graph.h"
#include "core/options.h"

namespace gradus {

struct GaussianNllOptions {
  double log_sigma_min = -5, log_sigma_max = 2;
  void visit(auto&& f) {
    f("log_sigma_min", log_sigma_min, "spreads below are clamped, without gradient");
    f("log_sigma_max", log_sigma_max, "spreads above are clamped, without gradient");
  }
};
/// mu, log_sigma, y (B). Throws ShapeError, UsageError for bounds in the wrong order.
Tensor gaussian_nll(const Tensor& mu, const Tensor& log_sigma, const Tensor& y,
                    const GaussianNllOptions& options = {});

}  // namespace gradus
