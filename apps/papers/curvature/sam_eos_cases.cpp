#include "apps/papers/curvature/sam_eos_cases.h"

#include <cmath>

#include "apps/papers/landscape.h"
#include "autograd/functional/flat.h"
#include "autograd/functional/power_iteration.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"
#include "optim/methods/sam_edge.h"
#include "optim/problems/quadratic_regression.h"

namespace gradus {
namespace {

const std::vector<CaseSlot> kRegressionInputs = {
    {"y", "D"}, {"G", "D,P"}, {"Q", "D,P,P", CaseType::kReal, "symmetric in its last two"}, {"theta", "P"}};

QuadraticRegression regression_of(const CaseValues& in) {
  return {doubles_of(in.tensor("y")), doubles_of(in.tensor("G")), doubles_of(in.tensor("Q"))};
}

CaseFunction edge_function() {
  return case_function<NoOptions>(
      {"sam-edge",
       "the edge of stability of SAM, and how near curvatures are to it",
       {{"lr", "N"}, {"rho", "N"}, {"eigenvalue", "N"}},
       {{"edge", "N"}, {"ratio", "N"}}},
      [](const NoOptions&, const CaseValues& in, CaseValues& out) {
        const std::vector<double> lr = doubles_of(in.tensor("lr")), rho = doubles_of(in.tensor("rho")),
                                  eigenvalue = doubles_of(in.tensor("eigenvalue"));
        std::vector<double> edge, ratio;
        for (size_t i = 0; i < lr.size(); ++i) {
          edge.push_back(sam_edge(lr[i], rho[i]));
          ratio.push_back(sam_edge_ratio(lr[i], rho[i], eigenvalue[i]));
        }
        out.set("edge", tensor_of(edge));
        out.set("ratio", tensor_of(ratio));
      });
}

CaseFunction regression_function() {
  return case_function<NoOptions>(
      {"quadratic-regression",
       "outputs, loss and derivatives of quadratic regression, and the top eigenvalue of J J'",
       kRegressionInputs,
       {{"outputs", "D"}, {"loss", ""}, {"jacobian", "D,P"}, {"grad", "P"}, {"top_eigenvalue", ""}}},
      [](const NoOptions&, const CaseValues& in, CaseValues& out) {
        const QuadraticRegressionPoint at =
            quadratic_regression_point(regression_of(in), doubles_of(in.tensor("theta")));
        out.set("outputs", tensor_of(at.outputs));
        out.set("loss", at.loss);
        out.set("jacobian", tensor_of(at.jacobian, in.tensor("G").shape()));
        out.set("grad", tensor_of(at.gradient));
        out.set("top_eigenvalue", kernel_top_eigenvalue(at));
      });
}

struct SamDescentCase {
  double lr = 0.1, rho = 0.05;
  bool normalized = false;
  int64 steps = 10;
  void visit(auto&& f) {
    f("lr", lr, "step size", positive());
    f("rho", rho, "length of the ascent step", at_least(0));
    f("normalized", normalized, "divide the ascent step by the gradient's norm");
    f("steps", steps, "of SAM", at_least(0));
  }
};

CaseFunction descent_function() {
  return case_function<SamDescentCase>(
      {"sam-descent",
       "SAM on quadratic regression: what it sees at every point on its way",
       kRegressionInputs,
       {{"theta", "P"}, {"losses", "steps+1"}, {"top_eigenvalues", "steps+1"}, {"ratios", "steps+1"}}},
      [](const SamDescentCase& o, const CaseValues& in, CaseValues& out) {
        const QuadraticRegression problem = regression_of(in);
        const Landscape f{[&](std::span<const double> w, std::span<double> gradient) {
          const QuadraticRegressionPoint at = quadratic_regression_point(problem, w);
          std::copy(at.gradient.begin(), at.gradient.end(), gradient.begin());
          return at.loss;
        }};
        Walk walk(fmt::format("sam(sgd:lr={}):rho={},normalized={}", o.lr, o.rho, o.normalized),
                  doubles_of(in.tensor("theta")));
        std::vector<double> losses, eigenvalues, ratios;
        for (int64 t = 0; t <= o.steps; ++t) {
          if (t > 0) walk.step(f);
          const QuadraticRegressionPoint at = quadratic_regression_point(problem, walk.point());
          double square = 0;
          for (const double g : at.gradient) square += g * g;
          losses.push_back(at.loss);
          eigenvalues.push_back(kernel_top_eigenvalue(at));
          ratios.push_back(sam_edge_ratio(o.lr, o.normalized ? o.rho / (std::sqrt(square) + 1e-12) : o.rho,
                                          eigenvalues.back()));
        }
        out.set("theta", tensor_of(walk.point()));
        out.set("losses", tensor_of(losses));
        out.set("top_eigenvalues", tensor_of(eigenvalues));
        out.set("ratios", tensor_of(ratios));
      });
}

struct HessianPowerCase {
  int64 iterations = 20;
  double shift = 0;
  void visit(auto&& f) {
    f("iterations", iterations, "products before the last", between(0, 1e6));
    f("shift", shift, "multiple of the identity that is added");
  }
};

CaseFunction hessian_power_function() {
  return case_function<HessianPowerCase>(
      {"hessian-power-iteration",
       "power iteration on the Hessian of a network of one hidden layer of tanh, half the squared error",
       {{"W1", "h,d"},
        {"b1", "h"},
        {"W2", "c,h"},
        {"b2", "c"},
        {"X", "n,d"},
        {"Y", "n,c"},
        {"start", "P", CaseType::kReal, "for W1, b1, W2, b2 in one"}},
       {{"loss", ""}, {"grad", "P"}, {"eigenvalue", ""}, {"vector", "P"}, {"rayleigh", "iterations"}}},
      [](const HessianPowerCase& o, const CaseValues& in, CaseValues& out) {
        const Tensors w = {in.tensor("W1"), in.tensor("b1"), in.tensor("W2"), in.tensor("b2")};
        const Tensor &x = in.tensor("X"), &y = in.tensor("Y");
        const Function loss = [&](std::span<const Tensor> p) {
          const Tensor outputs = linear(tanh(linear(x, p[0], p[1])), p[2], p[3]);
          return sum(square(outputs - y)) * static_cast<real>(0.5 / static_cast<double>(x.dim(0)));
        };
        const LinearOperator hessian = [&](std::span<const Tensor> v) { return hvp(loss, w, v).products; };
        const ValueAndGrad at = value_and_grad(loss, w);
        const PowerIteration found = power_iteration(hessian, unflatten(in.tensor("start"), w),
                                                     static_cast<int>(o.iterations), o.shift);
        out.set("loss", at.value);
        out.set("grad", flatten_all(at.grads));
        out.set("eigenvalue", found.eigenvalue);
        out.set("vector", flatten_all(found.vector));
        out.set("rayleigh", tensor_of(found.rayleigh));
      });
}

}  // namespace

std::vector<CaseFunction> sam_eos_functions() {
  return {edge_function(), regression_function(), descent_function(), hessian_power_function()};
}

}  // namespace gradus
