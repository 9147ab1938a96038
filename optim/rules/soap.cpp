// SOAP: Adam in the eigenbasis of Shampoo's covariances.
// Papers: Vyas et al., "SOAP: Improving and Stabilizing Shampoo using Adam", 2024, arXiv 2409.11321 (form original);
//         Frans, Abbeel, Levine, "What Really Matters in Matrix-Whitening Optimizers?", 2025, arXiv 2510.25000 (paper).
//   form paper:  L = beta2*L + (1-beta2)*G G';   R = beta2*R + (1-beta2)*G' G;   M = beta1*M + (1-beta1)*G
//     V = beta2*V + (1-beta2)*(QL' G QR)^2;   U = QL [QL' Mh QR/(sqrt(Vh) + eps)] QR',  Mh = M/(1-beta1^t), Vh likewise
//     W <- W - lr*(U + weight_decay*W);   at t = 1 and t % update_every == 0 then QL, QR = eigenvectors of L, R
//     t = 1: U = 0, and M and V stay zero
//   form original: step 1 sets L, R and Q (eigenvalues descending) only; k counts from step 2; M is kept rotated
//     W <- W - lr*sqrt(1-beta2^k)/(1-beta1^k) * Q-rotated-back M/(sqrt(V) + eps);  W <- W*(1 - lr*weight_decay)
//     then L, R; at k % update_every == 0 columns (and V) by descending diag(Q'LQ), Q = qr(L Q), M rotated along
//     vectors: the same without Q, same options, same skipped step (no companion)
// A side longer than max_dim keeps the identity.
#include <algorithm>
#include <numeric>

#include "optim/rules/families.h"
#include "optim/rules/matrix.h"

namespace gradus::rules {
namespace {

struct Soap {
  struct Options : CompanionOptions {
    double lr = 1e-3, beta1 = 0.9, beta2 = 0.99, eps = 1e-8, weight_decay = 0;
    int64 update_every = 10, max_dim = 2048;
    std::string form = "paper";
    void visit(auto&& f) {
      f("lr", lr, "step size of matrices", positive());
      f("beta1", beta1, "decay of the momentum", decay_rate());
      f("beta2", beta2, "decay of the covariances and of squares in their basis", decay_rate());
      f("eps", eps, "added to the root", at_least(0));
      f("weight_decay", weight_decay, "decoupled decay", at_least(0));
      f("update_every", update_every, "steps between new bases", at_least(1));
      f("form", form, "of the whitening study or of SOAP's authors", choices({"paper", "original"}));
      f("max_dim", max_dim, "longest side that is rotated", at_least(1));
      visit_companion(f);
    }
  };
  static constexpr bool kDecoupled = true;

  static void paper_form(Param& p, State& s, const Options& o, const StepInfo& k) {
    TwoSided sides(s, p.rows(), p.cols(), o.max_dim);
    const Tensor g = as_matrix(p.grad);
    Tensor u = Tensor::zeros(g.shape());
    if (k.t > 1) {
      const Tensor turned = sides.rotate(g);
      u = sides.rotate(momentum_matrix(p, s, o.beta1));
      const real c1 = real(1 / bias_correction(o.beta1, k.t)), eps = real(o.eps);
      const real root = real(1 / std::sqrt(bias_correction(o.beta2, k.t)));
      for_each_element(u, turned, s("v"), [=, mean = Ema(o.beta2)](real& x, real y, real& v) {
        v = mean(v, y * y);
        x = x == 0 ? real(0) : c1 * x / (root * std::sqrt(v) + eps);
      });
      u = sides.rotate_back(u);
    }
    descend(p, u, o.lr * k.lr_scale, o.weight_decay);
    sides.accumulate(g, o.beta2);
    if (k.t == 1 || k.t % o.update_every == 0) sides.diagonalise();
  }

