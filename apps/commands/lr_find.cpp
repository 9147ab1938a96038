// gradus lr-find: a range test of step sizes, its curve and what it suggests.
#include <cmath>

#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/cli/thread_count.h"
#include "apps/report/plot.h"
#include "apps/train/interrupt.h"
#include "apps/train/lr_range.h"
#include "apps/train/progress.h"
#include "apps/train/trainer.h"
#include "core/atomic_file.h"
#include "core/threads.h"

namespace gradus {
namespace {

struct LrFindCall {
  double from = 1e-7, to = 10;
  std::string out = "lr-find.svg";
  bool json = false, quiet = false;

  void visit(auto&& f) {
    f("from", from, "the least step size", positive());
    f("to", to, "the largest one", positive());
    f("out", out, "the file for the curve (SVG); none: no file");
    f("json", json, "print the result as one JSON object, with the curve");
    f("quiet", quiet, "no progress on stderr");
  }
};

// The optimizer with this step size for its innermost rule; "" where two rules have one each.
std::string with_lr(const std::string& optim, double lr) {
  Spec spec = parse_spec(optim);
  if (spec.name == "companion") return "";
  if (spec.inner.empty()) {
    std::erase_if(spec.options, [](const auto& option) { return option.first == "lr"; });
    spec.options.insert(spec.options.begin(), {"lr", fmt::format("{:.2g}", lr)});
    return spec.str();
  }
  spec.inner = with_lr(spec.inner, lr);
  return spec.inner.empty() ? "" : spec.str();
}

std::string curve_svg(const LrCurve& curve, const TrainConfig& config) {
  Series raw{.name = "each batch", .kind = SeriesKind::kPoints}, smooth{.name = "smoothed"};
  double largest = 0;
  for (const LrPoint& p : curve.points) {
    raw.x.push_back(p.lr), raw.y.push_back(p.loss);
    smooth.x.push_back(p.lr), smooth.y.push_back(p.smoothed);
    largest = std::max(largest, p.smoothed);
  }
  std::vector<Series> series = {raw, smooth};
  if (curve.suggestion)
    series.push_back({.name = fmt::format("suggested: {:.2g}", *curve.suggestion),
                      .x = {*curve.suggestion, *curve.suggestion},
                      .y = {0, largest},
                      .kind = SeriesKind::kReference});
  return svg(LinePlot{.title = fmt::format("Loss against step size: {}, {}", config.model, config.optim),
                      .x = {.label = "lr", .log = true},
                      .y = {.label = "loss"},
                      .series = series});
}

nlohmann::ordered_json number_or_null(const std::optional<double>& v) {
  return v ? nlohmann::ordered_json(*v) : nlohmann::ordered_json();
}

int lr_find(const LrFindCall& call, const OptionList& given) {
  TrainConfig config;
  assign(config, given);
  config.validation = 0;  // nothing is evaluated
  check(config);
  if (config.batch_size.adaptive()) fail<UsageError>("--batch-size adaptive: lr-find takes a number");
  if (!(call.from < call.to)) fail<UsageError>("--from {} --to {}: needs from < to", call.from, call.to);
  use_threads(config.threads);
  const InterruptScope signals;
  Trainer trainer(config);
  constexpr int64 kUsualSteps = 100;
  const int64 steps = config.steps || config.epochs ? trainer.length() : kUsualSteps;
  Progress progress(call.quiet);
  int64 done = 0;
  const LrCurve curve = lr_range_test(trainer, call.from, call.to, steps, interrupted, [&](const LrPoint& p) {
    ++done;
    const std::string text =
        fmt::format("step {}/{}  lr {}  loss {}", done, steps, brief(p.lr), brief(p.loss));
    progress.show("", " " + text, static_cast<double>(done) / static_cast<double>(steps), text);
  });
  progress.clear();
  const bool file = call.out != "none" && !call.out.empty() && curve.points.size() > 1;
  if (file) write_file(call.out, curve_svg(curve, config));
  const std::string use = curve.suggestion ? with_lr(config.optim, *curve.suggestion) : "";
  if (call.json) {
    auto points = nlohmann::ordered_json::array();
    for (const LrPoint& p : curve.points)
      points.push_back({{"lr", p.lr}, {"loss", p.loss}, {"smoothed", p.smoothed}});
    print_json({{"suggestion", number_or_null(curve.suggestion)},
                {"least_loss_at", number_or_null(curve.least)},
                {"diverged_at", number_or_null(curve.diverged)},
                {"steps", curve.points.size()},
                {"optim", use.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(use)},
                {"file", file ? nlohmann::ordered_json(call.out) : nlohmann::ordered_json()},
                {"curve", points}});
  } else {
    const auto text = [](const std::optional<double>& v, const char* none) {
      return v ? fmt::format("{:.3g}", *v) : std::string(none);
    };
    std::vector<std::vector<std::string>> rows = {
        {"suggested lr", text(curve.suggestion, "none: the loss never falls")},
        {"least loss at", text(curve.least, "-")},
        {"diverged at", text(curve.diverged, "not up to the largest")},
        {"steps", fmt::format("{}", curve.points.size())}};
    if (file) rows.push_back({"curve", call.out});
    if (!use.empty()) rows.push_back({"use", fmt::format("--optim '{}'", use)});
    print(columns(rows));
  }
  return curve.stopped ? kInterrupted : kOk;
}

}  // namespace

void add_lr_find(CLI::App& app, Action& action) {
  CLI::App* sub =
      app.add_subcommand("lr-find", "a range test of step sizes: the curve (SVG) and a suggestion");
  auto given = std::make_shared<OptionList>(), own = std::make_shared<OptionList>();
  add_flags<LrFindCall>(*sub, own);
  add_flags<TrainConfig>(*sub, given);
  sub->footer(
      "The flags are those of 'train'; --steps is the length of the test, 100 if it is not given. The step "
      "size grows by the\n"
      "same factor every step; suggested is where the smoothed loss falls most steeply (Smith 2017, arXiv "
      "1506.01186).");
  sub->callback([=, &action] {
    action = [=] {
      LrFindCall call;
      assign(call, *own);
      return lr_find(call, *given);
    };
  });
}

}  // namespace gradus
