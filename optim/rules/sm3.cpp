// SM3: memory-efficient AdaGrad by cover sets.
// Paper: Anil, Gupta, Koren, Singer, "Memory-Efficient Adaptive Optimization", NeurIPS 2019, arXiv 1901.11150, SM3-II.
//   g <- g + weight_decay*w
//   nu = min over the dimensions i of a_i (broadcast) + g^2;   a_i = max of nu over all other dimensions
//   u = g/sqrt(nu + eps);   m = momentum*m + (1-momentum)*u;   w <- w - lr*m
#include <fmt/format.h>

#include "optim/rules/zoo.h"
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
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const Shape& shape = p.data.shape();
    const int rank = shape.rank();
    const real lr = real(o.lr * k.lr_scale), l2 = real(o.weight_decay), eps = real(o.eps);
    const Ema mean(o.momentum);
    std::vector<real*> covers;  // one accumulator vector a dimension
    for (int i = 0; i < rank; ++i) covers.push_back(s(fmt::format("a{}", i), Shape{shape[i]}).mutable_data());
    if (rank == 0) covers.push_back(s("a0", Shape{1}).mutable_data());
    std::vector<std::vector<real>> next;
    for (int i = 0; i < std::max(rank, 1); ++i)
      next.emplace_back(static_cast<size_t>(rank ? shape[i] : 1), real(0));
    real *w = p.data.mutable_data(), *m = s("m").mutable_data();
    const real* grad = p.grad.data();
    std::vector<int64> at(covers.size(), 0);
    for (int64 e = 0; e < p.data.numel(); ++e) {
      const real g = grad[e] + l2 * w[e];
      real least = covers[0][at[0]];
      for (size_t i = 1; i < covers.size(); ++i) least = std::min(least, covers[i][at[i]]);
      const real nu = least + g * g;
      for (size_t i = 0; i < covers.size(); ++i) {
        real& top = next[i][static_cast<size_t>(at[i])];
        top = std::max(top, nu);
      }
      m[e] = mean(m[e], g / std::sqrt(nu + eps));
      w[e] -= lr * m[e];
      for (int i = rank - 1; i >= 0; --i) {
        if (++at[static_cast<size_t>(i)] < shape[i]) break;
        at[static_cast<size_t>(i)] = 0;
      }
    }
    for (size_t i = 0; i < covers.size(); ++i) std::copy(next[i].begin(), next[i].end(), covers[i]);
  }
};

}  // namespace

OptimizerEntry sm3() {
  return rule_entry<Sm3>({"sm3", "AdaGrad with one accumulator a row and a column",
                          "Anil, Gupta, Koren, Singer, NeurIPS 2019, arXiv 1901.11150"});
}

}  // namespace gradus::rules
