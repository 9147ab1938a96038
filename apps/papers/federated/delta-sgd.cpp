// Delta-SGD: clients that tune themselves.
// Paper: Kim, Toghani, Uribe, Kyrillidis, "Adaptive Federated Learning with Auto-Tuned Clients", ICLR 2024, arXiv 2306.11201.
//   dx = ||x_k - x_{k-1}||,  dg = ||grad f(x_k; B_k) - grad f(x_{k-1}; B_k)||
//   lr = min(gamma*dx/(2*dg), sqrt(1 + delta*theta)*lr),  theta = ratio of the last two,  x <- x - lr*grad
// The claim at our scale: with its defaults everywhere, the worst of five tasks is better than with any optimizer whose step size was
// tuned once, on the first task, and used for all.
//   MNIST with labels Dirichlet(0.1) (the tuned one) and Dirichlet(1), Fashion-MNIST with Dirichlet(0.1), and those of Dirichlet(0.1)
//   with each client's images multiplied by a factor of its own, 10^-0.5 to 10^0.5
//   100 clients, 10 a round, one epoch of batches of 64, perceptron of 64 hidden units, 40 rounds; the mean accuracy of the last ten
// delta-sgd takes two gradients a step. Polyak's step size (sps, capped at 1), untuned as well, is reported beside it.
// Tried before: three seeds: the worst task 1.4 points above SGD's [-3.5, 6.2] and 3.5 above Adam's [-2.7, 9.7].
// Departures: tasks that differ by data, skew and network, in place of the paper's eight; what is compared is each method's worst task,
// relative to what tuned SGD reached on this task in our first look (0.93, 0.96, 0.76, 0.93), so that an easy task counts as a hard one.
#include <algorithm>

#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/federated/delta_sgd_cases.h"
#include "apps/papers/federated/federated_run.h"

namespace gradus::paper_entries {
namespace {

struct ClientTask {
  const char *name, *data;
  double alpha, usual;
  bool scaled;
};
constexpr ClientTask kClientTasks[] = {
    {"mnist_0.1", "mnist:limit=30000,test_limit=5000", 0.1, 0.93, false},
    {"mnist_1", "mnist:limit=30000,test_limit=5000", 1, 0.96, false},
    {"fashion_0.1", "fashion-mnist:limit=30000,test_limit=5000", 0.1, 0.76, false},
    {"scaled_mnist_0.1", "mnist:limit=30000,test_limit=5000", 0.1, 0.91, true},
    {"scaled_fashion_0.1", "fashion-mnist:limit=30000,test_limit=5000", 0.1, 0.72, true},
};

Outcome over_tasks(const Trial& trial) {
  Outcome outcome;
  double least = 1e9, sum = 0;
  const int64 tasks = trial.tuning || trial.quick ? 1 : std::ssize(kClientTasks);
  for (int64 i = 0; i < tasks; ++i) {
    const ClientTask& task = kClientTasks[i];
    FederatedConfig c = small_federation(trial, task.data, task.alpha);
    c.rounds = trial.quick ? 2 : 40;
    c.client = trial.word("client");
    if (trial.word("lr") != "own") c.client += "lr=" + trial.word("lr");
    const FederatedOutcome run = task.scaled ? run_federation(trial, c, scaled_by_client(trial, c), i, tasks)
                                             : run_federation(trial, c, i, tasks);
    if (run.diverged) outcome.note = run.note;
    outcome.metrics[std::string("accuracy_") + task.name] = run.accuracy;
    outcome.curves[std::string("test_accuracy_") + task.name] = run.test_accuracy;
    least = std::min(least, run.accuracy / task.usual);
    sum += run.accuracy / static_cast<double>(tasks);
  }
  outcome.metrics["worst_share_accuracy"] = least;
  outcome.metrics["mean_accuracy"] = sum;
  return outcome;
}

void delta_sgd_experiment(Experiment& e) {
  for (const char* client : {"delta-sgd:delta=0.1", "polyak-sgd:c=0.5,eps=1e-8,lr=1"})
    e.arm(std::string(client).substr(0, std::string(client).find(':')))
        .run(over_tasks, {{"client", client}, {"lr", "own"}})
        .untuned("its defaults everywhere are what is claimed");
  const auto tuned = [&](const char* name, const char* client, const std::vector<double>& lr) {
    e.arm(name).run(over_tasks, {{"client", client}}).tune("lr", lr);
  };
  tuned("sgd", "sgd:", {0.02, 0.05, 0.1, 0.2, 0.5});
  tuned("sgdm", "sgd:momentum=0.9,", {0.005, 0.01, 0.02, 0.05, 0.1});
  tuned("adam", "adam:", {1e-4, 3e-4, 1e-3, 3e-3, 1e-2});
  e.tune_for("mean_accuracy");
  e.seeds(5);
  for (const char* other : {"sgd", "sgdm", "adam"})
    e.claim(std::string("delta-sgd's worst task is better than that of ") + other + ", tuned once",
            better("delta-sgd", other, "worst_share_accuracy"));
  e.claim("and than that of Polyak's step size",
          better("delta-sgd", "polyak-sgd", "worst_share_accuracy").reported_only());
}

}  // namespace

Paper delta_sgd() {
  return {.slug = "delta-sgd",
          .family = "federated",
          .title = "Adaptive Federated Learning with Auto-Tuned Clients",
          .authors = "Kim, Toghani, Uribe, Kyrillidis",
          .venue = "ICLR",
          .year = 2024,
          .arxiv = "2306.11201",
          .idea =
              "Clients see functions of different smoothness; each estimates its own from two gradients of "
              "one batch and "
              "steps by "
              "its inverse, growing slowly. Claimed: no tuning from task to task.",
          .equations =
              "lr = min(gamma*||x_k - x_{k-1}||/(2*||g - g'||), sqrt(1 + delta*theta)*lr)\n"
              "g, g': gradients of one batch at x_k, x_{k-1};  theta = ratio of the last two step sizes\n"
              "x <- x - lr*g",
          .files = {"optim/rules/delta_sgd.cpp", "optim/vocabulary/auto_tuned_step.h"},
          .use = "gradus federated --client delta-sgd; gradus train --optim delta-sgd",
          .functions = delta_sgd_functions(),
          .experiment = delta_sgd_experiment,
          .minutes = 5};
}

}  // namespace gradus::paper_entries
