// The fused LSTM and its gradient against plain double loops.
#include "core/kernels/lstm.h"

#include "core/error.h"
#include "tests/kernels/naive.h"

using namespace gradus;
using naive::Doubles;

namespace {

struct LstmValues {
  Doubles y, dx, dw, dh, dc;
};

// Steps forward, then backward, everything in double; example by example.
LstmValues naive_lstm(const Tensor& x, const Tensor& w, const Tensor& h, const Tensor& c,
                      const Tensor& grad) {
  const auto T = size_t(x.dim(0)), N = size_t(x.dim(1)), H = size_t(w.dim(1));
  LstmValues v{Doubles((T + 1) * N * H), Doubles(T * N * 4 * H), Doubles(4 * H * H), Doubles(N * H),
               Doubles(N * H)};
  for (size_t r = 0; r < N; ++r) {
    std::vector<Doubles> hs{Doubles(h.data() + r * H, h.data() + (r + 1) * H)},
        cs{Doubles(c.data() + r * H, c.data() + (r + 1) * H)}, gates;
    for (size_t t = 0; t < T; ++t) {
      Doubles sum(4 * H), next(H), out(H);
      for (size_t k = 0; k < 4 * H; ++k) {
        sum[k] = x.data()[(t * N + r) * 4 * H + k];
        for (size_t i = 0; i < H; ++i) sum[k] += hs[t][i] * w.data()[k * H + i];
        sum[k] = k / H == 2 ? std::tanh(sum[k]) : 1 / (1 + std::exp(-sum[k]));
      }
      for (size_t u = 0; u < H; ++u) {
        next[u] = sum[H + u] * cs[t][u] + sum[u] * sum[2 * H + u];
        v.y[(t * N + r) * H + u] = out[u] = sum[3 * H + u] * std::tanh(next[u]);
      }
      hs.push_back(out), cs.push_back(next), gates.push_back(sum);
    }
    Doubles dh(H), dc(H);
    for (size_t u = 0; u < H; ++u) {
      v.y[(T * N + r) * H + u] = cs[T][u];
      dc[u] = grad.data()[(T * N + r) * H + u];
    }
    for (size_t t = T; t-- > 0;) {
      Doubles d(4 * H), before(H);
      const Doubles& s = gates[t];
      for (size_t u = 0; u < H; ++u) {
        const double i = s[u], f = s[H + u], g = s[2 * H + u], o = s[3 * H + u], tc = std::tanh(cs[t + 1][u]);
        const double out = dh[u] + grad.data()[(t * N + r) * H + u], cell = dc[u] + out * o * (1 - tc * tc);
        d[u] = cell * g * i * (1 - i);
        d[H + u] = cell * cs[t][u] * f * (1 - f);
        d[2 * H + u] = cell * i * (1 - g * g);
        d[3 * H + u] = out * tc * o * (1 - o);
        dc[u] = cell * f;
      }
      for (size_t k = 0; k < 4 * H; ++k) {
        v.dx[(t * N + r) * 4 * H + k] = d[k];
        for (size_t i = 0; i < H; ++i) {
          before[i] += d[k] * w.data()[k * H + i];
          v.dw[k * H + i] += d[k] * hs[t][i];
        }
      }
      dh = before;
    }
    std::copy(dh.begin(), dh.end(), v.dh.begin() + int64(r * H));
    std::copy(dc.begin(), dc.end(), v.dc.begin() + int64(r * H));
  }
  return v;
}

}  // namespace

TEST_CASE(
    "lstm: values and gradients equal plain double loops, whatever the threads; what is kept is not asked "
    "for twice") {
  struct Size {
    int64 t, n, h;
  };
  // One of each; units in whole panels and not; several pieces of depth forward (H) and backward (4H); rows divided among threads.
  const Size sizes[] = {{1, 1, 1}, {5, 3, 4}, {4, 13, 33}, {3, 2, 130}, {2, 40, 400}, {3, 150, 20}};
  Rng rng(8);
  const int before = threads();
  for (const Size& s : sizes) {
    CAPTURE(s.n);
    CAPTURE(s.h);
    const Tensor x = rng.normal_tensor({s.t, s.n, 4 * s.h});
    const Tensor w = rng.normal_tensor({4 * s.h, s.h}, 0, 1 / std::sqrt(real(s.h)));
    const Tensor h = rng.normal_tensor({s.n, s.h}), c = rng.normal_tensor({s.n, s.h});
    const Tensor grad = rng.normal_tensor({s.t + 1, s.n, s.h});
    const LstmValues plain = naive_lstm(x, w, h, c, grad);
    set_threads(1);
    naive::poison_scratch();
    Tensor gates, cells;
    const Tensor y = kernels::lstm(x, w, h, c, &gates, &cells);
    const kernels::LstmGrads d = kernels::lstm_grad(grad, w, h, c, y, gates, cells);
    const double tight = naive::tolerance(4e-6, 1e-12);
    CHECK(naive::error(y, plain.y) < tight);
    CHECK(naive::error(d.dx, plain.dx) < tight);
    CHECK(naive::error(d.dw, plain.dw) < tight);
    CHECK(naive::error(d.dh, plain.dh) < tight);
    CHECK(naive::error(d.dc, plain.dc) < tight);
    CHECK(kernels::lstm(x, w, h, c).values() == y.values());
    set_threads(3);
    CHECK(kernels::lstm(x, w, h, c).values() == y.values());
    const kernels::LstmGrads again = kernels::lstm_grad(grad, w, h, c, y, gates, cells);
    CHECK(again.dx.values() == d.dx.values());
    CHECK(again.dw.values() == d.dw.values());
    CHECK(again.dh.values() == d.dh.values());
    // An example does not depend on the others.
    const int64 last = s.n - 1;
    Tensor own({s.t, 1, 4 * s.h});
    for (int64 t = 0; t < s.t; ++t)
      std::copy_n(x.data() + (t * s.n + last) * 4 * s.h, 4 * s.h, own.mutable_data() + t * 4 * s.h);
    const Tensor alone = kernels::lstm(own, w, h.rows(last, s.n), c.rows(last, s.n));
    for (int64 t = 0; t <= s.t; ++t)
      CHECK(alone.rows(t, t + 1).values() == y.rows(t, t + 1).view({s.n, s.h}).rows(last, s.n).values());
  }
  set_threads(before);
}

TEST_CASE("lstm: no examples, and shapes that do not fit") {
  const Tensor w = Tensor::ones({8, 2}), none = Tensor::zeros({0, 2});
  Tensor gates, cells;
  const Tensor y = kernels::lstm(Tensor::zeros({3, 0, 8}), w, none, none, &gates, &cells);
  CHECK(y.shape() == Shape{4, 0, 2});
  CHECK(kernels::lstm_grad(y, w, none, none, y, gates, cells).dw.values() == std::vector<real>(16, 0));
  const Tensor state = Tensor::zeros({3, 2});
  CHECK_THROWS_WITH_AS(kernels::lstm(Tensor::zeros({1, 3, 6}), w, state, state),
                       doctest::Contains("lstm: x (1, 3, 6) with weight (8, 2)"), ShapeError);
  CHECK_THROWS_AS(kernels::lstm(Tensor::zeros({1, 2, 8}), w, state, state), ShapeError);
  CHECK_THROWS_AS(kernels::lstm(Tensor::zeros({0, 3, 8}), w, state, state), ShapeError);
}
