#include "apps/federated/scores.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"

namespace gradus {
namespace {

constexpr size_t kLastRounds = 10, kTargetRounds = 5;

// Means and standard deviations of a stretch of numbers.
double mean_of(const double* x, size_t n) { return std::accumulate(x, x + n, 0.0) / static_cast<double>(n); }
double std_of(const double* x, size_t n) {
  const double mean = mean_of(x, n);
  double squares = 0;
  for (size_t i = 0; i < n; ++i) squares += (x[i] - mean) * (x[i] - mean);
  return std::sqrt(squares / static_cast<double>(n - 1));
}

double number_or_nan(const nlohmann::json& json) {
  return json.is_null() ? std::nan("") : json.get<double>();
}

}  // namespace

nlohmann::ordered_json round_json(const RoundRow& r) {
  return {{"round", r.round},
          {"train_loss", r.train_loss},
          {"train_accuracy", r.train_accuracy},
          {"test_loss", r.test_loss},
          {"test_accuracy", r.test_accuracy},
          {"clients", r.clients},
          {"dropped", r.dropped},
          {"empty", r.empty},
          {"bytes_up", r.bytes_up},
          {"bytes_down", r.bytes_down},
          {"seconds", std::round(r.seconds * 1e3) / 1e3}};
}

std::string round_csv_header() {
  const nlohmann::ordered_json columns = round_json({});
  std::string line;
  for (const auto& [name, value] : columns.items()) line += (line.empty() ? "" : ",") + name;
  return line + "\n";
}

std::string round_csv(const RoundRow& row) {
  const nlohmann::ordered_json values = round_json(row);
  std::string line;
  for (const auto& [name, value] : values.items()) {
    if (name != "round") line += ",";
    const bool none = value.is_number_float() && !std::isfinite(value.get<double>());
    line += none ? "" : value.dump();
  }
  return line;
}

RoundRow round_from_json(const nlohmann::json& j) {
  RoundRow r;
  j.at("round").get_to(r.round);
  r.train_loss = number_or_nan(j.at("train_loss"));
  r.train_accuracy = number_or_nan(j.at("train_accuracy"));
  r.test_loss = number_or_nan(j.at("test_loss"));
  r.test_accuracy = number_or_nan(j.at("test_accuracy"));
  j.at("clients").get_to(r.clients);
  j.at("dropped").get_to(r.dropped);
  j.at("empty").get_to(r.empty);
  j.at("bytes_up").get_to(r.bytes_up);
  j.at("bytes_down").get_to(r.bytes_down);
  r.seconds = number_or_nan(j.at("seconds"));
  return r;
}

std::vector<double> client_accuracies(const std::vector<std::vector<int64>>& labels,
                                      const ClassScores& test) {
  std::vector<double> accuracies;
  for (const auto& counts : labels) {
    double correct = 0, all = 0;
    for (size_t k = 0; k < counts.size() && k < test.count.size(); ++k) {
      if (test.count[k] == 0) continue;
      const auto n = static_cast<double>(counts[k]);
      all += n;
      correct += n * static_cast<double>(test.correct[k]) / static_cast<double>(test.count[k]);
    }
    if (all > 0) accuracies.push_back(correct / all);
  }
  return accuracies;
}

FederationSummary summarise(const std::vector<RoundRow>& rows, std::optional<double> target,
                            const std::vector<std::vector<int64>>& labels, const ClassScores& test) {
  FederationSummary s;
  std::vector<double> accuracy;
  for (const RoundRow& r : rows) {
    s.bytes_up += r.bytes_up, s.bytes_down += r.bytes_down;
    s.dropped += r.dropped, s.empty += r.empty;
    if (!std::isnan(r.test_loss)) s.test_loss = r.test_loss;
    if (std::isnan(r.test_accuracy)) continue;
    accuracy.push_back(s.test_accuracy = r.test_accuracy);
    if (!target || s.rounds_to_target || accuracy.size() < kTargetRounds) continue;
    if (mean_of(accuracy.data() + accuracy.size() - kTargetRounds, kTargetRounds) >= *target)
      s.rounds_to_target = r.round;
  }
  const size_t last = std::min(accuracy.size(), kLastRounds);
  if (last >= 1) s.last_mean = mean_of(accuracy.data() + accuracy.size() - last, last);
  if (last >= 2) s.last_std = std_of(accuracy.data() + accuracy.size() - last, last);
  std::vector<double> clients = client_accuracies(labels, test);
  if (!clients.empty()) {
    std::sort(clients.begin(), clients.end());
    s.client_mean = mean_of(clients.data(), clients.size());
    s.client_worst = mean_of(clients.data(), (clients.size() + 9) / 10);
  }
  return s;
}

}  // namespace gradus
