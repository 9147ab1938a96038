// The exact checks of the papers of curvature rules.
#include "core/linalg.h"
#include "core/rng.h"
#include "optim/vocabulary/gauss_newton.h"
#include "tests/optim/closure.h"

using namespace gradus;
using namespace gradus::testing;

namespace {

// Recorded pieces of a Gauss-Newton model, one parameter.
class Recorded final : public Objective {
 public:
  Recorded(GaussNewton model, Values g, Values start)
      : model_(std::move(model)),
        g_(std::move(g)),
        parameters_{
            make_parameter("w", ParamKind::kBias, tensor({static_cast<int64>(start.size())}, start))} {}
  const Parameters& parameters() const override { return parameters_; }
  Needs offers() const override { return {.loss = true, .gauss_newton = true}; }
  double gradient() override {
    parameters_[0]->grad = tensor(parameters_[0]->value.shape(), g_);
    return 1;
  }
  GaussNewton gauss_newton() override { return model_; }
  Values step(const std::string& spec) {
    const Values before = values_of(parameters_[0]->value);
    make_optimizer(spec, parameters_)->step(*this);
    return minus(values_of(parameters_[0]->value), before);
  }

 private:
  GaussNewton model_;
  Values g_;
  Parameters parameters_;
};

// Random J (n*c, d), softmax curvature and residual, the mean gradient, and the model with a root in place of J.
struct RandomModel {
  GaussNewton explicit_model, rooted;
  Values g;
  static constexpr int64 n = 4, c = 3, d = 20;
  RandomModel() {
    const Tensor j = Rng(1).normal_tensor({n * c, d});
    Tensor r(Shape{n * c}), q = Tensor::zeros({n, c, c}), s = Tensor::zeros({n, c, c});
    for (int64 i = 0; i < n; ++i) {
      const Values z = values_of(Rng(2).fork(static_cast<std::uint64_t>(i)).normal_tensor({c}));
      double sum = 0;
      for (double x : z) sum += std::exp(x);
      for (int64 a = 0; a < c; ++a) {
        const double pa = std::exp(z[static_cast<size_t>(a)]) / sum;
        r.mutable_data()[i * c + a] = real(pa - (a == i % c));
        for (int64 b = 0; b < c; ++b) {
          const double pb = std::exp(z[static_cast<size_t>(b)]) / sum;
          q.mutable_data()[(i * c + a) * c + b] = real((a == b) * pa - pa * pb);
          // S = (diag(p) - p p') diag(p)^(-1/2)
          s.mutable_data()[(i * c + a) * c + b] = real(((a == b) * pa - pa * pb) / std::sqrt(pb));
        }
      }
    }
    explicit_model = {j, r, q};
    rooted = {Tensor(), r, q};
    rooted.root = s;
    rooted.times = [=](const Tensor& p) { return gauss_newton_times({j, r, q}, p); };
    rooted.transposed_times = [=](const Tensor& x) { return gauss_newton_transposed_times({j, r, q}, x); };
    rooted.root_gram = [=] {
      Tensor m = Tensor::zeros({n * c, d});  // S' J
      for (int64 i = 0; i < n; ++i)
        for (int64 k = 0; k < c; ++k)
          for (int64 a = 0; a < c; ++a)
            for (int64 x = 0; x < d; ++x)
              m.mutable_data()[(i * c + k) * d + x] +=
                  s.data()[(i * c + a) * c + k] * j.data()[(i * c + a) * d + x];
      return linalg::matmul(m, m, false, true);
    };
    for (real x : gauss_newton_transposed_times(explicit_model, r).span()) g.push_back(double(x) / n);
  }
};

}  // namespace

