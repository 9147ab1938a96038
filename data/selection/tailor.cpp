#include "data/selection/tailor.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/random_laws.h"

namespace gradus {

std::vector<double> diversity_value(std::span<const int64> labels, int64 classes, const std::string& mode) {
  if (classes < 1 || labels.size() % static_cast<size_t>(classes))
    fail<ShapeError>("diversity value: {} labels of {} classes", labels.size(), classes);
  if (mode == "pos") return std::vector<double>(static_cast<size_t>(classes), 1);
  if (mode != "div") throw UsageError(unknown_name("value", mode, {"div", "pos"}));
  const auto rows = static_cast<double>(labels.size() / static_cast<size_t>(classes));
  std::vector<double> value;
  for (size_t c = 0; c < static_cast<size_t>(classes); ++c) {
    double n = 0;
    for (size_t i = c; i < labels.size(); i += static_cast<size_t>(classes)) n += labels[i] != 0;
    n = std::max(1.0, n);
    value.push_back(n > 0.5 * rows ? -1 / n : 1 / n);
  }
  return value;
}

TailorBandit::TailorBandit(int64 arms, int64 classes, double gamma, bool multi_label)
    : arms_(arms), classes_(classes), gamma_(gamma), multi_label_(multi_label) {
  if (arms < 1 || classes < 1) fail<UsageError>("tailor: {} arms, {} classes", arms, classes);
  stats_.assign(static_cast<size_t>(2 * arms * classes), 1);
  new_.assign(stats_.size(), 0);
}

std::vector<double> TailorBandit::law() const {
  std::vector<double> law(stats_.begin(), stats_.begin() + arms_ * classes_);
  if (!multi_label_)
    for (double& x : law) x += 1;
  return law;
}

std::vector<double> TailorBandit::draw(Rng& rng) const {
  const std::vector<double> alpha = law();
  std::vector<double> theta;
  const auto each = static_cast<size_t>(classes_);
  for (size_t a = 0; a < static_cast<size_t>(arms_); ++a)
    if (multi_label_) {
      for (size_t c = 0; c < each; ++c)
        theta.push_back(beta_draw(rng, alpha[a * each + c], stats_[alpha.size() + a * each + c]));
    } else {
      const std::vector<double> part = dirichlet_draw(rng, std::span(alpha).subspan(a * each, each));
      theta.insert(theta.end(), part.begin(), part.end());
    }
  return theta;
}

int64 TailorBandit::choose(std::span<const double> theta, std::span<const double> value) const {
  if (std::ssize(theta) != arms_ * classes_ || std::ssize(value) != classes_)
    fail<ShapeError>("tailor: theta of {}, value of {} numbers for {} arms and {} classes", theta.size(),
                     value.size(), arms_, classes_);
  int64 best = 0;
  double most = 0;
  for (int64 a = 0; a < arms_; ++a) {
    double reward = 0;
    for (int64 c = 0; c < classes_; ++c)
      reward += theta[static_cast<size_t>(a * classes_ + c)] * value[static_cast<size_t>(c)];
    if (a == 0 || reward > most) best = a, most = reward;
  }
  return best;
}

void TailorBandit::observe(int64 arm, std::span<const int64> label) {
  if (arm < 0 || arm >= arms_ || std::ssize(label) != classes_)
    fail<ShapeError>("tailor: a label of {} classes for arm {}", label.size(), arm);
  for (int64 c = 0; c < classes_; ++c) {
    const auto at = static_cast<size_t>(arm * classes_ + c);
    const double seen = label[static_cast<size_t>(c)] != 0;
    new_[at] += seen;
    new_[static_cast<size_t>(arms_ * classes_) + at] += 1 - seen;
  }
}

void TailorBandit::end_round() {
  for (size_t i = 0; i < stats_.size(); ++i) stats_[i] = gamma_ * stats_[i] + new_[i];
  std::fill(new_.begin(), new_.end(), 0.0);
}

void TailorBandit::set_stats(std::vector<double> stats) {
  if (stats.size() != stats_.size())
    fail<DataError>("tailor: {} numbers of state, expected {}", stats.size(), stats_.size());
  stats_ = std::move(stats);
}

AlblProbabilities albl_probabilities(std::vector<double> weights, std::span<const int64> arms,
                                     std::span<const double> correct, std::span<const double> query_prob,
                                     std::span<const double> last_prob, double delta) {
  const auto count = static_cast<double>(weights.size());
  if (weights.empty() || last_prob.size() != weights.size() || correct.size() != arms.size() ||
      query_prob.size() != arms.size())
    fail<ShapeError>("albl: {} weights, {} probabilities, {} picks, {} rewards, {} of their probabilities",
                     weights.size(), last_prob.size(), arms.size(), correct.size(), query_prob.size());
  const double pmin = 1 / (10 * count), bonus = std::sqrt(std::log(count / delta) / count);
  for (size_t i = 0; i < arms.size(); ++i) {
    if (arms[i] < 0 || arms[i] >= std::ssize(weights))
      fail<UsageError>("albl: there is no arm {} of {}", arms[i], weights.size());
    const auto a = static_cast<size_t>(arms[i]);
    weights[a] *= std::exp(pmin / 2 * (correct[i] / query_prob[i] + bonus / last_prob[a]));
  }
  double sum = 0;
  for (const double w : weights) sum += w;
  AlblProbabilities out;
  for (double& w : weights) {
    w /= sum;
    out.probabilities.push_back((1 - count * pmin) * w + pmin);
  }
  out.weights = std::move(weights);
  return out;
}

}  // namespace gradus
