// Spectral risks of a list of losses and the weights behind them: distributionally robust objectives between the mean
// and the worst case.
//
// Paper: Mehta, Roulet, Pillutla, Harchaoui, "Distributionally Robust Optimization with Bias and Variance Reduction",
//        ICLR 2024. Details as ronakdm/prospect (the penalty with the factor 1/2).
//   risk(l) = max over q in P(sigma) of  q'l - n*nu*D(q),   D = 1/2*||q - 1/n||^2 (l2) or sum q*log(n*q) (neg_entropy)
//   P(sigma): the permutahedron of the spectrum sigma, non-decreasing, >= 0, of sum 1
//   l2:          s = sorted l/(n*nu);  z = isotonic regression of s + 1/n - sigma;  q = s - z + 1/n, unsorted
//   neg_entropy: z = isotonic fit of s - log(n*sigma), blocks pooled by log-sum-exp;  q = exp(s - z)/n
// Everything runs in double.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/options.h"

namespace gradus {

struct SpectrumOptions {
  std::string spectrum = "cvar";
  double q = 0.5, r = 2, rho = 1;
  void visit(auto&& f) {
    f("spectrum", spectrum, "weights of the sorted losses", choices({"erm", "cvar", "extremile", "esrm"}));
    f("q", q, "cvar: share of the losses that is left out", decay_rate());
    f("r", r, "extremile: how many losses the largest is taken of", at_least(1));
    f("rho", rho, "esrm: rate of the exponential", positive());
  }
};
/// sigma_1 <= ... <= sigma_n:  erm 1/n;  extremile (i^r - (i-1)^r)/n^r;  esrm e^-rho (e^(rho*i/n) - e^(rho*(i-1)/n))/
/// (1 - e^-rho);  cvar 0 below the q-quantile, 1/(n(1-q)) above. Throws UsageError for n < 1.
std::vector<double> spectrum(const SpectrumOptions& options, int64 n);

/// The non-decreasing z closest to `y` in squares (pool adjacent violators).
std::vector<double> isotonic_regression(std::span<const double> y);

/// The maximising q. nu >= 0: with nu = 0 the spectrum at the losses' ranks. `penalty` is "l2" or "neg_entropy". Throws
/// UsageError for sizes that differ or an unknown penalty, NumericError for losses that are not finite.
std::vector<double> spectral_weights(std::span<const double> losses, std::span<const double> sigma, double nu,
                                     const std::string& penalty = "l2");
/// The risk itself. Throws as spectral_weights.
double spectral_risk(std::span<const double> losses, std::span<const double> sigma, double nu,
                     const std::string& penalty = "l2");

}  // namespace gradus
