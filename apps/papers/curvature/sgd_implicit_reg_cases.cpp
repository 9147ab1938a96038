#include "apps/papers/curvature/sgd_implicit_reg_cases.h"

#include "apps/papers/landscape.h"
#include "optim/problems/linear_pool.h"

namespace gradus {
namespace {

struct PoolCase {
  std::string loss = "squared";
  double lr = 0.1;
  void visit(auto&& f) {
    f("loss", loss, "of the linear model", choices({"squared", "logistic"}));
    f("lr", lr, "step size", positive());
  }
  LinearPool pool(const CaseValues& in) const {
    return {doubles_of(in.tensor("X")), doubles_of(in.tensor("y")),
            loss == "squared" ? LinearPool::Loss::kSquared : LinearPool::Loss::kLogistic};
  }
};
struct PairCase : PoolCase {
  int64 steps = 2;
  void visit(auto&& f) {
    PoolCase::visit(f);
    f("steps", steps, "of SGD and of gradient descent", at_least(1));
  }
};
struct SampleCase : PairCase {
  int64 train_size = 4;
  void visit(auto&& f) {
    PairCase::visit(f);
    f("train_size", train_size, "examples of a sample", at_least(1));
  }
};

std::vector<CaseSlot> pool_inputs() {
  return {{"X", "M,d"}, {"y", "M", CaseType::kReal, "-1 or +1 for logistic"}, {"theta", "d"}};
}

CaseFunction moments_function() {
  return case_function<SampleCase>(
      {"gradient-moments",
       "mean and trace of covariance of a pool's gradients, and what they predict",
       pool_inputs(),
       {{"mean_grad", "d"},
        {"trace_covariance", ""},
        {"trace_gradient", "d"},
        {"directional", ""},
        {"predicted_gap", ""},
        {"predicted_difference", ""}}},
      [](const SampleCase& o, const CaseValues& in, CaseValues& out) {
        const GradientMoments at = gradient_moments(o.pool(in), doubles_of(in.tensor("theta")));
        out.set("mean_grad", tensor_of(at.mean_gradient));
        out.set("trace_covariance", at.trace_covariance);
        out.set("trace_gradient", tensor_of(at.trace_gradient));
        out.set("directional", at.directional);
        out.set("predicted_gap", predicted_gap(at, o.lr, o.train_size));
        out.set("predicted_difference", predicted_difference(at, o.lr, o.train_size, o.steps));
      });
}

CaseFunction pair_function() {
  std::vector<CaseSlot> inputs = pool_inputs();
  inputs.push_back({"index", "N", CaseType::kInt, "the sample, in order"});
  return case_function<PairCase>({"sgd-gd-pair",
                                  "SGD and gradient descent on one sample",
                                  inputs,
                                  {{"theta_sgd", "d"},
                                   {"theta_gd", "d"},
                                   {"test_loss_sgd", ""},
                                   {"test_loss_gd", ""},
                                   {"gap_sgd", ""},
                                   {"gap_gd", ""},
                                   {"first_step_gap_change", ""}}},
                                 [](const PairCase& o, const CaseValues& in, CaseValues& out) {
                                   const DescentPair pair =
                                       descent_pair(o.pool(in), doubles_of(in.tensor("theta")),
                                                    in.ints("index").span(), o.lr, o.steps);
                                   out.set("theta_sgd", tensor_of(pair.theta_sgd));
                                   out.set("theta_gd", tensor_of(pair.theta_gd));
                                   out.set("test_loss_sgd", pair.test_loss_sgd);
                                   out.set("test_loss_gd", pair.test_loss_gd);
                                   out.set("gap_sgd", pair.gap_sgd);
                                   out.set("gap_gd", pair.gap_gd);
                                   out.set("first_step_gap_change", pair.first_step_gap_change);
                                 });
}

CaseFunction expected_function() {
  return case_function<SampleCase>(
      {"expected-difference",
       "means over all samples: test loss of SGD less that of gradient descent, and the gap of a step",
       pool_inputs(),
       {{"difference", ""}, {"gap_change", ""}}},
      [](const SampleCase& o, const CaseValues& in, CaseValues& out) {
        const ExpectedPair mean =
            expected_pair(o.pool(in), doubles_of(in.tensor("theta")), o.train_size, o.lr, o.steps);
        out.set("difference", mean.difference);
        out.set("gap_change", mean.gap_change);
      });
}

}  // namespace

std::vector<CaseFunction> sgd_implicit_reg_functions() {
  return {moments_function(), pair_function(), expected_function()};
}

}  // namespace gradus
