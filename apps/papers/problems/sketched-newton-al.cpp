// AdaSketch-Newton.
// Paper: Hong, Na, Mahoney, Kolar, "Constrained Optimization via Exact Augmented Lagrangian and Randomized Iterative Sketching",
//        ICML 2023, arXiv 2305.18379.
//   K = [B G'; G 0],  b = -(gx; c),  z by random projections with  ||K||*Psi*||K z - b|| <= theta*delta*||b||
//   merit = f + lambda'c + eta1/2*||c||^2 + eta2/2*||gx||^2,  (x, lambda) += alpha*z by backtracking on it
// The claim: with systems solved only by random projections it reaches the optimality conditions in as many iterations as
// Newton's method with exact solutions; with theta -> 0 superlinearly, with a constant loose accuracy only linearly.
// The problem is the paper's: logistic regression under linear constraints and ||x|| = 1, here of MNIST's 3 and 8 by 20 principal
// components (2,000 images, 5 random constraints), and eight standard test problems (Hock and Schittkowski).
// In double: `gradus64 papers run sketched-newton-al`; single precision ends at residuals of about 1e-6.
#include <algorithm>
#include <cmath>
#include <type_traits>

#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/landscape.h"
#include "core/error.h"
#include "core/linalg.h"
#include "data/two_classes.h"
#include "optim/methods/adasketch_newton.h"

namespace gradus::paper_entries {
namespace {

const std::vector<CaseSlot> kProgram = {{"Q", "d,d"}, {"q", "d"}, {"C", "m,d,d"}, {"A", "m,d"},
                                        {"b", "m"},   {"x", "d"}, {"lambda", "m"}};

EqualityProgram program_of(const CaseValues& in) {
  return quadratic_program(in.tensor("Q"), in.tensor("q"), in.tensor("C"), in.tensor("A"), in.tensor("b"));
}

// Draws as a case gives them, from the first again behind the last.
class GivenSketches : public SketchSource {
 public:
  explicit GivenSketches(const CaseValues& in) {
    if (in.has("rows")) rows_ = in.ints("rows");
    if (in.has("sketches")) vectors_ = in.tensor("sketches");
  }
  int64 row(int64 n) override {
    if (!rows_.defined() || rows_.numel() == 0) fail<DataError>("inputs.rows: is missing");
    const int64 i = rows_.data()[next_++ % rows_.numel()];
    if (i < 0 || i >= n) fail<DataError>("inputs.rows: {} is no row of {}", i, n);
    return i;
  }
  std::vector<double> vector(int64 n) override {
    if (!vectors_.defined() || vectors_.dim(0) == 0) fail<DataError>("inputs.sketches: is missing");
    if (vectors_.dim(1) != n)
      fail<DataError>("inputs.sketches: {} numbers each, expected {}", vectors_.dim(1), n);
    const real* at = vectors_.data() + next_++ % vectors_.dim(0) * n;
    return {at, at + n};
  }

