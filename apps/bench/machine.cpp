#include "apps/bench/machine.h"

#include <atomic>
#include <memory>

#include "core/blas.h"
#include "core/kernels/lanes.h"
#include "core/rng.h"
#include "core/threads.h"

namespace gradus::bench {
namespace {

// Independent chains of multiply-adds: enough to cover the latency, few enough for 16 registers. Every loop over them
// is unrolled: one that is not would put them into memory.
constexpr int kChains = 12;
constexpr int64 kLinks = 200000;

real chains() {
  kernels::Lanes sum[kChains], factor{}, term{};
#pragma GCC unroll 12
  for (int i = 0; i < kChains; ++i) sum[i] = kernels::Lanes{} + real(i);
  factor += real(0.5);
  term += real(1);
  for (int64 link = 0; link < kLinks; ++link) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) {
      sum[i] = sum[i] * factor + term;
      kernels::pin(sum[i]);
    }
  }
  real total = 0;
#pragma GCC unroll 12
  for (int i = 0; i < kChains; ++i) total += sum[i][0];
  return total;
}

std::atomic<double> sink;  // results go here, so that no work can be left out

std::shared_ptr<Tensor> ones(double bytes) {
  return std::make_shared<Tensor>(Tensor::ones({static_cast<int64>(bytes / sizeof(real))}));
}

}  // namespace

double peak_gflops(double seconds) {
  const int n = threads();
  const Timing t = time_runs(seconds, 3, [n] {
    parallel_for(n, 1, [](int64 begin, int64 end) {
      for (int64 i = begin; i < end; ++i) sink = static_cast<double>(chains());
    });
  });
  return 2.0 * kChains * kernels::kLanes * double(kLinks) * n / t.best * 1e-9;
}

Timing time_gemm(int64 n, double seconds) {
  Rng rng(1);
  const Tensor a = rng.normal_tensor({n, n}), b = rng.normal_tensor({n, n});
  Tensor c({n, n});
  real* out = c.mutable_data();
  return time_runs(seconds, 10, [&] { gemm(false, false, n, n, n, 1, a.data(), n, b.data(), n, 0, out, n); });
}

MemoryPass triad_pass(double bytes) {
  const auto a = ones(bytes / 3), b = ones(bytes / 3), c = ones(bytes / 3);
  return {"triad", bytes, [=] {
            real* pa = a->mutable_data();
            const real *pb = b->data(), *pc = c->data();
            parallel_for(a->numel(), kParallelGrain, [=](int64 begin, int64 end) {
#pragma GCC ivdep
              for (int64 i = begin; i < end; ++i) pa[i] = pb[i] + real(0.5) * pc[i];
            });
          }};
}

std::vector<MemoryPass> memory_passes(double bytes) {
  const auto a = ones(bytes / 3), b = ones(bytes / 3), c = ones(bytes / 2), d = ones(bytes / 2),
             e = ones(bytes);
  const auto update = [=] {
    real* pa = a->mutable_data();
    const real* pb = b->data();
    parallel_for(a->numel(), kParallelGrain, [=](int64 begin, int64 end) {
#pragma GCC ivdep
      for (int64 i = begin; i < end; ++i) pa[i] = real(0.5) * pa[i] + real(0.5) * pb[i];
    });
  };
  const auto copy = [=] {
    real* pc = c->mutable_data();
    const real* pd = d->data();
    parallel_for(c->numel(), kParallelGrain, [=](int64 begin, int64 end) {
#pragma GCC ivdep
      for (int64 i = begin; i < end; ++i) pc[i] = real(-1) * pd[i];
    });
  };
  const auto read = [=] {
    const real* pe = e->data();
    parallel_for(e->numel() / kernels::kLanes, kParallelGrain / kernels::kLanes, [=](int64 begin, int64 end) {
      kernels::Lanes sum[4]{};
      for (int64 i = begin; i + 4 <= end; i += 4)
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) sum[j] += kernels::load(pe + (i + j) * kernels::kLanes);
      sink = static_cast<double>(((sum[0] + sum[1]) + (sum[2] + sum[3]))[0]);
    });
  };
  return {triad_pass(bytes), {"update", bytes, update}, {"copy", bytes, copy}, {"read", bytes, read}};
}

}  // namespace gradus::bench
