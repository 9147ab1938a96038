// Incremental learning of gradient descent.
// Paper: Jin, Li, Lyu, Du, Lee, "Understanding Incremental Learning of Gradient Descent: A Fine-grained Analysis of Matrix
//        Sensing", ICML 2023, arXiv 2301.11500.
//   U_{t+1} = U_t - lr * grad f(U_t),  f(U) = 1/(4m) * sum_i (<A_i, U U'> - y_i)^2,  U_0 = alpha * Gaussian
//   Z_s = argmin of f over products U U' of rank s,  e_s = min over t of ||U_t U_t' - Z_s|| / ||Z_s||
// The claim: from a small start gradient descent passes by the best solutions of rank 1, 2, ... one after the other, the more
// closely the smaller alpha, and its stations are those of greedy low-rank learning.
// The problem is the paper's own: d = 20, eigenvalues 1, 1/2, 1/4, m = 1000; alpha from 1e-1 to 1e-8. In double: `gradus64 papers
// run incremental-matrix-sensing`; in float alpha ends at 1e-6, since there the rounding of the larger directions starts the
// smaller ones at about 1e-7.
// Tried before: alpha down to 1e-6 in float, five seeds: e_1 0.0066 +- 0.0058 against the bound of 0.01, within noise.
#include <cmath>
#include <type_traits>

#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "core/linalg.h"
#include "optim/methods/incremental_rank.h"