 private:
  IntTensor rows_;
  Tensor vectors_;
  int64 next_ = 0;
};

struct MeritCase : MeritWeights {
  void visit(auto&& f) {
    f("eta1", eta1, "weight of ||c||^2/2", positive());
    f("eta2", eta2, "weight of ||gx||^2/2", positive());
  }
};
struct SketchCase {
  std::string sketch = "kaczmarz";
  void visit(auto&& f) { f("sketch", sketch, "what is drawn", choices({"kaczmarz", "gaussian"})); }
};

CaseFunction merit_function() {
  return case_function<MeritCase>({"augmented-lagrangian",
                                   "the merit, its gradient and their parts",
                                   kProgram,
                                   {{"merit", ""},
                                    {"grad_x", "d"},
                                    {"grad_lambda", "m"},
                                    {"lagrangian_grad", "d"},
                                    {"constraint", "m"},
                                    {"jacobian", "m,d"},
                                    {"lagrangian_hessian", "d,d"}}},
                                  [](const MeritCase& o, const CaseValues& in, CaseValues& out) {
                                    const MeritPoint at =
                                        merit_point(program_of(in), in.tensor("x"), in.tensor("lambda"), o);
                                    out.set("merit", at.merit);
                                    out.set("grad_x", at.merit_x);
                                    out.set("grad_lambda", at.merit_lambda);
                                    out.set("lagrangian_grad", at.lagrangian_grad);
                                    out.set("constraint", at.constraint);
                                    out.set("jacobian", at.jacobian);
                                    out.set("lagrangian_hessian", at.lagrangian_hessian);
                                  });
}

CaseFunction sketch_project_function() {
  return case_function<SketchCase>(
      {"sketch-project",
       "z after a projection for each draw; the residual's norm before and after each",
       {{"K", "n,n", CaseType::kReal, "symmetric"},
        {"b", "n"},
        {"z", "n"},
        {"rows", "T", CaseType::kInt, "for kaczmarz", true},
        {"sketches", "T,n", CaseType::kReal, "for gaussian", true}},
       {{"z", "n"}, {"residual_norms", "T+1"}}},
      [](const SketchCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor &k = in.tensor("K"), &z = in.tensor("z");
        const bool rows = o.sketch == "kaczmarz";
        const int64 n = z.numel(), draws = rows ? in.ints("rows").numel() : in.tensor("sketches").dim(0);
        SketchedSystem system(k, in.tensor("b"));
        system.set({z.data(), z.data() + n});
        GivenSketches source(in);
        std::vector<double> norms = {system.residual_norm()};
        for (int64 t = 0; t < draws; ++t) {
          if (rows)
            system.project_row(source.row(n));
          else
            system.project_vector(source.vector(n));
          norms.push_back(system.residual_norm());
        }
        out.set("z", tensor_of(system.z()));
        out.set("residual_norms", tensor_of(norms));
      });
}

CaseFunction adasketch_function() {
  std::vector<CaseSlot> inputs = kProgram;
  inputs.push_back({"rows", "T", CaseType::kInt, "draws of kaczmarz, in order and again", true});
  inputs.push_back({"sketches", "T,d+m", CaseType::kReal, "draws of gaussian", true});
  return case_function<AdaSketchOptions>(
      {"adasketch-newton",
       "outer iterations, with what was in force when each step was taken",
       inputs,
       {{"x", "d"},
        {"lambda", "m"},
        {"kkt_residuals", "steps+1"},
        {"alpha", "steps"},
        {"eta1", "steps"},
        {"eta2", "steps"},
        {"delta", "steps"},
        {"slope", "steps"},
        {"shift", "steps"},
        {"sketches_used", "steps", CaseType::kInt}}},
      [](const AdaSketchOptions& o, const CaseValues& in, CaseValues& out) {
        GivenSketches source(in);
        const AdaSketchRun run =
            adasketch_newton(program_of(in), in.tensor("x"), in.tensor("lambda"), o, source);
        out.set("x", run.x);
        out.set("lambda", run.lambda);
        out.set("kkt_residuals", tensor_of(run.kkt_residuals));
        const auto set = [&](const char* name, double AdaSketchStep::*field) {
          std::vector<double> values;
          for (const AdaSketchStep& s : run.steps) values.push_back(s.*field);
          out.set(name, tensor_of(values));
        };
        set("alpha", &AdaSketchStep::alpha);
        set("eta1", &AdaSketchStep::eta1);
        set("eta2", &AdaSketchStep::eta2);
        set("delta", &AdaSketchStep::delta);
        set("slope", &AdaSketchStep::slope);
        set("shift", &AdaSketchStep::shift);
        std::vector<int64> used;
        for (const AdaSketchStep& s : run.steps) used.push_back(s.sketches);
        out.set("sketches_used", IntTensor::from({static_cast<int64>(used.size())}, used));
      });
}

// The order of the last fall of the residual above rounding: log(r_{k+1}/r_k) / log(r_k/r_{k-1}).
double last_order(const std::vector<double>& r) {
  constexpr double kRounding = 1e-10;
  double order = 1;
  for (size_t k = 1; k + 1 < r.size() && r[k + 1] > kRounding; ++k)
    if (r[k] < r[k - 1] && r[k] < 1) order = std::log(r[k + 1] / r[k]) / std::log(r[k] / r[k - 1]);
  return order;
}

Outcome constrain(const Trial& trial) {
  // What single precision can tell from zero.
  constexpr double kSolved = std::is_same_v<real, float> ? 1e-5 : 1e-9;
  AdaSketchOptions o{.steps = trial.quick ? 6 : 60, .sketch = trial.word("sketch"), .tolerance = kSolved};
  o.theta_decay = trial.number("theta_decay");
  o.psi = trial.number("psi");
  o.delta_floor = trial.number("delta_floor");
  Rng rng = Rng(static_cast<std::uint64_t>(trial.seed)).fork("constraints");
  const Data data = trial.data("mnist");
  const int64 d = trial.quick ? 5 : 20, linear = trial.quick ? 2 : 5;
  const TwoClasses images = two_classes(*data.train, {.components = d, .most = trial.quick ? 40 : 2000});
  // Feasible: b is what a point of the sphere gives.
  const Tensor a = rng.fork("rows").normal_tensor({linear, d});
  Tensor inside = rng.fork("point").normal_tensor({d, 1});
  double square = 0;
  for (real v : inside.span()) square += double(v) * double(v);
  for (int64 i = 0; i < d; ++i)
    inside.mutable_data()[i] = static_cast<real>(double(inside.data()[i]) / std::sqrt(square));
  const EqualityProgram program =
      logistic_on_sphere(images.features, images.signs, a, linalg::matmul(a, inside).view({linear}));

  Outcome outcome;
  RandomSketches source(rng.fork("sketches"));
  const AdaSketchRun run = adasketch_newton(program, program.start, Tensor::ones({linear + 1}), o, source);
  trial.checkpoint(0.8);
  double projections = 0;
  for (const AdaSketchStep& s : run.steps) projections += static_cast<double>(s.sketches);
  const auto& r = run.kkt_residuals;
  outcome.metrics["kkt_error"] = r.back();
  outcome.metrics["outer_steps"] =
      static_cast<double>(std::find_if(r.begin(), r.end(), [](double v) { return v <= 1e-6; }) - r.begin());
  outcome.metrics["projection_steps"] = projections;
  outcome.metrics["order"] = last_order(r);
  Curve& curve = outcome.curves["kkt_error"];
  curve.x_label = "iteration";
  for (size_t k = 0; k < r.size(); ++k) {
    curve.x.push_back(static_cast<double>(k + 1));
    curve.y.push_back(r[k]);
  }
  double worst = 0;
  for (const EqualityProgram& p : hock_schittkowski()) {
    if (trial.quick && p.name != "hs7") continue;
    const int64 m = p.constraint(p.start).numel();
    const AdaSketchRun small = adasketch_newton(p, p.start, Tensor::ones({m}), o, source);
    worst = std::max(worst, small.kkt_residuals.back());
  }
  outcome.metrics["test_problems_error"] = worst;
  return outcome;
}

void adasketch_experiment(Experiment& e) {
  e.seeds(5);
  const auto arm = [&](const char* name, const char* sketch, const char* decay, const char* psi,
                       const char* floor) {
    e.arm(name).run(constrain,
                    {{"sketch", sketch}, {"theta_decay", decay}, {"psi", psi}, {"delta_floor", floor}});
  };
  arm("exact", "exact", "1", "0", "1e-6");
  arm("kaczmarz", "kaczmarz", "1", "1", "1e-3");
  arm("gaussian", "gaussian", "1", "1", "1e-3");
  arm("theta to 0", "kaczmarz", "0.5", "1", "1e-1");
  arm("loose", "kaczmarz", "1", "1", "1e-1");
  for (const char* name : {"kaczmarz", "gaussian"}) {
    e.claim(fmt::format("{}: residual at most 1e-6", name), at_most(name, "kkt_error", 1e-6));
    e.claim(fmt::format("{}: as many iterations as exact solutions need, within 2", name),
            equal(name, "exact", "outer_steps", 2));
    e.claim(fmt::format("{}: at most 1e-6 on all of eight test problems", name),
            at_most(name, "test_problems_error", 1e-6));
  }
  e.claim("superlinear with theta -> 0: the last fall's order above 1.1",
          at_least("theta to 0", "order", 1.1));
  e.claim("linear with a loose constant accuracy: order at most 1.1", at_most("loose", "order", 1.1));
}

}  // namespace

Paper sketched_newton_al() {
  return {
      .slug = "sketched-newton-al",
      .family = "problems",
      .title = "Constrained Optimization via Exact Augmented Lagrangian and Randomized Iterative Sketching",
      .authors = "Hong, Na, Mahoney, et al.",
      .venue = "ICML",
      .year = 2023,
      .arxiv = "2305.18379",
      .idea =
          "Newton's method for equality constraints, its systems solved by random projections only as "
          "exactly as progress on "
          "an exact augmented Lagrangian asks. Claimed: converges from anywhere, locally as fast as with "
          "exact solutions.",
      .equations =
          "K = [B G'; G 0],  b = -(gx; c),  ||K||*Psi*||K z - b|| <= theta*delta*||b||\n"
          "merit = f + lambda'c + eta1/2*||c||^2 + eta2/2*||gx||^2\n"
          "merit_x = gx + eta2*W gx + eta1*G'c\n"
          "merit_lambda = c + eta2*G gx\n"
          "(x, lambda) += alpha*z",
      .files = {"optim/methods/adasketch_newton.cpp", "optim/methods/sketch_project.cpp",
                "optim/problems/equality_program.cpp", "data/two_classes.cpp"},
      .use = "adasketch_newton(...) of optim/methods/adasketch_newton.h",
      .functions = {merit_function(), sketch_project_function(), adasketch_function()},
      .experiment = adasketch_experiment,
      .minutes = 3};
}

}  // namespace gradus::paper_entries
