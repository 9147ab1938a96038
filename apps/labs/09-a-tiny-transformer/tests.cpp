#include "attention.h"
#include "generate.h"
#include "lab_test.h"

using lab::expect_equal;
using lab::expect_near;
using lab::hint;

static Matrix draw(size_t m, size_t n, unsigned seed) { return Matrix(m, n, lab::Numbers(seed).take(m * n)); }
static Model some_model() {
  return {2,
          draw(6, 4, 1),
          draw(10, 4, 2),
          draw(1, 4, 3),
          draw(4, 4, 4),
          draw(4, 4, 5),
          draw(4, 4, 6),
          draw(4, 4, 7),
          draw(6, 4, 8)};
}
static double dot(const Matrix& a, const Matrix& b) {
  double s = 0;
  for (size_t i = 0; i < a.data.size(); ++i) s += a.data[i] * b.data[i];
  return s;
}

LAB_TEST("1.1", 2, "scores") {
  hint("by the root of the number of columns, not of positions");
  expect_near(scores(Matrix(2, 4, {1, 0, 0, 0, 0, 2, 0, 0}), Matrix(2, 4, {3, 5, 0, 0, 1, 1, 1, 1})).data,
              {1.5, 0.5, 5, 1}, "two positions, d = 4");
}
LAB_TEST("1.2", 4, "the causal softmax") {
  hint("the largest among those that are seen");
  expect_near(causal_softmax(Matrix(2, 2, {5, 1000, 0, std::log(3.0)})).data, {1, 0, 0.25, 0.75},
              "((5, 1000), (0, log 3))");
  expect_near(causal_softmax(Matrix(1, 1, {-2000})).data, {1}, "(-2000)");
}
LAB_TEST("1.3", 3, "attention") {
  expect_near(
      attention(Matrix(2, 1, {1, 1}), Matrix(2, 1, {0, std::log(3.0)}), Matrix(2, 2, {1, 2, 5, 10})).data,
      {1, 2, 4, 8}, "q = (1, 1)', k = (0, log 3)', v = ((1, 2), (5, 10))");
}
LAB_TEST("1.4", 4, "heads") {
  hint("each head has the root of its own d/heads columns");
  const Matrix q = draw(3, 4, 1), k = draw(3, 4, 2), v = draw(3, 4, 3);
  const Matrix y = multi_head(q, k, v, 2);
  expect_near(columns(y, 0, 2).data, attention(columns(q, 0, 2), columns(k, 0, 2), columns(v, 0, 2)).data,
              "two heads of two: the first");
  expect_near(columns(y, 2, 2).data, attention(columns(q, 2, 2), columns(k, 2, 2), columns(v, 2, 2)).data,
              "the second");
}
LAB_TEST("2.1", 4, "the softmax backward") {
  const Matrix p(2, 2, {1, 0, 0.25, 0.75});
  expect_near(causal_softmax_backward(p, Matrix(2, 2, {3, 9, 1, 5})).data, {0, 0, -0.75, 0.75},
              "p = ((1, 0), (.25, .75)), g = ((3, 9), (1, 5))");
}
LAB_TEST("2.2", 8, "attention backward") {
  hint(
      "out = P v, S = q k'/sqrt(d): dv = P' g, dP = g v', dS by the softmax, dq = dS k/sqrt(d), dk = dS' "
      "q/sqrt(d)");
  Matrix q = draw(3, 2, 1), k = draw(3, 2, 2), v = draw(3, 2, 3);
  const Matrix g = draw(3, 2, 4);
  const AttentionGrads d = attention_backward(q, k, v, g);
  const auto slopes = [&](Matrix& x) {
    std::vector<double> out;
    for (double& e : x.data) {
      const double at = e;
      e = at + 1e-5;
      const double up = dot(attention(q, k, v), g);
      e = at - 1e-5;
      out.push_back((up - dot(attention(q, k, v), g)) / 2e-5);
      e = at;
    }
    return out;
  };
  expect_near(d.v.data, slopes(v), "dv, against differences", 1e-7);
  expect_near(d.q.data, slopes(q), "dq", 1e-7);
  expect_near(d.k.data, slopes(k), "dk", 1e-7);
}
LAB_TEST("3.1", 2, "embeddings") {
  expect_near(embed({1, 0, 1}, Matrix(2, 1, {10, 20}), Matrix(3, 1, {1, 2, 3})).data, {21, 12, 23},
              "tokens (1, 0, 1)");
}
LAB_TEST("3.2", 3, "RMS norm") {
  hint("no mean is subtracted");
  expect_near(rms_norm(Matrix(1, 2, {3, 4}), Matrix(1, 2, {1, 2})).data,
              {3 / std::sqrt(12.500001), 8 / std::sqrt(12.500001)}, "(3, 4), gain (1, 2)");
}
LAB_TEST("3.3", 4, "the loss") {
  hint("row t is compared with token t + 1");
  expect_near(next_token_loss(Matrix(3, 2, {0, std::log(3.0), 0, 0, 77, 0}), {0, 1, 0}),
              (-std::log(0.75) - std::log(0.5)) / 2, "logits (0, log 3), (0, 0), (77, 0), tokens 0, 1, 0");
}
LAB_TEST("3.4", 5, "a model") {
  hint("the residual path takes x, the attention its norm");
  Model m = some_model();
  const Matrix z = logits(m, {1, 4, 2});
  expect_near({double(z.rows), double(z.cols)}, {3, 6}, "three tokens of six: the size");
  const Matrix other = logits(m, {1, 4, 5});
  for (size_t j = 0; j < 6; ++j)
    expect_near(z(1, j), other(1, j), "another third token: the second row stays");
  expect_near(z(2, 0), 0.684216629, "its last row, the first logit", 1e-8);
}
LAB_TEST("4.1", 3, "temperature") {
  expect_near(probabilities({0, std::log(9.0)}, 2), {0.25, 0.75}, "(0, log 9), temperature 2");
  expect_near(probabilities({1, 7, 7}, 0), {0, 1, 0}, "(1, 7, 7), temperature 0");
  expect_near(probabilities({1000, 0}, 0.5), {1, 0}, "(1000, 0), temperature 0.5");
}
LAB_TEST("4.2", 3, "the k largest") {
  expect_near(top_k({0.1, 0.4, 0.2, 0.3}, 2), {0, 4 / 7.0, 0, 3 / 7.0}, "(.1, .4, .2, .3), k = 2");
  expect_near(top_k({0.25, 0.25, 0.5}, 2), {1 / 3.0, 0, 2 / 3.0},
              "(.25, .25, .5), k = 2: of equals the first");
  expect_near(top_k({0.5, 0.5}, 5), {0.5, 0.5}, "k larger than the vocabulary");
}
LAB_TEST("4.3", 3, "a sample") {
  hint("above, not at least: u = 0 must not choose what has probability 0");
  expect_equal(sample({0, 0.5, 0.5}, 0), size_t(1), "(0, .5, .5), u = 0");
  expect_equal(sample({0, 0.5, 0.5}, 0.5), size_t(2), "u = .5");
  expect_equal(sample({0.3, 0.3, 0.3, 0}, 0.95), size_t(2), "(.3, .3, .3, 0), u = .95: rounding");
}
LAB_TEST("5.1", 1, "append") {
  Matrix m;
  append(m, Matrix(1, 2, {1, 2}));
  append(m, Matrix(1, 2, {3, 4}));
  expect_near({double(m.rows), double(m.cols), m(1, 0), m(0, 1)}, {2, 2, 3, 2}, "two rows");
}
LAB_TEST("5.2", 5, "the newest position") {
  hint("it sees itself too");
  const Matrix q = draw(3, 4, 1), k = draw(3, 4, 2), v = draw(3, 4, 3), whole = multi_head(q, k, v, 2);
  Cache cache;
  for (size_t t = 0; t < 3; ++t) {
    const auto row = [&](const Matrix& x) { return columns(transposed(columns(transposed(x), t, 1)), 0, 4); };
    expect_near(attend_next(row(q), row(k), row(v), cache, 2).data, row(whole).data,
                "position " + std::to_string(t) + " against the whole sequence");
  }
}
LAB_TEST("5.3", 4, "its logits") {
  const Model m = some_model();
  const std::vector<size_t> tokens = {1, 4, 2, 2};
  const Matrix whole = logits(m, tokens);
  Cache cache;
  for (size_t t = 0; t < 4; ++t) {
    const std::vector<double> z = next_logits(m, tokens[t], t, cache);
    for (size_t j = 0; j < 6; ++j)
      expect_near(z[j], whole(t, j), "token " + std::to_string(t) + " against the whole sequence");
  }
}
LAB_TEST("5.4", 5, "generate") {
  hint("the last token's logits choose the next; positions go on from the prompt");
  const Model m = some_model();
  lab::Numbers numbers(9);
  std::vector<double> draws;
  for (int i = 0; i < 4; ++i) draws.push_back((numbers.next() + 1) / 2);
  size_t at = 0;
  const auto tokens = generate(m, {1, 4}, 4, 0.7, 3, [&] { return draws[at++]; });
  std::vector<size_t> slow = {1, 4};  // without a cache
  for (const double u : draws) {
    const Matrix z = logits(m, slow);
    std::vector<double> last;
    for (size_t j = 0; j < z.cols; ++j) last.push_back(z(z.rows - 1, j));
    slow.push_back(sample(top_k(probabilities(last, 0.7), 3), u));
  }
  expect_equal(tokens, slow, "four tokens after (1, 4), against doing it without a cache");
}

LAB_MAIN
