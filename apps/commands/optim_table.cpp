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
whole training step of lenet, batch 64, on one thread, relative to AdamW's, to about a fifth. asks for: what beside the gradient of the batch, with default options.
lenet: accuracy on MNIST test images in % after one epoch over 6,400 images, batch 64. gpt: loss on text held out after 300 steps on
tinyshakespeare, 2 layers of 64, batch 12. Both with a constant step size (in brackets), found on held-out examples by short trials
on one grid for all, one run each, all other options at their defaults; wrappers around AdamW. Short runs from one seed: they tell what
an optimizer does in its first minutes, not which is best. Recorded by `tests/optimizer_scores.py`; - is not recorded or diverged.
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

std::string score_text(const ScoreTable& scores, const std::string& task, const std::string& name,
                       double factor, int digits) {
  const auto on = scores.find(task);
  if (on == scores.end() || !on->second.contains(name)) return "-";
  const RecordedScore& r = on->second.at(name);
  return fmt::format("{:.{}f}{}", factor * r.score, digits, r.rate == "-" ? "" : " (" + r.rate + ")");
}

std::string step_text(const ScoreTable& scores, const std::string& name) {
  const auto on = scores.find("step");
  if (on == scores.end() || !on->second.contains(name) || !on->second.contains("adamw")) return "-";
  return fmt::format("{:.1f}", on->second.at(name).score / on->second.at("adamw").score);
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
    if (cells.size() < 4)
      fail<DataError>("{}:{}: expected task, name, rate and score with tabs between them", file.string(),
                      count);
    if (cells[3] == "-") continue;
    scores[cells[0]][cells[1]] = {cells[2], number(cells[3], file, count)};
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
