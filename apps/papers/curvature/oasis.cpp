// OASIS.
// Paper: Jahani, Rusakov, Shi, Richtarik, Mahoney, Takac, "Doubly Adaptive Scaled Algorithm for Machine Learning Using Second-Order
//        Information", ICLR 2022, arXiv 2109.05198.
//   D = beta2*D + (1-beta2)*z*(Hz),  A = max(|D|, alpha)       z random signs
//   eta = min(sqrt(1+theta)*eta', 1/2 * ||w - w'||_A / ||g - g'||_(1/A)),  theta = eta/eta'
//   w = w - eta*g/A
// The claim at our scale: without a step size to tune it ends below gradient descent with its best one, on data as they are and
// on badly scaled ones, and there below the same rule without the preconditioner (AdGD).
//   logistic regression of MNIST's 3 against 8: 2,000 images, the pixels lit in a fifth of them and a constant, 200 steps of all data;
//   scaled: every column times exp(U(-3, 3)), drawn by the seed
// Departures: full batches alone; AdGD is OASIS with an alpha that no curvature reaches. Nothing on plain columns depends
// on the seed, so their figures have no spread.
#include <algorithm>
#include <cmath>

#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/linear_rows.h"
#include "core/rng.h"

namespace gradus::paper_entries {
namespace {

Outcome oasis_run(const Trial& trial) {
  const int64 steps = trial.quick ? 5 : 200;
  const Data data = trial.data("mnist:classes=3+8");
  const PixelColumns columns(*data.train, 2000, 0.2);
  LinearRows train = columns.rows(*data.train, 2000), test = columns.rows(*data.test, 2000);
  if (trial.word("columns") == "scaled") {
    Rng rng = Rng(static_cast<std::uint64_t>(trial.seed)).fork("scales");
    std::vector<double> factors;
    for (int64 j = 0; j < train.columns; ++j) factors.push_back(std::exp(rng.uniform(-3, 3)));
    train = train.scaled(factors);
    test = test.scaled(factors);
  }
  std::string optim = trial.word("optim");
  for (const auto& [key, value] : trial.options)
    if (key != "optim" && key != "columns")
      optim += fmt::format("{}{}={}", optim.find(':') == optim.npos ? ":" : ",", key, value);
  const Landscape f = logistic(train);
  Walk walk(optim, std::vector<double>(static_cast<size_t>(train.columns)));
  Outcome outcome;
  Curve& curve = outcome.curves["train_loss"];
  curve.x_label = "step";
  for (int64 t = 0; t < steps; ++t) {
    trial.checkpoint(static_cast<double>(t) / static_cast<double>(steps));
    curve.x.push_back(static_cast<double>(t));
    curve.y.push_back(walk.step(f));
  }
  std::vector<double> unused(static_cast<size_t>(train.columns));
  outcome.metrics = {{"train_loss", f.value(walk.point(), unused)},
                     {"test_accuracy", linear_accuracy(test, walk.point())}};
  return outcome;
}

void oasis_experiment(Experiment& e) {
  for (const char* columns : {"plain", "scaled"}) {
    const auto arm = [&](const char* name, const char* optim) -> Arm& {
      return e.arm(fmt::format("{}-{}", name, columns))
          .run(oasis_run, {{"columns", columns}, {"optim", optim}});
    };
    arm("oasis", "oasis:eta0=1e-3,warmup_samples=100")
        .tune("alpha", {1e-1, 1e-2, 1e-3})
        .tune("beta2", {0.95, 0.99});
    arm("gd", "sgd").tune("lr", {0.01, 0.03, 0.1, 0.3, 1, 3});
    arm("adam", "adam").tune("lr", {1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1});
    arm("adgd", "oasis:alpha=1e4,eta0=10").untuned("it has nothing to tune");
  }
  e.tune_for("train_loss");
  e.seeds(5);
  for (const char* columns : {"plain", "scaled"})
    e.claim(
        fmt::format("{} columns: lower training loss than gradient descent with its best step size", columns),
        better(fmt::format("oasis-{}", columns), fmt::format("gd-{}", columns), "train_loss"));
  e.claim("scaled columns: lower training loss than without the preconditioner",
          better("oasis-scaled", "adgd-scaled", "train_loss"));
  e.claim("scaled columns: lower training loss than Adam with its best step size",
          better("oasis-scaled", "adam-scaled", "train_loss").reported_only());
}

}  // namespace

Paper oasis() {
  return {
      .slug = "oasis",
      .family = "curvature",
      .title = "Doubly Adaptive Scaled Algorithm for Machine Learning Using Second-Order Information",
      .authors = "Jahani, Rusakov, Shi et al.",
      .venue = "ICLR",
      .year = 2022,
      .arxiv = "2109.05198",
      .idea =
          "The gradient is divided by a running estimate of the Hessian's diagonal, and the step size "
          "follows from how far the "
          "last step turned the gradient. Claimed: no learning rate to tune, and good results without it.",
      .equations =
          "D = beta2*D + (1-beta2)*z*(Hz),  A = max(|D|, alpha)\n"
          "eta = min(sqrt(1+theta)*eta', 1/2 * ||w - w'||_A/||g - g'||_(1/A)),  theta = eta/eta'\n"
          "w = w - eta*g/A",
      .files = {"optim/rules/oasis.cpp", "optim/rules/probes.h"},
      .use = "gradus train --optim oasis:alpha=0.1",
      .experiment = oasis_experiment,
      .minutes = 2};
}

}  // namespace gradus::paper_entries
