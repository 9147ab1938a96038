// The paper: Duchi, Hazan, Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization", JMLR 2011. Its
// claim: where features are rare and the rare ones tell, steps scaled by each coordinate's past gradients beat one step size for all.
#pragma once

#include <cmath>
#include <vector>

#include "experiment.h"

// ---- The problem (given): texts as sets of words. Word k appears with probability 1/(k + 2); a text is positive where the sum of its
// words' hidden weights is, so that rare words count as much as frequent ones; one label in twelve is wrong.
struct Texts {
  std::vector<std::vector<size_t>> words;  // of each text
  std::vector<double> label;               // 1 or 0
};
constexpr size_t kWords = 120;

class Draw {
 public:
  explicit Draw(unsigned seed) : state_(seed * 2654435761u + 97u) { next(), next(); }
  double next() {  // uniform in [0, 1)
    state_ ^= state_ << 13, state_ ^= state_ >> 17, state_ ^= state_ << 5;
    return double(state_ >> 8) / double(1u << 24);
  }

 private:
  unsigned state_;
};

inline Texts draw_texts(size_t n, unsigned seed) {
  Draw hidden(7), draw(seed);
  std::vector<double> weight(kWords);
  for (double& w : weight) w = hidden.next() < 0.5 ? -1 : 1;
  Texts texts;
  for (size_t i = 0; i < n; ++i) {
    std::vector<size_t> words;
    double sum = 0;
    for (size_t k = 0; k < kWords; ++k)
      if (draw.next() < 1 / double(k + 2)) words.push_back(k), sum += weight[k];
    texts.words.push_back(words);
    const bool wrong = draw.next() < 1.0 / 12;
    texts.label.push_back((sum > 0) != wrong ? 1 : 0);
  }
  return texts;
}

// ---- Part 3

// z = sum of the weights of the text's words, plus the bias, which is the last of w.
inline double logit(const std::vector<double>& w, const std::vector<size_t>& words) {
  // BEGIN SOLUTION 3.1
  double z = w.back();
  for (const size_t k : words) z += w[k];
  return z;
  // END SOLUTION
}

// log(1 + e^-z) for label 1, log(1 + e^z) for label 0, without overflow for any z.
inline double logistic_loss(double z, double label) {
  // BEGIN SOLUTION 3.2
  const double s = label > 0.5 ? -z : z;
  return s > 0 ? s + std::log1p(std::exp(-s)) : std::log1p(std::exp(s));
  // END SOLUTION
}

// Its derivative in z: 1/(1 + e^-z) - label.
inline double logistic_slope(double z, double label) {
  // BEGIN SOLUTION 3.3
  return 1 / (1 + std::exp(-z)) - label;
  // END SOLUTION
}

// One step of SGD on one text: only the weights of its words and the bias have a gradient, the slope.
inline void sgd_step(std::vector<double>& w, const std::vector<size_t>& words, double slope, double lr) {
  // BEGIN SOLUTION 3.4
  for (const size_t k : words) w[k] -= lr * slope;
  w.back() -= lr * slope;
  // END SOLUTION
}

// One step of AdaGrad (diagonal, Figure 1 of the paper), sums as long as w:
//   sums += g^2,   w <- w - lr g / (sqrt(sums) + 1e-10)           for the coordinates that have a gradient
inline void adagrad_step(std::vector<double>& w, std::vector<double>& sums, const std::vector<size_t>& words,
                         double slope, double lr) {
  // BEGIN SOLUTION 3.5
  const auto move = [&](size_t k) {
    sums[k] += slope * slope;
    w[k] -= lr * slope / (std::sqrt(sums[k]) + 1e-10);
  };
  for (const size_t k : words) move(k);
  move(w.size() - 1);
  // END SOLUTION
}

// Mean logistic loss over texts.
inline double loss_on(const std::vector<double>& w, const Texts& texts) {
  // BEGIN SOLUTION 3.6
  double sum = 0;
  for (size_t i = 0; i < texts.words.size(); ++i)
    sum += logistic_loss(logit(w, texts.words[i]), texts.label[i]);
  return sum / double(texts.words.size());
  // END SOLUTION
}

// A run: one pass over 1500 training texts, drawn with seed 100*seed + 1, from weights of 0 (kWords of them and the bias), a step a
// text. Then the loss on 500 texts: with `test` those drawn with seed 100*seed + 3, else those with seed 100*seed + 2.
inline double train_run(bool adaptive, const Settings& settings, unsigned seed, bool test) {
  // BEGIN SOLUTION 3.7
  const Texts train = draw_texts(1500, 100 * seed + 1);
  std::vector<double> w(kWords + 1, 0), sums(kWords + 1, 0);
  const double lr = settings.at("lr");
  for (size_t i = 0; i < train.words.size(); ++i) {
    const double slope = logistic_slope(logit(w, train.words[i]), train.label[i]);
    if (adaptive)
      adagrad_step(w, sums, train.words[i], slope, lr);
    else
      sgd_step(w, train.words[i], slope, lr);
  }
  return loss_on(w, draw_texts(500, 100 * seed + (test ? 3 : 2)));
  // END SOLUTION
}

// The experiment: arms "adagrad" and "sgd", in this order, both with the same nine step sizes: 0.001, 0.003, 0.01, 0.03, 0.1, 0.3,
// 1, 3, 10; run by `plan`.
inline std::vector<ArmResult> adagrad_experiment(const Plan& plan) {
  // BEGIN SOLUTION 3.8
  const std::map<std::string, std::vector<double>> grid = {
      {"lr", {0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10}}};
  const Arm adagrad{
      "adagrad", [](const Settings& s, unsigned seed, bool test) { return train_run(true, s, seed, test); },
      grid};
  const Arm sgd{"sgd",
                [](const Settings& s, unsigned seed, bool test) { return train_run(false, s, seed, test); },
                grid};
  return {run_arm(adagrad, plan), run_arm(sgd, plan)};
  // END SOLUTION
}
