// Words shared by the rules that take matrices: who is one, Adam as the companion for all else, and two-sided
// statistics of a gradient.
#pragma once

#include <algorithm>
#include <cmath>
#include <exception>
#include <mutex>
#include <numeric>
#include <string>

#include "core/linalg.h"
#include "core/threads.h"
#include "optim/rules/layer.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {

/// Weight matrices and kernels, as (out, rest). Embeddings, heads, biases and norm gains go to the companion; so a
/// model of vectors alone is trained by the companion alone.
inline bool takes_matrix(const Param& p) {
  return p.data.rank() >= 2 && p.kind == ParamKind::kWeight && p.data.numel() > 0;
}

/// R::update of every item of a pass: several at a time, a thread each, where none of them is most of the work; else one
/// after the other, the threads within its products.
template <class R>
void update_side_by_side(Pass<typename R::Options>& pass) {
  const size_t count = pass.items.size();
  std::vector<double> work;
  double total = 0;
  for (const auto& item : pass.items) {
    const double size = static_cast<double>(item.p.data.numel());
    work.push_back(takes_matrix(item.p)
                       ? size * static_cast<double>(std::min(item.p.rows(), item.p.cols()) + 64)
                       : size);
    total += work.back();
  }
  const auto update = [&pass](size_t i) {
    auto& item = pass.items[i];
    R::update(item.p, item.s, item.o, pass.info_of(item));
  };
  const auto bins = static_cast<size_t>(threads());
  const double largest = count ? *std::max_element(work.begin(), work.end()) : 0;
  if (bins < 2 || largest * static_cast<double>(bins) > total) {
    for (size_t i = 0; i < count; ++i) update(i);
    return;
  }
  // The largest first, each to the thread that has least to do.
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t i, size_t j) { return work[i] > work[j]; });
  std::vector<std::vector<size_t>> lists(bins);
  std::vector<double> load(bins);
  for (size_t i : order) {
    const auto bin = static_cast<size_t>(std::min_element(load.begin(), load.end()) - load.begin());
    lists[bin].push_back(i);
    load[bin] += work[i];
  }
  std::exception_ptr error;
  std::mutex mutex;
  parallel_for(static_cast<int64>(bins), 1, [&](int64 begin, int64 end) {
    for (int64 bin = begin; bin < end; ++bin)
      for (size_t i : lists[static_cast<size_t>(bin)]) {
        try {
          update(i);
        } catch (...) {
          const std::lock_guard lock(mutex);
          if (!error) error = std::current_exception();
        }
      }
  });
  if (error) std::rethrow_exception(error);
}

/// Options::spread of rules that renew something of each matrix every update_every steps: gives every matrix that has none a number of steps
/// (scalar "phase") by which it is ahead, so that the work falls evenly on all steps instead of on one in update_every.
template <class Options>
void spread_over_steps(Pass<Options>& pass) {
  const auto wants = [](const auto& item) { return item.o.spread && takes_matrix(item.p); };
  const auto count = std::count_if(pass.items.begin(), pass.items.end(), wants);
  int64 number = 0;
  for (auto& item : pass.items) {
    if (!wants(item)) continue;
    if (!item.s.find_scalar("phase"))
      item.s.scalar("phase") = static_cast<double>(number * item.o.update_every / count);
    ++number;
  }
}
/// Whether step t (from 0) is one at which a matrix renews it.
inline bool renews(int64 t, int64 update_every, const State& s) {
  const double* phase = s.find_scalar("phase");
  return (t + (phase ? static_cast<int64>(*phase) : 0)) % update_every == 0;
}

/// Adam with decoupled decay for what a matrix rule does not take.
struct CompanionOptions {
  double adam_lr = 0.01, adam_beta1 = 0.9, adam_beta2 = 0.99, adam_eps = 1e-8, adam_weight_decay = 1e-3;
  void visit_companion(auto&& f) {
    f("adam_lr", adam_lr, "companion Adam: step size for vectors, embeddings and heads", positive());
    f("adam_beta1", adam_beta1, "companion Adam: decay of the gradient mean", decay_rate());
    f("adam_beta2", adam_beta2, "companion Adam: decay of the mean of squared gradients", decay_rate());
    f("adam_eps", adam_eps, "companion Adam: added to the root", at_least(0));
    f("adam_weight_decay", adam_weight_decay, "companion Adam: decoupled decay", at_least(0));
  }
};
/// w <- w - lr*(mhat/(sqrt(vhat) + eps) + weight_decay*w); slots "m" and "v".
void adam_step(Param& p, State& s, double lr, double beta1, double beta2, double eps, double weight_decay,
               int64 t);
inline void companion_step(Param& p, State& s, const CompanionOptions& o, const StepInfo& k) {
  adam_step(p, s, o.adam_lr * k.lr_scale, o.adam_beta1, o.adam_beta2, o.adam_eps, o.adam_weight_decay, k.t);
}

/// m = beta*m + (1-beta)*g in slot "m", as a matrix that shares its storage.
Tensor momentum_matrix(const Param& p, State& s, double beta);
/// (1-lookahead)*m + lookahead*g, times `scale`, as a matrix of its own.
Tensor looked_ahead(const Param& p, const Tensor& m, double lookahead, double scale);
/// w <- w - lr*(u + weight_decay*w).
void descend(Param& p, const Tensor& u, double lr, double weight_decay);

/// The Newton-Schulz coefficients of that name: "classic" (with `iterations`) or "per-iteration".
std::vector<linalg::NewtonSchulzStep> newton_schulz_named(const std::string& name, int iterations = 5);

/// A factor of the second moment estimate V = r c'/mean(r) of a matrix: r, c running means of the row and column means
/// of squares (slots "r", "c"). Divides u by sqrt(V/correction) + eps.
void divide_by_rank1(Tensor& u, const Tensor& squared, State& s, double beta2, double correction, double eps);

/// Running covariances of a gradient's rows and columns and the bases in which they are diagonal:
/// L = beta*L + (1-beta)*G G'/left_divisor, R likewise of G' G. Slots "L", "R". A side longer than max_dim has none:
/// it keeps the identity.
struct TwoSided {
  State& s;
  int64 rows, cols;
  bool left, right;  ///< which sides have statistics

  TwoSided(State& state, int64 m, int64 n, int64 max_dim)
      : s(state), rows(m), cols(n), left(m <= max_dim), right(n <= max_dim) {}
  Tensor& l() { return s("L", {rows, rows}); }
  Tensor& r() { return s("R", {cols, cols}); }
  Tensor& ql() { return s.starting_at("QL", left_identity()); }
  Tensor& qr() { return s.starting_at("QR", right_identity()); }
  void accumulate(const Tensor& g, double beta, double left_divisor = 1, double right_divisor = 1);
  /// Sets QL, QR to the eigenvectors of L and R, eigenvalues ascending or descending.
  void diagonalise(bool descending = false);
  /// QL' x QR.
  Tensor rotate(const Tensor& x);
  /// QL x QR'.
  Tensor rotate_back(const Tensor& x);

 private:
  Tensor left_identity() const { return s.has("QL") ? Tensor() : linalg::identity(rows); }
  Tensor right_identity() const { return s.has("QR") ? Tensor() : linalg::identity(cols); }
};

}  // namespace gradus::rules
