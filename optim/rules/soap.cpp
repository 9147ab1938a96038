// SOAP: Adam in the slowly turning eigenbasis of Shampoo's covariances.
// Paper: Vyas, Morwani, Zhao, Kwun, Shapira, Brandfonbrener, Janson, Kakade, "SOAP: Improving and Stabilizing Shampoo
//        using Adam", ICLR 2025, arXiv 2409.11321, Algorithm 3. Details as nikhilvyas/SOAP.
//   step 1: L = (1-beta2)*G G',  R = (1-beta2)*G' G;  QL, QR = their eigenvectors, eigenvalues descending;  W stays
//   then, k = 1, 2, ...:  G_rot = QL' G QR
//     M = beta1*M + (1-beta1)*G_rot                  V = beta2*V + (1-beta2)*G_rot^2            both in the rotated basis
//     W <- W - lr * sqrt(1-beta2^k)/(1-beta1^k) * QL [ M/(sqrt(V) + eps) ] QR';   W <- W*(1 - lr*weight_decay)
//     L = beta2*L + (1-beta2)*G G';   R = beta2*R + (1-beta2)*G' G
//     k % update_every == 0:  columns of QL by descending diag(QL' L QL), V along with them;  QL = qr(L QL), QR likewise;
//                             M turned into the new basis
// Vectors (one row, no side of which is turned) take the same steps with Q = 1, the skipped first one too. A side longer
// than max_dim keeps the identity. spread: matrix i of n does so update_every*i/n steps before. The exact eigenvectors of the whitening study are whitening-soap's.
#include <algorithm>
#include <numeric>

#include "optim/rules/families.h"
#include "optim/rules/matrix.h"

namespace gradus::rules {
namespace {

struct Soap {
  struct Options {
    double lr = 3e-3, beta1 = 0.95, beta2 = 0.95, eps = 1e-8, weight_decay = 0.01;
    int64 update_every = 10, max_dim = 2048;
    bool spread = false;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("beta1", beta1, "decay of the momentum", decay_rate());
      f("beta2", beta2, "decay of the covariances and of squares in their basis", decay_rate());
      f("eps", eps, "added to the root", at_least(0));
      f("weight_decay", weight_decay, "decoupled decay", at_least(0));
      f("update_every", update_every, "steps between new bases", at_least(1));
      f("max_dim", max_dim, "longest side that is rotated", at_least(1));
      f("spread", spread, "renew the bases of one matrix after the other, in place of all at one step");
    }
  };
  static constexpr bool kDecoupled = true;

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

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const bool matrix = takes_matrix(p);
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
    if (!renews(k.t - 1, o.update_every, s) || !(sides.left || sides.right)) return;
    Tensor& m = s("m");
    const Tensor straight = sides.rotate_back(m.view(g.shape()));
    if (sides.left) reorder(s("v"), sides.rows, sides.cols, refresh(sides.ql(), sides.l()), true);
    if (sides.right) reorder(s("v"), sides.rows, sides.cols, refresh(sides.qr(), sides.r()), false);
    m.copy_from(sides.rotate(straight).view(m.shape()));
  }
  static void step(Pass<Options>& pass) {
    spread_over_steps(pass);
    update_side_by_side<Soap>(pass);
  }
};

}  // namespace

OptimizerEntry soap() {
  return rule_entry<Soap>({"soap", "Adam in the slowly turning eigenbasis of the gradient's covariances",
                           "Vyas et al., ICLR 2025, arXiv 2409.11321"});
}

}  // namespace gradus::rules
