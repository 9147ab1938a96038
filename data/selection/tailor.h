// TAILOR: a bandit that picks the strategy for every single example to be labelled.
//
// Paper: Zhang, Shao, Verma, Nowak, "Algorithm Selection for Deep Active Learning with Imbalanced Datasets", NeurIPS 2023,
//        arXiv 2302.07317; reference code jifanz/TAILOR.
//   v_c = 1/n_c, n_c = max(1, labelled examples of class c), negated where n_c is more than half of them   (frozen for a round)
//   theta_a ~ Dirichlet(stats[0][a] + 1)  (multi-label: theta_a,c ~ Beta(stats[0][a][c], stats[1][a][c]))
//   the next example is asked of the arm  a = argmax <theta_a, v>
//   behind the round  stats = gamma*stats + new,  new[0][a] += label, new[1][a] += 1 - label
// Labels stay unknown within a round. Departure: none; `mlp` walks its list from the largest probability down.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/rng.h"

namespace gradus {

/// v of the labelled examples, labels (n*C) of 0 and 1 row by row. mode "div": the equation above; "pos": all 1.
std::vector<double> diversity_value(std::span<const int64> labels, int64 classes, const std::string& mode);

class TailorBandit {
 public:
  TailorBandit(int64 arms, int64 classes, double gamma, bool multi_label);

  /// stats[0] + 1 (multi-label: stats[0] as it is), (arms*classes).
  std::vector<double> law() const;
  /// theta of all arms (arms*classes), drawn from it.
  std::vector<double> draw(Rng& rng) const;
  /// argmax_a <theta_a, value>, of equals the first.
  int64 choose(std::span<const double> theta, std::span<const double> value) const;
  /// What an arm's example turned out to be, (classes) of 0 and 1; counts at the round's end.
  void observe(int64 arm, std::span<const int64> label);
  void end_round();

  int64 arms() const { return arms_; }
  /// (2*arms*classes): positives, then negatives.
  const std::vector<double>& stats() const { return stats_; }
  /// Throws DataError for another length.
  void set_stats(std::vector<double> stats);

 private:
  int64 arms_, classes_;
  double gamma_;
  bool multi_label_;
  std::vector<double> stats_, new_;
};

/// ALBL, which TAILOR is compared with: Hsu, Lin, "Active Learning by Learning", AAAI 2015, as there.
///   pmin = 1/(10A);  per pick w_a *= exp(pmin/2*(correct/query_prob + sqrt(log(A/delta)/A)/last_prob_a))
///   w /= sum w;  probabilities = (1 - A*pmin)*w + pmin
struct AlblProbabilities {
  std::vector<double> weights, probabilities;
};
/// One pick an entry of arms, correct and query_prob. Throws ShapeError, UsageError for an arm that there is not.
AlblProbabilities albl_probabilities(std::vector<double> weights, std::span<const int64> arms,
                                     std::span<const double> correct, std::span<const double> query_prob,
                                     std::span<const double> last_prob, double delta);

}  // namespace gradus