TEST_CASE("oasis: half steps on a diagonal quadratic, growth bounded, absolute values after averaging") {
  Descent descent("oasis:eta0=0.1,alpha=0.1", diagonal_quadratic({100, 1}), {1, 1});
  CHECK(near(descent.step(), {0.9, 0.9}, 1e-9, 1e-5));
  CHECK(near(descent.step(), {0.45, 0.45}, 1e-9, 1e-5));
  CHECK(near(descent.step(), {0.225, 0.225}, 1e-9, 1e-5));
  CHECK(near(descent.step(), {0.1125, 0.1125}, 1e-9, 1e-5));
  CHECK(near(values_of(*descent.optimizer->slot(*descent.objective.parameters()[0], "D")), {100, 1}, 1e-12,
             1e-5));
  // eta_k <= sqrt(1 + theta)*eta from the second adaptive step on.
  Descent growing("oasis:eta0=0.001", diagonal_quadratic({0.2, 0.3}), {1, 1});
  double eta = 0, theta = 0;
  for (int k = 0; k < 12; ++k) {
    growing.step();
    const double now = growing.scalar("eta");
    if (k >= 2) CHECK(now <= std::sqrt(1 + theta) * eta * (1 + 1e-6));
    eta = now, theta = growing.scalar("theta");
  }
  // Negative curvature counts by its size, small curvature by alpha.
  const Values w = descend_by("oasis:eta0=0.1,alpha=0.5", diagonal_quadratic({-2, 0.01}), {1, 1});
  CHECK(near(w, {1 + 0.1 * 2 / 2, 1 - 0.1 * 0.01 / 0.5}, 1e-9, 1e-6));
  // A large alpha is a constant metric: the step sizes of Malitsky and Mishchenko's rule.
  CHECK(near(descend_by("oasis:eta0=100,alpha=1000", diagonal_quadratic({100, 1}), {1, 1}), {1 - 10, 1 - 0.1},
             1e-9, 1e-5));
}

TEST_CASE("sania: the step by hand, roots that do not exist, exact in one dimension, scale invariance") {
  // identity: q = ||g||^2; lam from the loss.
  const auto lam = [](double f) {
    const Function1 fixed{[=](const Values&) { return f; }, [](const Values&) { return Values{1}; }};
    return -descend_by("sania:preconditioner=identity", fixed, {0})[0];
  };
  CHECK(near(lam(0.3), 0.367544, 1e-6, 1e-6));
  CHECK(near(lam(0.5), 1, 1e-7, 1e-3));
  CHECK(near(lam(0.6), 1));
  CHECK(near(lam(1e-4), 1e-4, 1e-7, 1e-6));  // far below q/2: Polyak's step
  const Function1 two{[](const Values&) { return 0.5; }, [](const Values&) { return Values{4, -0.5}; }};
  CHECK(near(descend_by("sania:preconditioner=adagrad-sqr,eps=1e-30", two, {0, 0}),
             {-0.292893 / 4, 0.292893 / 0.5}, 1e-6, 1e-6));
  CHECK(near(descend_by("sania:preconditioner=newton,cg_tol=1e-12", diagonal_quadratic({7}), {3}), {0}, 1e-6,
             2e-3));
  // Columns scaled by powers of two, w0 = 0.
  const auto data = [](double c0, double c1) {
    const auto residuals = [=](const Values& w) {
      const double a[3][2] = {{1, 2}, {-1, 0.5}, {0.25, 1}}, y[3] = {1, -2, 0.5};
      Values r;
      for (int i = 0; i < 3; ++i) r.push_back(a[i][0] * c0 * w[0] + a[i][1] * c1 * w[1] - y[i]);
      return r;
    };
    return Function1{[=](const Values& w) {
                       double sum = 0;
                       for (double r : residuals(w)) sum += 0.5 * r * r;
                       return sum;
                     },
                     [=](const Values& w) {
                       const double a[3][2] = {{1, 2}, {-1, 0.5}, {0.25, 1}};
                       Values g(2, 0);
                       const Values r = residuals(w);
                       for (size_t i = 0; i < 3; ++i)
                         g[0] += a[i][0] * c0 * r[i], g[1] += a[i][1] * c1 * r[i];
                       return g;
                     }};
  };
  for (const std::string rule : {"adagrad-sqr", "adam-sqr"}) {
    const std::string spec = "sania:eps=1e-300,preconditioner=" + rule;
    if (!kDouble) break;
    const Values plain = descend_by(spec, data(1, 1), {0, 0}, 5),
                 scaled_run = descend_by(spec, data(8, 0.25), {0, 0}, 5);
    CHECK(plain[0] == scaled_run[0] * 8);
    CHECK(plain[1] == scaled_run[1] * 0.25);
    const Values root = descend_by(spec + ",is_sqrt=true", data(1, 1), {0, 0}, 5),
                 scaled_root = descend_by(spec + ",is_sqrt=true", data(8, 0.25), {0, 0}, 5);
    CHECK(std::abs(root[0] - scaled_root[0] * 8) > 1e-3);
  }
}

