// Weights packed once: products through them against plain double loops, a row's bits in any company, and when packing is done anew.
#include "core/kernels/weight_panels.h"

#include "core/kernels/linear.h"
#include "tests/kernels/naive.h"

using namespace gradus;
using kernels::Epilogue;
using kernels::WeightPanels;
using naive::Doubles;

namespace {

Doubles plain_linear(const Tensor& x, const Tensor& w, const Tensor& bias, Epilogue e) {
  const int64 in = w.dim(1), out = w.dim(0), rows = x.numel() / in;
  Doubles y;
  for (int64 r = 0; r < rows; ++r)
    for (int64 o = 0; o < out; ++o) {
      double h = bias ? double(bias.data()[o]) : 0;
      for (int64 i = 0; i < in; ++i) h += double(x.data()[r * in + i]) * w.data()[o * in + i];
      y.push_back(e == Epilogue::kNone   ? h
                  : e == Epilogue::kRelu ? std::max(h, 0.0)
                                         : h * 0.5 * std::erfc(-h / std::sqrt(2)));
    }
  return y;
}

Tensor packed_linear(const Tensor& x, const Tensor& w, const Tensor& bias, Epilogue e) {
  WeightPanels store;
  const WeightPanels::Scope scope(store);
  return kernels::linear(x, w, bias, e);
}

}  // namespace

TEST_CASE(
    "weight panels: linear equals plain loops, and a row is the same bits in any company and on any "
    "threads") {
  struct Case {
    int64 rows, in, out;
  };
  // One row past two panels at once, with rests; several pieces of depth; tiles with rests; rows that lie far apart;
  // columns and rows divided among threads.
  const Case cases[] = {{1, 1, 1},    {1, 20, 33},   {1, 128, 128},  {1, 512, 300}, {1, 800, 65},
                        {2, 17, 260}, {13, 128, 65}, {32, 512, 128}, {40, 700, 96}, {300, 130, 140}};
  Rng rng(3);
  const int before = threads();
  for (const Case& s : cases)
    for (const Epilogue e : {Epilogue::kNone, Epilogue::kRelu, Epilogue::kGelu})
      for (const bool with_bias : {true, false}) {
        CAPTURE(s.rows);
        CAPTURE(s.in);
        CAPTURE(s.out);
        CAPTURE(int(e));
        const Tensor x = rng.normal_tensor({s.rows, s.in}), bias = rng.normal_tensor({s.out});
        const Tensor w = rng.normal_tensor({s.out, s.in}, 0, 1 / std::sqrt(real(s.in)));
        const Tensor b = with_bias ? bias : Tensor();
        set_threads(1);
        naive::poison_scratch();
        const Tensor y = packed_linear(x, w, b, e);
        CHECK(naive::error(y, plain_linear(x, w, b, e)) < naive::tolerance(3e-6, 1e-13));
        const int64 last = s.rows - 1;
        CHECK(packed_linear(x.rows(last, s.rows), w, b, e).values() == y.rows(last, s.rows).values());
        CHECK(packed_linear(x.rows(0, (s.rows + 1) / 2), w, b, e).values() ==
              y.rows(0, (s.rows + 1) / 2).values());
        set_threads(3);
        CHECK(packed_linear(x, w, b, e).values() == y.values());
      }
  set_threads(before);
}

TEST_CASE("weight panels: what was written is packed anew, what a scope did not need is forgotten") {
  Rng rng(4);
  const Tensor x = rng.normal_tensor({1, 6});
  Tensor w = rng.normal_tensor({5, 6}), v = rng.normal_tensor({7, 6});
  WeightPanels store;
  CHECK(WeightPanels::current() == nullptr);
  {
    const WeightPanels::Scope scope(store);
    CHECK(WeightPanels::current() == &store);
    const Tensor y = kernels::linear(x, w, {});
    CHECK(kernels::linear(x, v, {}).dim(1) == 7);
    CHECK(store.size() == 2);
    w.mutable_data()[0] += 2;
    Doubles moved = naive::doubles(y);
    moved[0] += 2 * double(x.data()[0]);
    CHECK(naive::error(kernels::linear(x, w, {}), moved) < naive::tolerance());
    // The same numbers as another matrix.
    CHECK(naive::error(kernels::linear(x.view({2, 3}), w.view({10, 3}), {}),
                       plain_linear(x.view({2, 3}), w.view({10, 3}), {}, Epilogue::kNone)) <
          naive::tolerance());
    CHECK(store.size() == 2);
    {
      WeightPanels inner;
      const WeightPanels::Scope within(inner);
      CHECK(WeightPanels::current() == &inner);
    }
    CHECK(WeightPanels::current() == &store);
  }
  CHECK(WeightPanels::current() == nullptr);
  CHECK(store.size() == 2);
  {
    const WeightPanels::Scope scope(store);
    kernels::linear(x, v, {});
  }
  CHECK(store.size() == 1);
}
