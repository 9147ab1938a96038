// Writing text: one position at a time, with what earlier positions left.
#pragma once

#include <algorithm>
#include <functional>

#include "attention.h"

// ---- Part 4

// softmax(z / temperature) of one row of logits; temperature 0: all weight on the largest (the first of equals).
inline std::vector<double> probabilities(const std::vector<double>& z, double temperature) {
  // BEGIN SOLUTION 4.1
  const size_t best = size_t(std::max_element(z.begin(), z.end()) - z.begin());
  std::vector<double> p(z.size(), 0);
  if (temperature == 0) {
    p[best] = 1;
    return p;
  }
  double total = 0;
  for (size_t i = 0; i < z.size(); ++i) total += p[i] = std::exp((z[i] - z[best]) / temperature);
  for (double& x : p) x /= total;
  return p;
  // END SOLUTION
}

// Only the k largest keep their probability (of equals the first), scaled so that they add up to 1.
inline std::vector<double> top_k(std::vector<double> p, size_t k) {
  // BEGIN SOLUTION 4.2
  std::vector<size_t> order(p.size());
  for (size_t i = 0; i < p.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return p[a] > p[b]; });
  double total = 0;
  for (size_t i = 0; i < std::min(k, p.size()); ++i) total += p[order[i]];
  for (size_t i = 0; i < p.size(); ++i) p[order[i]] = i < k ? p[order[i]] / total : 0;
  return p;
  // END SOLUTION
}

// The first index whose running sum of probabilities is above u, u uniform in [0, 1); the last one with a probability if rounding
// keeps the sum below u.
inline size_t sample(const std::vector<double>& p, double u) {
  // BEGIN SOLUTION 4.3
  double sum = 0;
  size_t last = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    sum += p[i];
    if (p[i] > 0) last = i;
    if (sum > u) return i;
  }
  return last;
  // END SOLUTION
}

// ---- Part 5: the cache. Keys and values of all positions so far, a row each; empty at first.
struct Cache {
  Matrix keys, values;
};

// Appends a row (1, d) to a matrix, which may be empty.
inline void append(Matrix& to, const Matrix& row) {
  // BEGIN SOLUTION 5.1
  to.cols = row.cols;
  ++to.rows;
  to.data.insert(to.data.end(), row.data.begin(), row.data.end());
  // END SOLUTION
}

// The row of multi_head for the newest position: q, k, v are its (1, d) rows; the cache holds the earlier ones and gets this one.
inline Matrix attend_next(const Matrix& q, const Matrix& k, const Matrix& v, Cache& cache, size_t heads) {
  // BEGIN SOLUTION 5.2
  append(cache.keys, k);
  append(cache.values, v);
  const size_t n = q.cols / heads;
  Matrix out(1, v.cols);
  for (size_t h = 0; h < heads; ++h) {
    const Matrix s = scores(columns(q, h * n, n), columns(cache.keys, h * n, n));
    const std::vector<double> p = probabilities(s.data, 1);
    set_columns(out, h * n, product(Matrix(1, p.size(), p), columns(cache.values, h * n, n)));
  }
  return out;
  // END SOLUTION
}

// The last row of logits(m, tokens so far), for the newest token at `position`, with the cache of those before.
inline std::vector<double> next_logits(const Model& m, size_t token, size_t position, Cache& cache) {
  // BEGIN SOLUTION 5.3
  Matrix x(1, m.token_table.cols);
  for (size_t j = 0; j < x.cols; ++j) x(0, j) = m.token_table(token, j) + m.position_table(position, j);
  const Matrix n = rms_norm(x, m.gain);
  const Matrix a = attend_next(product(n, transposed(m.wq)), product(n, transposed(m.wk)),
                               product(n, transposed(m.wv)), cache, m.heads);
  return product(x + product(a, transposed(m.wo)), transposed(m.head)).data;
  // END SOLUTION
}

// Goes on from `tokens` (at least one) by `count` tokens, each drawn by sample(top_k(probabilities(...), k), uniform()). Every token
// goes through next_logits once.
inline std::vector<size_t> generate(const Model& m, std::vector<size_t> tokens, size_t count,
                                    double temperature, size_t k, const std::function<double()>& uniform) {
  // BEGIN SOLUTION 5.4
  Cache cache;
  std::vector<double> z;
  for (size_t t = 0; t < tokens.size(); ++t) z = next_logits(m, tokens[t], t, cache);
  for (size_t i = 0; i < count; ++i) {
    tokens.push_back(sample(top_k(probabilities(z, temperature), k), uniform()));
    if (i + 1 < count) z = next_logits(m, tokens.back(), tokens.size() - 1, cache);
  }
  return tokens;
  // END SOLUTION
}
