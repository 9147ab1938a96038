// gradus model check-mup: whether a network's layers move alike at all widths, with muP and without.
#include "apps/commands/check_mup.h"

#include <cmath>

#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/cli/thread_count.h"
#include "apps/commands/registry_commands.h"
#include "apps/report/plot.h"
#include "apps/train/interrupt.h"
#include "apps/train/mup_check.h"
#include "core/atomic_file.h"
#include "core/error.h"
#include "core/threads.h"

namespace gradus {
namespace {

struct CheckMupOptions {
  std::string data = "digits", data_dir, optim = "adam:lr=1e-3", out = "check-mup.svg", heads = "size";
  std::vector<int64> widths = {64, 128, 256, 512};
  int64 steps = 5, batch_size = 64, seed = 0;
  double limit = 0.25;
  int threads = 0;
  bool json = false;

  void visit(auto&& f) {
    f("data", data, "data set to train on; see 'data list'");
    f("data_dir", data_dir, "where data sets lie; else $GRADUS_DATA, then ./datasets");
    f("optim", optim, "optimizer, its lr that of the first width");
    f("widths", widths, "widths to compare, the first is the base; all other options as the model has them",
      at_least(1));
    f("heads", heads, "what grows of attention: the size of heads, or their number",
      choices({"size", "number"}));
    f("steps", steps, "steps of training", at_least(1));
    f("batch_size", batch_size, "examples a batch", at_least(1));
    f("limit", limit, "largest exponent of the width, up or down, that passes", positive());
    f("seed", seed, "of weights and order", at_least(0));
    f("threads", threads, "threads; 0: one a processor", at_least(0));
    f("out", out, "picture of both (SVG); none: no file");
    f("json", json, "print the result as one JSON object");
  }
};

std::string check_table(const char* title, const MupCheck& check) {
  std::vector<std::vector<std::string>> rows = {{title}};
  for (const int64 width : check.widths) rows[0].push_back(fmt::format("{}", width));
  rows[0].emplace_back("exponent");
  for (const MupCheck::Layer& layer : check.layers) {
    std::vector<std::string> row = {layer.name};
    for (const double moved : layer.moved) row.push_back(fmt::format("{:.3g}", moved));
    row.push_back(std::isnan(layer.exponent) ? "-" : fmt::format("{:+.2f}", layer.exponent));
    rows.push_back(std::move(row));
  }
  return columns(rows);
}

nlohmann::ordered_json check_json(const MupCheck& check) {
  auto layers = nlohmann::ordered_json::array();
  for (const MupCheck::Layer& layer : check.layers)
    layers.push_back({{"layer", layer.name},
                      {"moved", layer.moved},
                      {"exponent", std::isnan(layer.exponent) ? nlohmann::ordered_json()
                                                              : nlohmann::ordered_json(layer.exponent)}});
  return {{"layers", layers}, {"worst_exponent", check.worst()}};
}

// Lines of muP; those of the standard parametrisation thin.
std::string check_picture(const std::string& model, const MupCheck& mup, const MupCheck& standard) {
  LinePlot plot{.title = fmt::format("How far layers move in the first steps: {}", model),
                .x = {.label = "width", .log = true},
                .y = {.label = "rms of the change", .log = true},
                .series = {}};
  const std::vector<double> x(mup.widths.begin(), mup.widths.end());
  for (const MupCheck::Layer& layer : mup.layers)
    plot.series.push_back({.name = "mup " + layer.name, .x = x, .y = layer.moved, .low = {}, .high = {}});
  for (const MupCheck::Layer& layer : standard.layers)
    plot.series.push_back({.name = "standard " + layer.name,
                           .x = x,
                           .y = layer.moved,
                           .low = {},
                           .high = {},
                           .kind = SeriesKind::kReference});
  return svg(plot, {.width = 640, .height = 320});
}

int run_check_mup(const std::string& model, const CheckMupOptions& o) {
  use_threads(o.threads);
  TrainConfig config;
  config.data = o.data;
  config.data_dir = o.data_dir;
  config.model = model;
  config.optim = o.optim;
  config.schedule = "constant";
  config.batch_size = o.batch_size;
  config.seed = o.seed;
  config.validation = 0;
  config.param = fmt::format("mup:base={},heads={}", o.widths.front(), o.heads);
  check(config);
  const MupCheck mup = check_mup(config, o.widths, o.steps);
  config.param = "standard";
  const MupCheck standard = check_mup(config, o.widths, o.steps);
  const bool passed = std::abs(mup.worst()) <= o.limit;
  const bool file = !o.out.empty() && o.out != "none";
  if (file) write_file(o.out, check_picture(model, mup, standard));
  if (o.json) {
    print_json({{"model", model},
                {"widths", o.widths},
                {"steps", o.steps},
                {"mup", check_json(mup)},
                {"standard", check_json(standard)},
                {"limit", o.limit},
                {"passed", passed},
                {"file", file ? nlohmann::ordered_json(o.out) : nlohmann::ordered_json()}});
  } else {
    print(fmt::format("root mean square of what outputs move by in {} steps, by width\n\n", o.steps));
    print(check_table("mup", mup) + "\n" + check_table("standard", standard));
    print(fmt::format("\nexponent farthest from 0: {:+.2f} with mup (at most {:g}), {:+.2f} without: {}\n",
                      mup.worst(), o.limit, standard.worst(), passed ? "ok" : "MISMATCH"));
    if (file) print(fmt::format("picture: {}\n", o.out));
  }
  return passed ? kOk : kNotShown;
}

}  // namespace

void add_check_mup(CLI::App& model, Action& action) {
  CLI::App* sub = model.add_subcommand(
      "check-mup", "coordinate check: do layers move alike at all widths, with --param mup and without");
  auto name = std::make_shared<std::string>();
  auto given = std::make_shared<OptionList>();
  sub->add_option("NAME", *name, "NAME[:key=value,...]")->required()->type_name("");
  add_flags<CheckMupOptions>(*sub, given);
  sub->callback([=, &action] {
    action = [=] {
      CheckMupOptions options;
      assign(options, *given);
      return run_check_mup(*name, options);
    };
  });
}

}  // namespace gradus