  // One power iteration and QR on Q, its columns put in the order of the eigenvalues they estimate. The order.
  static std::vector<int64> refresh(Tensor& q, const Tensor& a) {
    const int64 n = a.dim(0);
    const Tensor image = linalg::matmul(a, q);
    std::vector<double> estimate(static_cast<size_t>(n));
    for (int64 i = 0; i < n; ++i)
      for (int64 j = 0; j < n; ++j)
        estimate[static_cast<size_t>(j)] +=
            static_cast<double>(q.data()[i * n + j]) * static_cast<double>(image.data()[i * n + j]);
    std::vector<int64> order(estimate.size());
    std::iota(order.begin(), order.end(), int64{0});
    std::stable_sort(order.begin(), order.end(), [&](int64 i, int64 j) {
      return estimate[static_cast<size_t>(i)] > estimate[static_cast<size_t>(j)];
    });
    Tensor sorted(image.shape());
    real* to = sorted.mutable_data();
    for (int64 i = 0; i < n; ++i)
      for (int64 j = 0; j < n; ++j) to[i * n + j] = image.data()[i * n + order[static_cast<size_t>(j)]];
    q.copy_from(linalg::qr(sorted).q);
    return order;
  }

  // V with its rows or columns in a new order.
  static void reorder(Tensor& v, int64 rows, int64 cols, const std::vector<int64>& order, bool by_row) {
    const Tensor old = v.clone();
    real* to = v.mutable_data();
    for (int64 i = 0; i < rows; ++i)
      for (int64 j = 0; j < cols; ++j) {
        const int64 from =
            by_row ? order[static_cast<size_t>(i)] * cols + j : i * cols + order[static_cast<size_t>(j)];
        to[i * cols + j] = old.data()[from];
      }
  }

  static void original_form(Param& p, State& s, const Options& o, const StepInfo& k, bool matrix) {
    TwoSided sides(s, matrix ? p.rows() : 1, matrix ? p.cols() : p.data.numel(), matrix ? o.max_dim : 0);
    const Tensor g = matrix ? as_matrix(p.grad) : p.grad.view({1, p.grad.numel()});
    if (k.t > 1) {
      const int64 count = k.t - 1;
      const double lr = o.lr * k.lr_scale;
      const Tensor turned = sides.rotate(g);
      Tensor u(g.shape());
      const Ema first(o.beta1), second(o.beta2);
      const real step = real(std::sqrt(bias_correction(o.beta2, count)) / bias_correction(o.beta1, count)),
                 eps = real(o.eps);
      for_each_element(u, turned, s("m"), s("v"), [=](real& x, real y, real& m, real& v) {
        m = first(m, y);
        v = second(v, y * y);
        x = m == 0 ? real(0) : step * m / (std::sqrt(v) + eps);
      });
      const Tensor back = sides.rotate_back(u);
      for_each_element(p.data, back, [keep = real(1 - lr * o.weight_decay), c = real(lr)](real& w, real d) {
        w = keep * (w - c * d);
      });
    }
    sides.accumulate(g, o.beta2);
    if (k.t == 1) return sides.diagonalise(true);
    if ((k.t - 1) % o.update_every != 0 || !(sides.left || sides.right)) return;
    Tensor& m = s("m");
    const Tensor straight = sides.rotate_back(m.view(g.shape()));
    if (sides.left) reorder(s("v"), sides.rows, sides.cols, refresh(sides.ql(), sides.l()), true);
    if (sides.right) reorder(s("v"), sides.rows, sides.cols, refresh(sides.qr(), sides.r()), false);
    m.copy_from(sides.rotate(straight).view(m.shape()));
  }

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const bool matrix = takes_matrix(p);
    if (o.form == "original") return original_form(p, s, o, k, matrix);
    if (!matrix) return companion_step(p, s, o, k);
    paper_form(p, s, o, k);
  }
  static void step(Pass<Options>& pass) { update_side_by_side<Soap>(pass); }
};

}  // namespace

OptimizerEntry soap() {
  return rule_entry<Soap>(
      {"soap", "Adam in the eigenbasis of the gradient's covariances",
       "Vyas et al., 2024, arXiv 2409.11321; Frans, Abbeel, Levine, 2025, arXiv 2510.25000",
       "L = beta2*L + (1-beta2)*G G';  R = beta2*R + (1-beta2)*G' G;  QL, QR their eigenvectors\n"
       "V = beta2*V + (1-beta2)*(QL' G QR)^2\n"
       "U = QL [QL' M QR/(1-beta1^t) / (sqrt(V/(1-beta2^t)) + eps)] QR'\n"
       "W = W - lr*(U + weight_decay*W);  vectors, embeddings, heads: Adam (adam_*)"});
}

}  // namespace gradus::rules