namespace gradus::paper_entries {
namespace {

const CaseSlot kRankOperators{"A", "m,d,d", CaseType::kReal, "symmetric"}, kRankMeasurements{"y", "m"},
    kRankFactor{"U", "d,k"};

MatrixSensing mean_sensing_of(const CaseValues& in) {
  const Tensor& a = in.tensor("A");
  return {a, in.tensor("y"), 1 / static_cast<double>(a.dim(0)), {}};
}

std::vector<Tensor> matrices_of(const Tensor& stacked) {
  std::vector<Tensor> all;
  for (int64 s = 0; s < stacked.dim(0); ++s)
    all.push_back(stacked.rows(s, s + 1).view({stacked.dim(1), stacked.dim(2)}));
  return all;
}

Tensor stacked_matrices(const std::vector<Tensor>& matrices, int64 d) {
  Tensor all({static_cast<int64>(matrices.size()), d, d});
  real* to = all.mutable_data();
  for (const Tensor& m : matrices) to = std::copy_n(m.data(), d * d, to);
  return all;
}

struct DescentCase {
  double lr = 0.1;
  int64 steps = 100;
  void visit(auto&& f) {
    f("lr", lr, "step size", positive());
    f("steps", steps, "how many", at_least(0));
  }
};
struct RecordedDescentCase : DescentCase {
  int64 record_every = 1, top = 1;
  void visit(auto&& f) {
    DescentCase::visit(f);
    f("record_every", record_every, "steps from one record to the next", at_least(1));
    f("top", top, "eigenvalues recorded", at_least(1));
  }
};

CaseFunction sensing_descent_function() {
  return case_function<RecordedDescentCase>(
      {"sensing-descent",
       "U after the steps; along them the largest eigenvalues of U U' and the loss",
       {kRankOperators, kRankMeasurements, kRankFactor},
       {{"U", "d,k"}, {"eigenvalues", "records,top"}, {"losses", "records"}}},
      [](const RecordedDescentCase& o, const CaseValues& in, CaseValues& out) {
        std::vector<real> values, losses;
        out.set("U", sensing_descent(mean_sensing_of(in), in.tensor("U"), o.lr, o.steps,
                                     [&](int64 t, const Tensor& u, double loss) {
                                       if (t % o.record_every) return;
                                       const Tensor all =
                                           linalg::eigh(linalg::matmul(u, u, false, true)).values;
                                       for (int64 i = 0; i < o.top; ++i)
                                         values.push_back(all.data()[all.numel() - 1 - i]);
                                       losses.push_back(static_cast<real>(loss));
                                     }));
        const int64 records = static_cast<int64>(losses.size());
        out.set("eigenvalues", Tensor::from({records, o.top}, values));
        out.set("losses", Tensor::from({records}, losses));
      });
}

CaseFunction rank_phases_function() {
  return case_function<DescentCase>({"rank-phases",
                                     "how near the descent comes to each target, and when first",
                                     {kRankOperators, kRankMeasurements, kRankFactor, {"targets", "S,d,d"}},
                                     {{"smallest_error", "S"}, {"time", "S", CaseType::kInt}}},
                                    [](const DescentCase& o, const CaseValues& in, CaseValues& out) {
                                      const std::vector<RankPhase> phases =
                                          rank_phases(mean_sensing_of(in), in.tensor("U"), o.lr, o.steps,
                                                      matrices_of(in.tensor("targets")));
                                      std::vector<real> errors;
                                      std::vector<int64> times;
                                      for (const RankPhase& phase : phases) {
                                        errors.push_back(static_cast<real>(phase.error));
                                        times.push_back(phase.time);
                                      }
                                      const Shape count{static_cast<int64>(phases.size())};
                                      out.set("smallest_error", Tensor::from(count, errors));
                                      out.set("time", IntTensor::from(count, times));
                                    });
}

std::vector<CaseFunction> rank_functions() {
  return {
      case_function<NoOptions>({"sensing-gradient",
                                "the loss and its gradient",
                                {kRankOperators, kRankMeasurements, kRankFactor},
                                {{"loss", ""}, {"grad_U", "d,k"}}},
                               [](const NoOptions&, const CaseValues& in, CaseValues& out) {
                                 const SensingPoint at = sensing_point(mean_sensing_of(in), in.tensor("U"));
                                 out.set("loss", at.loss);
                                 out.set("grad_U", at.gradient);
                               }),
      sensing_descent_function(),
      rank_phases_function(),
      case_function<NoOptions>(
          {"best-rank-solutions",
           "U U' at the least loss of each rank, by descent from the best approximations of X",
           {kRankOperators, kRankMeasurements, {"X", "d,d"}, {"ranks", "S", CaseType::kInt}},
           {{"solutions", "S,d,d"}}},
          [](const NoOptions&, const CaseValues& in, CaseValues& out) {
            const IntTensor& ranks = in.ints("ranks");
            const Tensor& x = in.tensor("X");
            out.set("solutions",
                    stacked_matrices(best_rank_solutions(mean_sensing_of(in), x,
                                                         {ranks.data(), ranks.data() + ranks.numel()}),
                                     x.dim(0)));
          }),
      case_function<GreedyOptions>({"greedy-low-rank",
                                    "columns added one after the other along what the residual lacks most",
                                    {kRankOperators, kRankMeasurements},
                                    {{"products", "phases,d,d"}, {"losses", "phases"}}},
                                   [](const GreedyOptions& o, const CaseValues& in, CaseValues& out) {
                                     const MatrixSensing problem = mean_sensing_of(in);
                                     std::vector<Tensor> products;
                                     std::vector<real> losses;
                                     for (const GreedyPhase& phase : greedy_low_rank(problem, o)) {
                                       products.push_back(phase.product);
                                       losses.push_back(static_cast<real>(phase.loss));
                                     }
                                     out.set("products", stacked_matrices(products, problem.size()));
                                     out.set("losses", Tensor::from({o.phases}, losses));
                                   }),
  };
}

Outcome learn_ranks(const Trial& trial) {
  constexpr double kRate = 0.1;
  const int64 d = trial.quick ? 8 : 20, steps = trial.quick ? 120 : 1200;
  Rng rng = Rng(static_cast<std::uint64_t>(trial.seed)).fork("sensing");
  const MatrixSensing problem =
      random_matrix_sensing({.size = d, .measurements = trial.quick ? 200 : 1000}, rng);
  const std::vector<Tensor> best = best_rank_solutions(problem, problem.truth, {1, 2, 3});
  const Tensor direction = rng.fork("start").normal_tensor({d, d});
  Outcome outcome;
  std::vector<double> last;
  double rises = 0;
  constexpr int kLast = std::is_same_v<real, float> ? 6 : 8;
  for (int exponent = 1; exponent <= kLast; ++exponent) {
    trial.checkpoint(exponent / (kLast + 2.0));
    Tensor u = direction.clone();
    const double alpha = std::pow(10.0, -exponent);
    std::transform(direction.span().begin(), direction.span().end(), u.mutable_data(),
                   [=](real v) { return static_cast<real>(alpha * double(v)); });
    const std::vector<RankPhase> phases = rank_phases(problem, u, kRate, steps, best);
    std::vector<double> errors;
    for (size_t s = 0; s < 2; ++s) {
      errors.push_back(phases[s].error);
      Curve& curve = outcome.curves["e" + std::to_string(s + 1)];
      curve.x_label = "log10(1/alpha)";
      curve.x.push_back(exponent);
      curve.y.push_back(phases[s].error);
      if (!last.empty() && phases[s].error >= last[s]) ++rises;
      if (exponent == 1) outcome.metrics["e" + std::to_string(s + 1) + "_at_1e-1"] = phases[s].error;
      if (exponent == kLast) outcome.metrics["e" + std::to_string(s + 1) + "_at_last"] = phases[s].error;
    }
    last = errors;
  }
  outcome.metrics["rises"] = rises;
  const std::vector<GreedyPhase> greedy =
      greedy_low_rank(problem, {.eps = 1e-3, .lr = kRate, .steps = trial.quick ? 100 : 1500, .phases = 2});
  for (size_t s = 0; s < greedy.size(); ++s)
    outcome.metrics["station" + std::to_string(s + 1) + "_gap"] =
        relative_distance(greedy[s].product, best[s]);
  return outcome;
}

void rank_experiment(Experiment& e) {
  e.seeds(5);
  e.arm("gd").run(learn_ranks, {});
  for (const char* s : {"1", "2"}) {
    e.claim(fmt::format("passes within 1 % of the best solution of rank {} from the smallest alpha", s),
            at_most("gd", fmt::format("e{}_at_last", s), 0.01));
    e.claim(fmt::format("greedy learning's station {} is that solution, within 2 %", s),
            at_most("gd", fmt::format("station{}_gap", s), 0.02));
    e.claim(fmt::format("no such station of rank {} from alpha = 0.1: more than 20 % away", s),
            at_least("gd", fmt::format("e{}_at_1e-1", s), 0.2));
  }
  e.claim("every tenth of alpha comes nearer to both", at_most("gd", "rises", 0.5));
}

}  // namespace

Paper incremental_matrix_sensing() {
  return {
      .slug = "incremental-matrix-sensing",
      .family = "problems",
      .title =
          "Understanding Incremental Learning of Gradient Descent: A Fine-grained Analysis of Matrix Sensing",
      .authors = "Jin, Li, Lyu, et al.",
      .venue = "ICML",
      .year = 2023,
      .arxiv = "2301.11500",
      .idea =
          "Gradient descent on a factorised matrix, started small, learns it rank by rank: on its way it "
          "passes by the best "
          "solution of every lower rank, as a greedy algorithm would.",
      .equations =
          "U_{t+1} = U_t - lr * grad f(U_t),  U_0 = alpha * Gaussian\n"
          "f(U) = 1/(4m) * sum_i (<A_i, U U'> - y_i)^2\n"
          "Z_s = argmin of f over products U U' of rank s\n"
          "e_s = min over t of ||U_t U_t' - Z_s|| / ||Z_s||",
      .files = {"optim/methods/incremental_rank.cpp", "optim/problems/matrix_sensing.cpp"},
      .use = "rank_phases(...) of optim/methods/incremental_rank.h",
      .functions = rank_functions(),
      .experiment = rank_experiment,
      .minutes = 2};
}

}  // namespace gradus::paper_entries
