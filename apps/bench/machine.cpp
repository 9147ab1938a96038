#include "apps/bench/machine.h"

#include <atomic>

#include "apps/bench/timing.h"
#include "core/blas.h"
#include "core/kernels/lanes.h"
#include "core/rng.h"
#include "core/threads.h"

namespace gradus {
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

double gemm_gflops(int64 n, double seconds) {
  Rng rng(1);
  const Tensor a = rng.normal_tensor({n, n}), b = rng.normal_tensor({n, n});
  Tensor c({n, n});
  real* out = c.mutable_data();
  const Timing t =
      time_runs(seconds, 3, [&] { gemm(false, false, n, n, n, 1, a.data(), n, b.data(), n, 0, out, n); });
  return 2.0 * double(n) * double(n) * double(n) / t.best * 1e-9;
}

double stream_gigabytes(double seconds) {
  const int64 n = int64{48} << 20 >> 2;  // three vectors of 48 MB in single precision
  const Tensor b = Tensor::ones({n}), c = Tensor::ones({n});
  Tensor a = Tensor::zeros({n});
  const real *pb = b.data(), *pc = c.data();
  real* pa = a.mutable_data();
  const Timing t = time_runs(seconds, 3, [&] {
    parallel_for(n, kParallelGrain, [=](int64 begin, int64 end) {
      for (int64 i = begin; i < end; ++i) pa[i] = pb[i] + real(3) * pc[i];
    });
  });
  return 3.0 * double(n) * sizeof(real) / t.best * 1e-9;
}

}  // namespace gradus
