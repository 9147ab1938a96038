// gradus report: one page about a training run.
#include <cmath>
#include <filesystem>

#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/commands/diffusion_page.h"
#include "apps/commands/run_page.h"
#include "apps/commands/run_results.h"
#include "core/atomic_file.h"
#include "core/image.h"

namespace gradus {
namespace {

struct ReportOptions : WeightsOptions {
  std::string out;
  std::optional<int64> limit;
  int64 batch_size = 256;
  bool scores = true, json = false;

  void visit(auto&& f) {
    f("out", out, "the file to write; else report.html in the run's directory");
    f("data", data, "data set to score on; else the one of the run");
    f("data_dir", data_dir, "where data sets lie; else the run's, $GRADUS_DATA, then ./datasets");
    f("threads", threads, "threads; 0: one a processor", Limits{.low = 0});
    f("limit", limit, "score the first N test examples only", at_least(1));
    f("batch_size", batch_size, "examples a batch of the evaluation", at_least(1));
    f("scores", scores, "curves and settings alone: no evaluation of the weights, no images drawn");
    f("json", json, "print what was written as one JSON object");
  }
};

Html summary_section(const RunSummary& run) {
  const MetricsRow last = run.last.value_or(MetricsRow{});
  std::vector<std::pair<std::string, std::string>> rows = {
      {"state", run.finished ? "finished" : "not finished"}, {"length", length_text(run)}};
  if (run.last) {
    rows.emplace_back("training loss", brief(last.train_loss));
    rows.emplace_back("test loss", brief(last.test_loss));
    if (run.by_accuracy) rows.emplace_back("test accuracy", percent(last.test_accuracy));
    rows.emplace_back("best", best_text(run));
    rows.emplace_back("time in training steps", clock_text(last.seconds));
  }
  Html out = html::table_of(rows);
  if (!run.last) out += html::note(html::text("The run has not been evaluated yet, so there are no curves."));
  if (run.last && !std::isfinite(last.test_loss))
    out += html::note(
        html::text(fmt::format("The test loss is not finite at step {}: the run diverges.", last.step)));
  return out;
}

int write_page(const std::string& path, const ReportOptions& options, const Html& body, bool finished,
               const std::vector<std::string>& complaints) {
  const std::filesystem::path whole = std::filesystem::path(path).lexically_normal();
  const std::string name = (whole.filename().empty() ? whole.parent_path() : whole).filename().string();
  const std::string page = html::page("Training run " + (name.empty() ? path : name), body);
  const std::string out =
      options.out.empty() ? (std::filesystem::path(path) / "report.html").string() : options.out;
  write_file(out, page);
  for (const std::string& c : complaints) fmt::print(stderr, "gradus: {}\n", c);
  if (options.json)
    print_json({{"file", out}, {"bytes", page.size()}, {"finished", finished}, {"missing", complaints}});
  else
    print(fmt::format("{}: {} bytes\n", out, page.size()));
  return kOk;
}

// A run of --data field left the image as it is by the weights.
Html reconstruction_section(const std::string& path) {
  const std::filesystem::path file = std::filesystem::path(path) / "reconstruction.png";
  if (!std::filesystem::exists(file)) return {};
  return html::heading(2, "Image", "image") +
         html::tiles({{read_image(file.string()), "the image by the weights",
                       html::text("the field at every pixel, by the run's weights")}});
}

int report(const std::string& path, const ReportOptions& options) {
  std::vector<std::string> complaints;
  if (is_diffusion_run(path)) {
    const DiffusionPage page = diffusion_page(path, options, options.scores, complaints);
    return write_page(path, options, page.body, page.finished, complaints);
  }
  const RunSummary run = summarize(path);
  Html body = summary_section(run);
  const auto plots = run_plots(run, read_grad_norms(path));
  if (!plots.empty()) body += html::heading(2, "Curves", "curves") + html::figures(plots);
  body += reconstruction_section(path);
  if (options.scores)
    body += results_sections(
        run, options, {.batch_size = options.batch_size, .limit = options.limit.value_or(0)}, complaints);
  body += html::heading(2, "Settings", "settings") + settings_section(run.config);
  return write_page(path, options, body, run.finished, complaints);
}

}  // namespace

void add_report(CLI::App& app, Action& action) {
  CLI::App* sub = app.add_subcommand("report", "one page (HTML) about a training run");
  auto given = std::make_shared<OptionList>();
  auto run = std::make_shared<std::string>();
  sub->add_option("RUN", *run, "directory of a run, finished or not")->required()->type_name("");
  add_flags<ReportOptions>(*sub, given);
  sub->callback([=, &action] {
    action = [=] {
      ReportOptions options;
      assign(options, *given);
      return report(*run, options);
    };
  });
}

}  // namespace gradus
