#include "optim/problems/registry.h"

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"
#include "optim/problems/low_rank.h"
#include "optim/problems/matrix_completion.h"
#include "optim/problems/matrix_sensing.h"
#include "optim/problems/test_functions.h"

namespace gradus {
namespace {

// A function of two variables from its usual start.
struct NoOptions {
  void visit(auto&&) {}
};
template <Tensor (*F)(const Tensor&)>
SmallProblem plane(double x, double y) {
  return {[](std::span<const Tensor> w) { return F(w[0]); },
          {Tensor::from({2}, {static_cast<real>(x), static_cast<real>(y)})}};
}

struct QuadraticProblem {
  struct Options {
    int64 size = 100;
    double condition = 1000;
    void visit(auto&& f) {
      f("size", size, "variables", at_least(1));
      f("condition", condition, "largest curvature over the least", at_least(1));
    }
  };
  // sum of c_i w_i^2/2
  static SmallProblem make(const Options& o, Rng& rng) {
    const std::vector<double> c = spread_eigenvalues(o.size, o.condition);
    Tensor curvature({o.size});
    for (int64 i = 0; i < o.size; ++i)
      curvature.mutable_data()[i] = static_cast<real>(c[static_cast<size_t>(i)]);
    return {[=](std::span<const Tensor> w) { return sum(curvature * square(w[0])) * real(0.5); },
            {rng.fork("start").normal_tensor({o.size})}};
  }
};

struct FactorOptions {
  int64 size = 40, rank = 3, columns = 5;
  double condition = 10, scale = 0.1;
  void visit(auto&& f) {
    f("size", size, "rows of the matrix", at_least(1));
    f("rank", rank, "of the matrix", at_least(1));
    f("columns", columns, "of the factor that is sought; more than the rank: over-parameterised",
      at_least(1));
    f("condition", condition, "largest eigenvalue over the least", at_least(1));
    f("scale", scale, "deviation of the start's elements", positive());
  }
  Tensor start(Rng& rng) const {
    return rng.fork("start").normal_tensor({size, columns}, 0, static_cast<real>(scale));
  }
};

struct SensingProblem {
  struct Options : FactorOptions {
    int64 measurements = 400;
    void visit(auto&& f) {
      FactorOptions::visit(f);
      f("measurements", measurements, "of the matrix", at_least(1));
    }
  };
  static SmallProblem make(const Options& o, Rng& rng) {
    const auto problem = std::make_shared<MatrixSensing>(
        random_matrix_sensing({.size = o.size,
                               .measurements = o.measurements,
                               .eigenvalues = spread_eigenvalues(o.rank, o.condition)},
                              rng));
    return {[=](std::span<const Tensor> w) { return sensing_loss(*problem, w[0]); }, {o.start(rng)}};
  }
};

struct CompletionProblem {
  struct Options : FactorOptions {
    double share = 0.4;
    void visit(auto&& f) {
      FactorOptions::visit(f);
      f("share", share, "of the entries that are known", {.low = 0, .high = 1, .low_open = true});
    }
  };
  static SmallProblem make(const Options& o, Rng& rng) {
    const auto problem = std::make_shared<MatrixCompletion>(random_matrix_completion(
        {.size = o.size, .share = o.share, .eigenvalues = spread_eigenvalues(o.rank, o.condition)}, rng));
    return {[=](std::span<const Tensor> w) { return completion_loss(*problem, w[0]); }, {o.start(rng)}};
  }
};

struct LogisticProblem {
  struct Options {
    int64 size = 50, examples = 500;
    double decay = 1e-3;
    void visit(auto&& f) {
      f("size", size, "features", at_least(1));
      f("examples", examples, "Gaussian ones with labels of a random hyperplane", at_least(1));
      f("decay", decay, "times half the squared norm is added", at_least(0));
    }
  };
  // mean of log(1 + exp(-y x'w)) + decay*||w||^2/2
  static SmallProblem make(const Options& o, Rng& rng) {
    const Tensor x = rng.fork("features").normal_tensor({o.examples, o.size});
    const Tensor scores = matmul(x, rng.fork("plane").normal_tensor({o.size, 1}));
    Tensor signed_x = x.clone();  // y_i x_i
    for (int64 i = 0; i < o.examples; ++i)
      for (int64 j = 0; j < o.size; ++j)
        if (scores.data()[i] < 0) signed_x.mutable_data()[i * o.size + j] *= -1;
    return {[=](std::span<const Tensor> w) {
              return mean(softplus(-matmul(signed_x, w[0]))) +
                     sum(square(w[0])) * static_cast<real>(o.decay / 2);
            },
            {Tensor::zeros({o.size, 1})}};
  }
};

template <auto Make>
ProblemEntry of_plane(const char* name, const char* summary) {
  return {name, summary, [] { return describe_options(NoOptions{}); },
          [](const OptionList& list, Rng&) {
            NoOptions none;
            set_options(none, list, "problem");
            return Make();
          },
          "optim/problems/test_functions.h"};
}
template <class P>
ProblemEntry entry(const char* name, const char* summary, const char* source) {
  return {name, summary, [] { return describe_options(typename P::Options{}); },
          [](const OptionList& list, Rng& rng) {
            typename P::Options o;
            set_options(o, list, "problem");
            return P::make(o, rng);
          },
          source};
}

}  // namespace

std::span<const ProblemEntry> problems() {
  static const ProblemEntry table[] = {
      of_plane<[] { return plane<ravine>(1.5, 1); }>("ravine", "(x^2 + 100 y^2)/2"),
      of_plane<[] { return plane<rosenbrock>(-1.2, 1); }>("rosenbrock", "a bent valley, least at (1, 1)"),
      of_plane<[] { return plane<beale>(1, 1.5); }>("beale", "flat far away, steep walls, least at (3, 0.5)"),
      of_plane<[] { return plane<rastrigin>(1.7, -1.3); }>("rastrigin", "a bowl with a hundred dents"),
      of_plane<[] { return plane<saddle>(1, 0.01); }>("saddle", "a saddle between two valleys"),
      entry<QuadraticProblem>("quadratic", "a sum of squares of spread curvatures",
                              "optim/problems/registry.cpp"),
      entry<LogisticProblem>("logistic", "logistic regression on random examples",
                             "optim/problems/registry.cpp"),
      entry<SensingProblem>("matrix-sensing", "a matrix of low rank from linear measurements, as X X'",
                            "optim/problems/matrix_sensing.h"),
      entry<CompletionProblem>("matrix-completion", "a matrix of low rank from some entries, as X X'",
                               "optim/problems/matrix_completion.h"),
  };
  return table;
}

SmallProblem make_problem(std::string_view text, Rng rng) {
  const Spec spec = parse_spec(text);
  std::vector<std::string> names;
  for (const ProblemEntry& e : problems()) {
    if (spec.name == e.name) return e.make(spec.options, rng);
    names.emplace_back(e.name);
  }
  throw UsageError(unknown_name("problem", spec.name, names));
}

}  // namespace gradus
