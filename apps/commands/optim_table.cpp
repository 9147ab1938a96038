#include "apps/commands/optim_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <fstream>
#include <sstream>

#include "core/error.h"
#include "core/options.h"

namespace gradus {
namespace {

const Shape kPageShape{256, 256};

constexpr const char* kOpening = R"(# All optimizers

Made by `gradus optim list --markdown --scores optim/rules/scores.tsv`; not to be edited.

state: bytes a weight in {}, measured on a matrix of shape {}. update: bytes that an update moves, relative to AdamW's. step: time of a
whole training step of lenet, relative to AdamW's in the same recording. asks for: what beside the gradient of the batch, with default
options. lenet: accuracy on the MNIST test set in % after one epoch, batch 64. gpt: loss on the test set of tinyshakespeare after 300
steps, batch 12. Both constant step size, one run each, the best of an equal grid of step sizes (in brackets the best one), all other
options at their defaults; wrappers around AdamW. Recorded by `tests/optimizer_scores.py`; - is not recorded.
)";

double number(const std::string& text, const std::filesystem::path& file, int64 line) {
  double value = 0;
  try {
    parse_option(text, &value, {}, "score");
  } catch (const UsageError& e) {
    fail<DataError>("{}:{}: {}", file.string(), line, e.what());
  }
  return value;
}

std::string score_text(const ScoreTable& scores, const std::string& task, const std::string& name, double factor,
                       int digits) {
  const auto on = scores.find(task);
  if (on == scores.end() || !on->second.contains(name)) return "-";
  const RecordedScore& r = on->second.at(name);
  return fmt::format("{:.{}f}{}", factor * r.score, digits, r.rate == "-" ? "" : " (" + r.rate + ")");
}

std::string step_text(const ScoreTable& scores, const std::string& name) {
  const auto on = scores.find("lenet");
  if (on == scores.end() || !on->second.contains(name) || !on->second.contains("adamw")) return "-";
  return fmt::format("{:.2f}", on->second.at(name).step_ms / on->second.at("adamw").step_ms);
}

}  // namespace

ScoreTable read_scores(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) fail<DataError>("{}: cannot be opened", file.string());
  ScoreTable scores;
  std::string line;
  std::getline(in, line);  // titles
  for (int64 count = 2; std::getline(in, line); ++count) {
    if (line.empty()) continue;
    std::vector<std::string> cells;
    std::istringstream cut(line);
    for (std::string cell; std::getline(cut, cell, '\t');) cells.push_back(cell);
    if (cells.size() < 5)
      fail<DataError>("{}:{}: expected task, name, rate, score and step_ms with tabs between them",
                      file.string(), count);
    if (cells[3] == "-") continue;
    scores[cells[0]][cells[1]] = {cells[2], number(cells[3], file, count), number(cells[4], file, count)};
  }
  return scores;
}

std::string optimizer_page(const std::vector<const OptimizerEntry*>& entries, const ScoreTable& scores) {
  std::string out = fmt::format(fmt::runtime(kOpening), kRealName, kPageShape.str()), family;
  const double adamw = state_cost(find_optimizer("adamw"), kPageShape).bytes_moved;
  for (const OptimizerEntry* e : entries) {
    if (e->family != family) {
      family = e->family;
      out += fmt::format(
          "\n## {}\n\n| name | paper | state | update | step | asks for | lenet | gpt |\n"
          "|---|---|---|---|---|---|---|---|\n",
          family);
    }
    const StateCost cost = state_cost(*e, kPageShape);
    const std::string& name = e->text.name;
    out += fmt::format("| {} | {} | {:.4g} | {:.2f} | {} | {} | {} | {} |\n", name, e->text.paper,
                       cost.bytes_per_parameter, cost.bytes_moved / adamw, step_text(scores, name),
                       fmt::join(need_names(traits_of(*e).needs), ", "),
                       score_text(scores, "lenet", name, 100, 2), score_text(scores, "gpt", name, 1, 3));
  }
  return out;
}

}  // namespace gradus
