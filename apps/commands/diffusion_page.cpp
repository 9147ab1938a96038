#include "apps/commands/diffusion_page.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/cli/terminal.h"
#include "apps/commands/sample_images.h"
#include "apps/diffusion/diffusion_run.h"
#include "apps/report/plot.h"
#include "core/byte_source.h"
#include "core/error.h"

namespace gradus {
namespace {

constexpr int64 kPageImages = 64;

struct LossCourse {
  Series training{.name = "training"}, held_out{.name = "held out"};
  int64 step = 0;
  double seconds = 0;
};

// metrics.jsonl; a last line that was cut off is left out.
LossCourse loss_course(const RunDirectory& run) {
  LossCourse course;
  const std::string path = run.file("metrics.jsonl");
  if (!std::filesystem::exists(path)) return course;
  std::istringstream lines(read_text_file(path));
  std::string line;
  for (int64 number = 1; std::getline(lines, line); ++number) {
    const nlohmann::json row = nlohmann::json::parse(line, nullptr, false);
    if (row.is_discarded() && lines.peek() == std::istringstream::traits_type::eof()) break;
    if (!row.is_object() || !row.contains("step") || !row["step"].is_number_integer())
      fail<DataError>("{}: line {}: no row of metrics", path, number);
    const auto add = [&](Series& series, const char* key) {
      if (const auto value = row.find(key); value != row.end() && value->is_number())
        series.x.push_back(row["step"].get<double>()), series.y.push_back(value->get<double>());
    };
    add(course.training, "train_loss");
    add(course.held_out, "validation_loss");
    course.step = row["step"].get<int64>();
    course.seconds = row.value("seconds", 0.0);
  }
  return course;
}

Html drawn_images(const std::string& path, const WeightsOptions& options) {
  const Weights weights = find_weights(path, options);
  const ImageSource source = image_source(path, weights);
  std::vector<int64> classes;
  const int64 of_classes = source.info.classes;
  for (int64 i = 0; i < kPageImages; ++i) classes.push_back(of_classes > 0 ? i % of_classes : -1);
  SampleSettings settings;
  settings.keep_steps = true;
  const ImageSamples drawn = draw_images(source, classes, settings);
  const bool in_turn = of_classes > 1 && of_classes <= 20;
  const Image grid = image_grid(drawn.images, in_turn ? of_classes : 0);
  const Image strip = step_strip(drawn.steps);
  const std::string how = fmt::format("{}, {}, {} evaluations of the network each", settings.sampler,
                                      settings.guidance, brief(drawn.evaluations));
  return html::heading(2, "Images", "images") +
         html::tiles(
             {{grid, "images drawn from the run",
               html::text(
                   fmt::format("{} images{}: {}", kPageImages, in_turn ? ", a column a class" : "", how))},
              {strip, "estimates of the noise-free image after each step",
               html::text("what the network took the first images for, from the first step to the last")}});
}

}  // namespace

bool is_diffusion_run(const std::string& path) {
  return RunDirectory::open(path).settings().value("command", "") == kDiffusionRun;
}

DiffusionPage diffusion_page(const std::string& path, const WeightsOptions& options, bool draw,
                             std::vector<std::string>& complaints) {
  const RunDirectory run = RunDirectory::open(path);
  const nlohmann::json settings = run.settings_of(kDiffusionRun);
  DiffusionPage page;
  page.finished = std::filesystem::exists(run.file("model.safetensors"));
  const LossCourse course = loss_course(run);
  std::vector<std::pair<std::string, std::string>> rows = {
      {"state", page.finished ? "finished" : "not finished"}, {"steps", fmt::format("{}", course.step)}};
  const auto last = [&](const char* name, const Series& series) {
    if (!series.y.empty()) rows.emplace_back(name, brief(series.y.back()));
  };
  last("training loss", course.training);
  last("loss on images held out", course.held_out);
  rows.emplace_back("time in training steps", clock_text(course.seconds));
  page.body = html::table_of(rows);
  if (!course.training.y.empty()) {
    LinePlot plot{.title = "Loss",
                  .x = {.label = "step", .whole = true},
                  .y = {.label = "mean squared error", .log = wide_range(course.training.y)},
                  .series = {course.training}};
    if (!course.held_out.y.empty()) plot.series.push_back(course.held_out);
    page.body += html::heading(2, "Curves", "curves") +
                 html::figures({svg(plot, {.id = "loss", .standalone = false})});
  }
  if (draw) try {
      page.body += drawn_images(path, options);
    } catch (const Error& e) {
      complaints.push_back(fmt::format("no images: {}", e.what()));
      page.body += html::note(html::text(complaints.back()));
    }
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& [key, value] : settings.items())
    if (!value.is_null() && value != "")
      all.emplace_back(key, value.is_string() ? value.get<std::string>() : value.dump());
  page.body += html::heading(2, "Settings", "settings") + html::table_of(all);
  return page;
}

}  // namespace gradus
