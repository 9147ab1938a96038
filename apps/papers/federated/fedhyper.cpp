// FedHyper.
// Paper: Wang, Wang, Li, "FedHyper: A Universal and Robust Learning Rate Scheduler for Federated Learning with Hypergradient Descent",
//        ICLR 2024, arXiv 2310.03156.
//   server (G):  alpha = clip(alpha + hyper_lr*<Delta_t, Delta_{t-1}>),  x <- x + alpha*Delta_t
//   client (CL): beta = clip(beta + hyper_lr*(<g_k, g_{k-1}> - <g_k, Delta_{t-1}>/K)),  w <- w - beta*lr*g_k;   FULL: both
// The claims at our scale, with one hyper_lr for all first step sizes, chosen by their mean accuracy: from a first step size that is far
// too small FULL ends 3 points more accurate than FedAvg and is 1.1 times as soon at 65 %; from a good one it is at most one point worse.
//   Fashion-MNIST, 100 clients, labels Dirichlet(0.5), 10 a round, 2 local epochs, batch 64, perceptron of 64 hidden units, 50 rounds,
//   first step sizes 0.001, 0.01 and 0.1; form paper at the clients, no momentum anywhere
// FedAvg, FedExP and decay have nothing to tune but the first step size, which is what is compared.
// Tried before: hyper_lr of 1, 0.1 and 0.02, chosen by the worst first step size: within noise, since what is best there (11 points above
// FedAvg at 0.001) lost 4 points at 0.1; chosen by the mean, of 0.1, 0.02 and 0.005, it is 0.1 again.
// Chosen at 0.1 alone, five seeds: within a point of FedAvg there [-0.1, 0.02], and 2.2 points above it at 0.001 [1.9, 2.5], not 3.
// Departures: 300 images a client.
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/federated/federated_run.h"
#include "apps/papers/federated/fedhyper_cases.h"

namespace gradus::paper_entries {
namespace {

Outcome fedhyper_runs(const Trial& trial) {
  const std::string method = trial.word("method");
  Outcome outcome;
  double mean = 0;
  const std::vector<double> rates = {0.001, 0.01, 0.1};
  for (size_t i = 0; i < rates.size(); ++i) {
    FederatedConfig c = small_federation(trial, "fashion-mnist:limit=30000,test_limit=5000", 0.5);
    c.local_epochs = 2;
    c.rounds = trial.quick ? 2 : 50;
    c.client = fmt::format("sgd:lr={}", rates[i]);
    c.server = method;
    if (method == "full") {
      const std::string h = trial.word("hyper_lr");
      c.client = fmt::format("fedhyper-cl:lr={},momentum=0,form=paper,hyper_lr={}", rates[i], h);
      c.server = "fedhyper-g:hyper_lr=" + h;
    }
    const FederatedOutcome run = run_federation(trial, c, static_cast<int64>(i), std::ssize(rates));
    if (run.diverged) outcome.note = run.note;
    outcome.metrics[fmt::format("accuracy_{}", rates[i])] = run.accuracy;
    outcome.metrics[fmt::format("to_65_{}_rounds", rates[i])] =
        run.rounds_to(0.65, static_cast<double>(c.rounds + 1));
    outcome.curves[fmt::format("test_accuracy_{}", rates[i])] = run.test_accuracy;
    mean += run.accuracy / static_cast<double>(rates.size());
  }
  outcome.metrics["mean_accuracy"] = mean;
  return outcome;
}

void fedhyper_experiment(Experiment& e) {
  e.arm("full").run(fedhyper_runs, {{"method", "full"}}).tune("hyper_lr", {0.1, 0.02, 0.005});
  for (const char* method : {"fedavg", "fedexp", "decay-sl"})
    e.arm(method)
        .run(fedhyper_runs, {{"method", method}})
        .untuned("the first step sizes are what is compared");
  e.tune_for("mean_accuracy");
  e.claim("first step size 0.001: FULL ends 3 points above FedAvg",
          better("full", "fedavg", "accuracy_0.001", 0.03));
  e.claim("and is at 65 % in 1/1.1 of its rounds",
          ratio_at_most("full", "fedavg", "to_65_0.001_rounds", 1 / 1.1));
  e.claim("first step size 0.1: at most one point below FedAvg",
          not_worse("full", "fedavg", "accuracy_0.1", 0.01));
  e.claim("first step size 0.01: at most one point below FedAvg",
          not_worse("full", "fedavg", "accuracy_0.01", 0.01).reported_only());
}

}  // namespace

Paper fedhyper() {
  return {.slug = "fedhyper",
          .family = "federated",
          .title =
              "FedHyper: A Universal and Robust Learning Rate Scheduler for Federated Learning with "
              "Hypergradient "
              "Descent",
          .authors = "Wang, Wang, Li",
          .venue = "ICLR",
          .year = 2024,
          .arxiv = "2310.03156",
          .idea =
              "The derivative of the loss in a step size is minus the inner product of two directions in a "
              "row. The "
              "server's step "
              "size follows that of two rounds, a client's that of its own steps and of the last round. "
              "Claimed: robust "
              "against badly chosen first step sizes.",
          .equations =
              "alpha = clip(alpha + hyper_lr*<Delta_t, Delta_{t-1}>)\n"
              "beta = clip(beta + hyper_lr*(<g_k, g_{k-1}> - <g_k, Delta_{t-1}>/K))\n"
              "w <- w - beta*lr*g_k,  x <- x + alpha*Delta_t",
          .files = {"optim/server/fedhyper.cpp", "optim/server/global_rates.cpp",
                    "optim/client/hyper_local_rate.cpp", "apps/federated/local_training.cpp"},
          .use =
              "gradus federated --server fedhyper-g:hyper_lr=0.02 --client "
              "fedhyper-cl:lr=0.01,hyper_lr=0.02,form=paper",
          .functions = fedhyper_functions(),
          .experiment = fedhyper_experiment,
          .minutes = 5};
}

}  // namespace gradus::paper_entries
