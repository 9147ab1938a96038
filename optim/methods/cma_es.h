// CMA-ES: a search by samples of a normal distribution whose mean, size and shape follow the better half of them. Function values
// alone, no gradient.
//
// Hansen, Ostermeier, "Completely Derandomized Self-Adaptation in Evolution Strategies", Evolutionary Computation 9(2), 2001; constants
// and the update of rank mu as in Hansen, "The CMA Evolution Strategy: A Tutorial", arXiv 1604.00772, without negative weights.
//   mu = floor(lam/2);  w_i ~ ln((lam+1)/2) - ln i, sum 1;  mueff = 1/sum w_i^2
//   x_k = mean + sigma*R z_k,  R = C^(1/2) symmetric: no dependence on the signs of eigenvectors
//   y_i = (x_i - mean)/sigma of the mu best, y = sum w_i y_i;  mean <- mean + sigma*y
//   ps <- (1-cs)*ps + sqrt(cs*(2-cs)*mueff)*R^-1 y
//   h = 1 if ||ps||/sqrt(1-(1-cs)^(2g)) < (1.4 + 2/(d+1))*chi_n, else 0
//   pc <- (1-cc)*pc + h*sqrt(cc*(2-cc)*mueff)*y
//   C <- (1-c1-cmu)*C + c1*(pc pc' + (1-h)*cc*(2-cc)*C) + cmu*sum w_i y_i y_i'
//   sigma <- sigma*exp((cs/damps)*(||ps||/chi_n - 1))
// In double.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "core/rng.h"

namespace gradus {

struct CmaConstants {
  std::vector<double> weights;
  double mueff, cc, cs, c1, cmu, damps, chi_n;
};
/// Throws UsageError for d < 1 or lam < 2.
CmaConstants cma_constants(int64 d, int64 lam);

class CmaEs {
 public:
  /// C^(1/2) is made anew every `eigen_interval` generations. Throws UsageError for sizes and a sigma that make no sense.
  CmaEs(std::vector<double> mean, double sigma, int64 lam, int64 eigen_interval = 1);

  using Fitness = std::function<double(std::span<const double> x)>;
  /// One generation from the normals z_1, ..., z_lam (lam*d). Evaluates each candidate once, in order; less is better. Throws
  /// ShapeError, and NumericError for a value that is none.
  void generation(std::span<const double> normals, const Fitness& f);
  void generation(Rng& rng, const Fitness& f);

  const std::vector<double>& mean() const { return mean_; }
  double sigma() const { return sigma_; }
  const std::vector<double>& covariance() const { return c_; }  ///< (d,d)
  const std::vector<double>& path_sigma() const { return ps_; }
  const std::vector<double>& path_c() const { return pc_; }
  /// Of all candidates so far; the mean, and infinity, before the first generation.
  const std::vector<double>& best_x() const { return best_x_; }
  double best_f() const { return best_f_; }
  bool h_sigma() const { return h_; }  ///< of the last generation
  int64 popsize() const { return lam_; }

 private:
  void refresh();
  std::vector<double> times(const std::vector<double>& matrix, std::span<const double> x) const;

  int64 d_, lam_, interval_, g_ = 0;
  CmaConstants k_;
  std::vector<double> mean_, c_, root_, inverse_root_, ps_, pc_, best_x_;
  double sigma_, best_f_;
  bool h_ = true;
};

}  // namespace gradus