TEST_CASE("egn: systems by hand, agreement of the three ways to solve, limits, descent") {
  // MSE, J = [[1,2],[0,1]], w = 0, y = (1,2): r = -y.
  const GaussNewton mse{tensor({2, 2}, {1, 2, 0, 1}), tensor({2}, {-1, -2}), Tensor::ones({2, 1, 1})};
  CHECK(near(Recorded(mse, {-0.5, -2}, {0, 0}).step("egn:lam0=1"), {-0.0588235, 0.588235}, 1e-6, 2e-6));
  const GaussNewton ce{tensor({2, 2}, {1, 0, 0, 1}), tensor({2}, {-0.5, 0.5}),
                       tensor({1, 2, 2}, {.25, -.25, -.25, .25})};
  CHECK(near(Recorded(ce, {-0.5, 0.5}, {0, 0}).step("egn:lam0=0.5"), {0.5, -0.5}, 1e-9, 1e-6));
  const RandomModel random;
  const Values zero(RandomModel::d, 0);
  const Values by_outputs = Recorded(random.explicit_model, random.g, zero).step("egn:lam0=0.3");
  const Values by_root = Recorded(random.rooted, random.g, zero).step("egn:lam0=0.3");
  Tensor dense = linalg::matmul(
      random.explicit_model.jacobian,
      gauss_newton_curvature_times(random.explicit_model, random.explicit_model.jacobian), true);
  for (int64 i = 0; i < RandomModel::d; ++i)
    for (int64 k = 0; k < RandomModel::d; ++k) {
      real& x = dense.mutable_data()[i * RandomModel::d + k];
      x = x / real(RandomModel::n) + (i == k ? real(0.3) : real(0));
    }
  const Values by_weights = minus(zero, values_of(linalg::solve(dense, tensor({RandomModel::d}, random.g))));
  CHECK(near(by_outputs, by_weights, 1e-10, 2e-5));
  CHECK(near(by_root, by_weights, 1e-10, 2e-5));
  const Tensor g = tensor({RandomModel::d}, random.g);
  CHECK(
      near(scaled({values_of(solve_damped(random.explicit_model, g, 0.3))}, -1)[0], by_weights, 1e-10, 2e-5));
  CHECK(near(scaled({values_of(solve_damped(random.rooted, g, 0.3))}, -1)[0], by_weights, 1e-10, 2e-5));
  const Values large = Recorded(random.rooted, random.g, zero).step("egn:lam0=1e6");
  CHECK(near(scaled({large}, 1e6)[0], scaled({random.g}, -1)[0], 1e-4, 1e-3));
  double slope = 0;
  for (size_t i = 0; i < zero.size(); ++i) slope += random.g[i] * by_root[i];
  CHECK(slope < 0);
  // Least squares with little damping: solved in one step.
  const Values solved = Recorded(mse, {-0.5, -2}, {0, 0}).step("egn:lam0=1e-9");
  CHECK(near(solved, {-3, 2}, 1e-6, 1e-2));
}
