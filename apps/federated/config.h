// What a federated run is: everything that decides its result. The one place where its settings are named.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "core/options.h"

namespace gradus {

struct FederatedConfig {
  std::string data = "digits", model = "mlp";
  int64 clients = 100;
  std::string partition = "dirichlet:alpha=0.1";
  int64 per_round = 10, local_epochs = 1, batch_size = 20;
  std::string server = "fedavg", client = "sgd:lr=0.1", weighting = "examples";
  int64 rounds = 60;
  double drop_rate = 0;
  std::optional<double> target;
  int64 seed = 0;
  int threads = 0;
  std::string augment;
  double label_smoothing = 0;
  std::string data_dir, init, save;
  int64 eval_every = 1, save_every = 1;

  void visit(auto&& f) {
    f("data", data, "data set, NAME[:key=value,...]; see 'data list'");
    f("model", model, "model, NAME[:key=value,...]; see 'model list'");
    f("clients", clients, "clients that the training set is divided among", at_least(1));
    f("partition", partition, "who holds which examples, NAME[:key=value,...]; see 'data partitions'");
    f("per_round", per_round, "clients drawn each round", at_least(1));
    f("local_epochs", local_epochs, "passes of a client over its examples each round", at_least(1));
    f("batch_size", batch_size, "examples a local batch", at_least(1));
    f("server", server, "how the server steps, NAME[:key=value,...]; see 'optim servers'");
    f("client", client,
      "optimizer of the clients, new each round, NAME[:key=value,...]; see 'optim list'; or fedhyper-cl, or "
      "local-scaling");
    f("weighting", weighting, "a client's part in the mean: by its examples, or all the same",
      choices({"examples", "uniform"}));
    f("rounds", rounds, "rounds of training", at_least(0));
    f("drop_rate", drop_rate, "probability that a client drawn fails and sends nothing back", decay_rate());
    f("target", target,
      "count the rounds until the mean test accuracy of five in a row reaches this share, e.g. 0.93",
      between(0, 1));
    f("seed", seed, "of initial weights, partition, clients drawn and failing, local order, dropout",
      at_least(0));
    f("threads", threads, "threads; 0: one a processor", at_least(0));
    f("augment", augment, "changes to the training images, e.g. 'pad-crop,flip'");
    f("label_smoothing", label_smoothing, "share of the target spread over all classes", decay_rate());
    f("data_dir", data_dir, "where data sets lie; else $GRADUS_DATA, then ./datasets");
    f("init", init, "weights to start from (safetensors)");
    f("save", save, "also write the trained weights to this file");
    f("eval_every", eval_every, "rounds between evaluations; the last round is always evaluated",
      at_least(1));
    f("save_every", save_every, "rounds between checkpoints", at_least(1));
  }
};

/// Throws UsageError for settings that contradict each other.
void check(const FederatedConfig& config);

/// config.json of a run, and what --print-config prints. --config takes it back.
nlohmann::ordered_json config_json(const FederatedConfig& config);

/// Throws UsageError if `given` names a setting that a resumed run cannot change. It can: rounds, threads, target,
/// eval_every, save_every, save, data_dir.
void check_federated_resumable(const OptionList& given);

}  // namespace gradus
