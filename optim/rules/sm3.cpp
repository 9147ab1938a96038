// SM3: memory-efficient AdaGrad by cover sets.
// Paper: Anil, Gupta, Koren, Singer, "Memory-Efficient Adaptive Optimization", NeurIPS 2019, arXiv 1901.11150, SM3-II.
//   g <- g + weight_decay*w
//   nu = min over the dimensions i of a_i (broadcast) + g^2;   a_i = max of nu over all other dimensions
//   u = g/sqrt(nu + eps);   m = momentum*m + (1-momentum)*u;   w <- w - lr*m
#include <fmt/format.h>

#include <array>
#include <limits>
#include <mutex>

#include "optim/rules/zoo.h"
#include "optim/vocabulary/largest.h"
#include "optim/vocabulary/parts.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Sm3 {
  struct Options {
    double lr = 0.1, momentum = 0.9, eps = 1e-30, weight_decay = 0;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("momentum", momentum, "decay of the mean of steps", decay_rate());
      f("eps", eps, "added under the root", epsilon());
      f("weight_decay", weight_decay, "L2 penalty, added to the gradient", at_least(0));
    }
  };
  static constexpr int64 kNearby = 512;  // elements of a row whose nu stays in the first cache
  /// Rows along the last dimension; the accumulators of the dimensions before it are one number a row.
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const int rank = std::max(1, p.data.rank()), last = rank - 1;
    std::vector<int64> dims(static_cast<size_t>(rank), 1);
    for (int i = 0; i < p.data.rank(); ++i) dims[static_cast<size_t>(i)] = p.data.dim(i);
    const int64 n = dims.back(), rows = n ? p.data.numel() / n : 0;
    std::vector<std::vector<real>> before, after;  // one accumulator vector a dimension
    std::vector<Tensor*> kept;
    for (int i = 0; i < rank; ++i) {
      kept.push_back(&s(fmt::format("a{}", i), Shape{dims[static_cast<size_t>(i)]}));
      before.emplace_back(kept.back()->data(), kept.back()->data() + kept.back()->numel());
      after.emplace_back(before.back().size(), real(0));
    }
    const real lr = real(o.lr * k.lr_scale), l2 = real(o.weight_decay), eps = real(o.eps);
    const Ema mean(o.momentum);
    real *w = p.data.mutable_data(), *m = s("m").mutable_data();
    const real *g = p.grad.data(), *across = before.back().data();
    std::mutex merging;
    parallel_for(
        rows, std::max<int64>(1, kParallelGrain / std::max<int64>(1, n)), [&](int64 begin, int64 end) {
          auto top = after;  // zeros: nu is not negative
          std::array<real, kNearby> nu;
          real* const columns = top[static_cast<size_t>(last)].data();
          for (int64 row = begin; row < end; ++row) {
            real along = std::numeric_limits<real>::infinity(), most = 0;
            for_each_index(dims, row, [&](size_t i, size_t at) { along = std::min(along, before[i][at]); });
            for (int64 first = 0; first < n; first += kNearby) {
              const Part part{first, std::min(kNearby, n - first)};
              elements_with(
                  nu.data(), part,
                  [=](real& own, real& x, real y, real& mu, real a, real& column) {
                    y += l2 * x;
                    own = std::min(along, a) + y * y;
                    column = std::max(column, own);
                    mu = mean(mu, y / std::sqrt(own + eps));
                    x -= lr * mu;
                  },
                  w + row * n, g + row * n, m + row * n, across, columns);
              most = std::max(most, largest_size(nu.data(), part.count));
            }
            for_each_index(dims, row, [&](size_t i, size_t at) { top[i][at] = std::max(top[i][at], most); });
          }
          const std::lock_guard lock(merging);  // maxima do not depend on their order
          for (size_t i = 0; i < top.size(); ++i)
            for (size_t j = 0; j < top[i].size(); ++j) after[i][j] = std::max(after[i][j], top[i][j]);
        });
    for (size_t i = 0; i < after.size(); ++i)
      std::copy(after[i].begin(), after[i].end(), kept[i]->mutable_data());
  }
  /// body(dimension, index in it) for all dimensions but the last.
  template <class Body>
  static void for_each_index(const std::vector<int64>& dims, int64 row, const Body& body) {
    for (size_t i = dims.size() - 1; i-- > 0;) {
      body(i, static_cast<size_t>(row % dims[i]));
      row /= dims[i];
    }
  }
};

}  // namespace

OptimizerEntry sm3() {
  return rule_entry<Sm3>({"sm3", "AdaGrad with one accumulator a row and a column",
                          "Anil, Gupta, Koren, Singer, NeurIPS 2019, arXiv 1901.11150"});
}

}  // namespace gradus::rules
