// Causal self-attention. A sequence is a matrix: row t is position t, d columns.
#pragma once

#include <cmath>
#include <vector>

#include "lab.h"
#include "matrix.h"

// ---- Part 1: forward

// q_t . k_s / sqrt(d) for all t, s: (T, T)
inline Matrix scores(const Matrix& q, const Matrix& k) {
  // BEGIN SOLUTION 1.1
  return (1 / std::sqrt(double(q.cols))) * product(q, transposed(k));
  // END SOLUTION
}

// Of each row t the softmax over s <= t; 0 for s > t: no position sees a later one.
inline Matrix causal_softmax(const Matrix& s) {
  // BEGIN SOLUTION 1.2
  Matrix p(s.rows, s.cols);
  for (size_t t = 0; t < s.rows; ++t) {
    double top = s(t, 0), total = 0;
    for (size_t j = 0; j <= t; ++j) top = std::fmax(top, s(t, j));
    for (size_t j = 0; j <= t; ++j) total += p(t, j) = std::exp(s(t, j) - top);
    for (size_t j = 0; j <= t; ++j) p(t, j) /= total;
  }
  return p;
  // END SOLUTION
}

// out = P v, P = causal_softmax(scores(q, k))
inline Matrix attention(const Matrix& q, const Matrix& k, const Matrix& v) {
  // BEGIN SOLUTION 1.3
  return product(causal_softmax(scores(q, k)), v);
  // END SOLUTION
}

// Columns from..from + n - 1 (given), and putting them back.
inline Matrix columns(const Matrix& x, size_t from, size_t n) {
  Matrix out(x.rows, n);
  for (size_t t = 0; t < x.rows; ++t)
    for (size_t j = 0; j < n; ++j) out(t, j) = x(t, from + j);
  return out;
}
inline void set_columns(Matrix& x, size_t from, const Matrix& part) {
  for (size_t t = 0; t < x.rows; ++t)
    for (size_t j = 0; j < part.cols; ++j) x(t, from + j) = part(t, j);
}

// `heads` attentions side by side: head i has columns i d/heads .. of q, k and v, and of the result.
inline Matrix multi_head(const Matrix& q, const Matrix& k, const Matrix& v, size_t heads) {
  // BEGIN SOLUTION 1.4
  Matrix out(v.rows, v.cols);
  const size_t n = q.cols / heads;
  for (size_t h = 0; h < heads; ++h)
    set_columns(out, h * n, attention(columns(q, h * n, n), columns(k, h * n, n), columns(v, h * n, n)));
  return out;
  // END SOLUTION
}

// ---- Part 2: backward

// dL/ds of the causal softmax, given p and dL/dp = g: row by row p * (g - sum of p g); 0 beyond the diagonal
inline Matrix causal_softmax_backward(const Matrix& p, const Matrix& g) {
  // BEGIN SOLUTION 2.1
  Matrix ds(p.rows, p.cols);
  for (size_t t = 0; t < p.rows; ++t) {
    double along = 0;
    for (size_t j = 0; j <= t; ++j) along += p(t, j) * g(t, j);
    for (size_t j = 0; j <= t; ++j) ds(t, j) = p(t, j) * (g(t, j) - along);
  }
  return ds;
  // END SOLUTION
}

struct AttentionGrads {
  Matrix q, k, v;
};
// Of attention(q, k, v), g = dL/dout.
inline AttentionGrads attention_backward(const Matrix& q, const Matrix& k, const Matrix& v, const Matrix& g) {
  // BEGIN SOLUTION 2.2
  const Matrix p = causal_softmax(scores(q, k));
  const Matrix ds = (1 / std::sqrt(double(q.cols))) * causal_softmax_backward(p, product(g, transposed(v)));
  return {product(ds, k), product(transposed(ds), q), product(transposed(p), g)};
  // END SOLUTION
}

// ---- Part 3: around it

// Row t: the embedding of token t plus the embedding of position t.
inline Matrix embed(const std::vector<size_t>& tokens, const Matrix& token_table,
                    const Matrix& position_table) {
  // BEGIN SOLUTION 3.1
  Matrix x(tokens.size(), token_table.cols);
  for (size_t t = 0; t < x.rows; ++t)
    for (size_t j = 0; j < x.cols; ++j) x(t, j) = token_table(tokens[t], j) + position_table(t, j);
  return x;
  // END SOLUTION
}

// Each row divided by the root of its mean square plus 1e-6, times gain (1, d): RMS norm
inline Matrix rms_norm(const Matrix& x, const Matrix& gain) {
  // BEGIN SOLUTION 3.2
  Matrix y = x;
  for (size_t t = 0; t < x.rows; ++t) {
    double squares = 0;
    for (size_t j = 0; j < x.cols; ++j) squares += x(t, j) * x(t, j) / double(x.cols);
    for (size_t j = 0; j < x.cols; ++j) y(t, j) *= gain(0, j) / std::sqrt(squares + 1e-6);
  }
  return y;
  // END SOLUTION
}

// The mean over t of -log softmax(logits row t) at token t + 1; the last row has no next token and does not count.
inline double next_token_loss(const Matrix& logits, const std::vector<size_t>& tokens) {
  // BEGIN SOLUTION 3.3
  double loss = 0;
  for (size_t t = 0; t + 1 < tokens.size(); ++t) {
    double top = logits(t, 0), total = 0;
    for (size_t j = 0; j < logits.cols; ++j) top = std::fmax(top, logits(t, j));
    for (size_t j = 0; j < logits.cols; ++j) total += std::exp(logits(t, j) - top);
    loss -= logits(t, tokens[t + 1]) - top - std::log(total);
  }
  return loss / double(tokens.size() - 1);
  // END SOLUTION
}

// A language model of one block, all matrices (out, in):
//   x = embed;  n = rms_norm(x, gain);  x = x + multi_head(n Wq', n Wk', n Wv') Wo';  logits = x head'
struct Model {
  size_t heads;
  Matrix token_table, position_table, gain, wq, wk, wv, wo, head;
};
inline Matrix logits(const Model& m, const std::vector<size_t>& tokens) {
  // BEGIN SOLUTION 3.4
  const Matrix x = embed(tokens, m.token_table, m.position_table), n = rms_norm(x, m.gain);
  const Matrix a = multi_head(product(n, transposed(m.wq)), product(n, transposed(m.wk)),
                              product(n, transposed(m.wv)), m.heads);
  return product(x + product(a, transposed(m.wo)), transposed(m.head));
  // END SOLUTION
}
