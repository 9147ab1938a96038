// What is measured of a federation: rounds, bytes, accuracy by round and by client.
#pragma once

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "apps/train/task.h"

namespace gradus {

/// A row of the metrics; NaN where there is no value.
struct RoundRow {
  int64 round = 0;  ///< rounds made, this one included
  double train_loss = std::nan(""),
         train_accuracy = train_loss;                         ///< of the clients' local steps, as they went
  double test_loss = train_loss, test_accuracy = train_loss;  ///< of the server's model
  int64 clients = 0;                                          ///< averaged
  int64 dropped = 0, empty = 0;                               ///< drawn but lost on the way; without data
  int64 bytes_up = 0,
        bytes_down = 0;  ///< the model (and a scaling or direction) for each averaged, and each drawn
  double seconds = 0;    ///< spent in rounds so far
};
/// Names of the columns, with the line's end.
std::string round_csv_header();
std::string round_csv(const RoundRow& row);
nlohmann::ordered_json round_json(const RoundRow& row);
/// Throws what nlohmann throws for a damaged row.
RoundRow round_from_json(const nlohmann::json& json);

/// Test score in all and class by class; no classes where the data have no labels.
struct ClassScores {
  Score all;
  std::vector<int64> correct, count;
};

struct FederationSummary {
  double test_loss = std::nan(""), test_accuracy = test_loss;  ///< of the last evaluation
  /// Of the last ten evaluations: the mean accuracy and its sample standard deviation between rounds.
  double last_mean = test_loss, last_std = test_loss;
  /// The first round at which the mean accuracy of five evaluations in a row reached the target.
  std::optional<int64> rounds_to_target;
  int64 bytes_up = 0, bytes_down = 0, dropped = 0, empty = 0;
  /// Over clients with data: mean accuracy, and the mean of the worst tenth (rounded up).
  double client_mean = test_loss, client_worst = test_loss;
};
/// Accuracy of each client with data under its own shares of labels (clients x classes): sum_k share_k * accuracy of class k
/// on the test set; classes that the test set lacks are left out.
std::vector<double> client_accuracies(const std::vector<std::vector<int64>>& labels, const ClassScores& test);
FederationSummary summarise(const std::vector<RoundRow>& rows, std::optional<double> target,
                            const std::vector<std::vector<int64>>& labels, const ClassScores& test);

}  // namespace gradus
