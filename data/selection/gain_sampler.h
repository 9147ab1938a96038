// Which prompts an epoch of reinforcement learning is about: a Gaussian window that moves along prompts sorted once.
//
// Paper: Wang, Ke, Ye, Lin, Fu, Zhang, Keutzer, Xu, Chen, "Angles Don't Lie: Unlocking Training-Efficient RL Through the Model's
//        Own Signals", NeurIPS 2025, arXiv 2506.02281.
//   order: prompts by descending signal (nn/alignment/angle_signal.h);  position i is drawn with weight exp(-((i - mu)/sigma)^2/2),
//   subset_size positions without replacement, presented in ascending order
//   mu <- min(mu + clip(n*tanh(alpha*(acc - beta)) + n*tanh(alpha*ang), 0, adj_max), N - 1)
//   acc, ang: means over the epoch of accuracy, in [0,1], and of the angle signal
// Departure: the centre moves before the next subset is drawn (the released trainer once draws with the old one).
#pragma once

#include <span>
#include <vector>

#include "core/options.h"
#include "core/rng.h"

namespace gradus {

/// softmax of -((i - mu)/sigma)^2/2 over i = 0..count-1.
std::vector<double> gaussian_probs(int64 count, double mu, double sigma);
/// min(size, N) positions, ascending, drawn without replacement by u (N), uniform in (0,1): those with the largest
/// -((i - mu)/sigma)^2/2 - log(-log u_i) (equal ones: the lower). Throws DataError for a u outside [0,1].
std::vector<int64> gaussian_subset(std::span<const double> u, double mu, double sigma, int64 size);
/// Positions by descending signal, equal ones by index. Throws DataError for NaN.
std::vector<int64> descending_order(std::span<const double> signals);

struct GainCentreOptions {
  double n = 500, alpha = 2, beta = 0.5, adj_max = 1000;
  void visit(auto&& f) {
    f("n", n, "how far the centre moves", at_least(0));
    f("alpha", alpha, "how steeply with accuracy and angle", at_least(0));
    f("beta", beta, "accuracy that is aimed at", between(0, 1));
    f("adj_max", adj_max, "largest move", at_least(0));
  }
};
/// The centre after an epoch. Throws DataError where accuracy is outside [0,1].
double moved_centre(double mu, double accuracy, double angle, int64 size, const GainCentreOptions& options);

struct GainSamplerOptions : GainCentreOptions {
  double sigma = 1000;
  int64 subset_size = 256;
  void visit(auto&& f) {
    GainCentreOptions::visit(f);
    f("sigma", sigma, "width of the window", positive());
    f("subset_size", subset_size, "prompts of an epoch", at_least(1));
  }
};

class GainSampler {
 public:
  GainSampler(std::span<const double> signals, const GainSamplerOptions& options);

  /// The prompts of the coming epoch, by a draw for each position.
  std::vector<int64> subset(std::span<const double> u) const;
  std::vector<int64> subset(Rng& rng) const;
  /// Behind an epoch: its mean accuracy and angle.
  void update(double accuracy, double angle);

  const std::vector<int64>& order() const { return order_; }
  double centre() const { return mu_; }

 private:
  GainSamplerOptions o_;
  std::vector<int64> order_;
  double mu_ = 0;
};

}  // namespace gradus
