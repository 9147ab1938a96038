// Batch norm of a batch that ranks have parts of is that of the whole batch.
#include <doctest/doctest.h>

#include <mutex>

#include "core/kernels/batch_norm.h"
#include "core/rng.h"
#include "tests/thread_ranks.h"

using namespace gradus;

TEST_CASE("batch norm over ranks: outputs and gradients of the whole batch, parts of unequal size") {
  const int64 n = 7, c = 3, inner = 10;
  Rng rng(5);
  const Tensor x = rng.normal_tensor({n, c, 2, 5}, 3, 2), g = rng.normal_tensor({n, c, 2, 5}),
               shortcut = rng.normal_tensor({n, c, 2, 5}), w = rng.normal_tensor({c}),
               b = rng.normal_tensor({c});
  const double tight = sizeof(real) == 8 ? 1e-12 : 1e-5;
  const auto near = [&](const Tensor& part, const Tensor& whole, int64 from) {
    double most = 0;
    for (int64 i = 0; i < part.numel(); ++i)
      most = std::max(
          most, std::abs(static_cast<double>(part.data()[i]) - static_cast<double>(whole.data()[from + i])));
    return most;
  };
  for (const bool with_shortcut : {false, true}) {
    const Tensor s = with_shortcut ? shortcut : Tensor();
    kernels::BatchStats stats;
    const Tensor y = kernels::batch_norm(x, w, b, real(1e-5), true, stats, s);
    const kernels::NormGrads d = kernels::batch_norm_grad(g, x, w, b, stats, true, s);
    CHECK(stats.count == n * inner);
    std::mutex mutex;
    Tensor dw = Tensor::zeros({c}), db = Tensor::zeros({c});
    tests::ThreadRanks::run(3, [&](Communicator& ranks) {
      const int64 begin = std::array{0, 1, 4}[static_cast<size_t>(ranks.rank())],
                  end = std::array{1, 4, 7}[static_cast<size_t>(ranks.rank())], from = begin * c * inner;
      kernels::BatchStats own;
      own.ranks = &ranks;
      const Tensor part = x.rows(begin, end), z = with_shortcut ? s.rows(begin, end) : Tensor();
      const Tensor out = kernels::batch_norm(part, w, b, real(1e-5), true, own, z);
      const kernels::NormGrads grads = kernels::batch_norm_grad(g.rows(begin, end), part, w, b, own, true, z);
      const std::lock_guard lock(mutex);
      CHECK(own.count == n * inner);
      CHECK(near(own.mean, stats.mean, 0) < tight);
      CHECK(near(own.var, stats.var, 0) < tight);
      CHECK(near(out, y, from) < tight);
      CHECK(near(grads.dx, d.dx, from) < tight);
      for (int64 k = 0; k < c; ++k)
        dw.mutable_data()[k] += grads.dw.data()[k], db.mutable_data()[k] += grads.db.data()[k];
    });
    CHECK(near(dw, d.dw, 0) < 30 * tight);
    CHECK(near(db, d.db, 0) < 30 * tight);
  }
}
