#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "apps/cli/terminal.h"
#include "apps/papers/zoo/zoo.h"
#include "core/statistics.h"

namespace gradus {
namespace {

ZooScore score_of(const ArmRecord& arm) {
  ZooScore score;
  std::vector<double> steps;
  for (const Outcome& outcome : arm.outcomes) {
    const auto taken = outcome.metrics.find("steps"), reached = outcome.metrics.find("reached");
    if (taken == outcome.metrics.end() || reached == outcome.metrics.end()) continue;
    steps.push_back(taken->second);
    score.reached += reached->second > 0;
  }
  score.runs = static_cast<int>(steps.size());
  score.steps = mean_of(steps);
  score.deviation = deviation_of(steps);
  // (A default times 0.1 has more digits than it needs.)
  if (const auto lr = arm.chosen.find("lr"); lr != arm.chosen.end())
    score.lr = fmt::format("{:.4g}", std::stod(lr->second));
  return score;
}

// Better and worse than AdamW at 5 %, one-sided either way.
const char* mark(double p_fewer) { return p_fewer < 0.05 ? " +" : p_fewer > 0.95 ? " -" : ""; }

}  // namespace

std::vector<ZooRow> zoo_rows(const Record& record) {
  const std::vector<std::string> networks = zoo_networks();
  std::vector<std::string> order;
  std::map<std::string, std::map<std::string, ZooScore>> scores;
  for (const ArmRecord& arm : record.arms) {
    const size_t colon = arm.name.find(": ");
    if (colon == std::string::npos) continue;
    const std::string network = arm.name.substr(0, colon), name = arm.name.substr(colon + 2);
    if (!scores.contains(name)) order.push_back(name);
    scores[name][network] = score_of(arm);
  }
  for (const ClaimRecord& claim : record.claims) {
    const size_t colon = claim.arms.empty() ? std::string::npos : claim.arms[0].find(": ");
    if (claim.arms.size() != 2 || colon == std::string::npos) continue;
    scores[claim.arms[0].substr(colon + 2)][claim.arms[0].substr(0, colon)].p_fewer = claim.p;
  }
  std::vector<ZooRow> rows;
  for (const std::string& name : order) {
    ZooRow row{name, {}, 0};
    double sum = 0;
    for (const std::string& network : networks) {
      const auto own = scores[name].find(network), adamw = scores["adamw"].find(network);
      if (own == scores[name].end() || adamw == scores["adamw"].end()) break;
      row.scores.push_back(own->second);
      sum += std::log(own->second.steps / adamw->second.steps);
    }
    if (row.scores.size() != networks.size()) continue;
    row.relative = std::exp(sum / static_cast<double>(networks.size()));
    rows.push_back(std::move(row));
  }
  for (ZooRow& row : rows)
    if (row.name == "adamw")
      for (ZooScore& score : row.scores) score.p_fewer = 0.5;
  std::stable_sort(rows.begin(), rows.end(),
                   [](const ZooRow& a, const ZooRow& b) { return a.relative < b.relative; });
  return rows;
}

std::string zoo_cell(const ZooScore& score) {
  if (score.reached == 0) return "-";
  std::string text = fmt::format("{:.0f} +- {:.0f}{}", score.steps, score.deviation, mark(score.p_fewer));
  if (score.reached < score.runs) text += fmt::format(" ({} of {})", score.reached, score.runs);
  return text;
}

std::string zoo_text(const Record& record) {
  std::vector<std::vector<std::string>> rows = {{"optimizer", "relative"}};
  for (const std::string& network : zoo_networks()) {
    rows[0].push_back(network);
    rows[0].push_back("lr");
  }
  for (const ZooRow& row : zoo_rows(record)) {
    rows.push_back({row.name, fmt::format("{:.2f}", row.relative)});
    for (const ZooScore& score : row.scores) {
      rows.back().push_back(zoo_cell(score));
      rows.back().push_back(score.lr.empty() ? "-" : score.lr);
    }
  }
  return columns(rows);
}

}  // namespace gradus
