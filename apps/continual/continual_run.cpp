#include "apps/continual/continual_run.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>

#include "apps/cli/output.h"
#include "apps/report/heat_map.h"
#include "apps/report/plot.h"
#include "apps/train/parts_checkpoint.h"
#include "core/atomic_file.h"
#include "core/error.h"
#include "core/tensor_formats.h"
#include "core/threads.h"
#include "data/registry.h"

namespace gradus {
namespace {

using StepClock = std::chrono::steady_clock;

nlohmann::ordered_json continual_row_json(const ContinualRow& r) {
  const auto number = [](double v) {
    return std::isfinite(v) ? nlohmann::ordered_json(v) : nlohmann::ordered_json(nullptr);
  };
  return {{"task", r.task},
          {"steps", r.steps},
          {"train_loss", number(r.train_loss)},
          {"average_accuracy", number(r.average_accuracy)},
          {"task_accuracy", number(r.task_accuracy)},
          {"forgetting", number(r.forgetting)},
          {"drift_accuracy", number(r.drift_accuracy)},
          {"seconds", std::round(r.seconds * 1e3) / 1e3}};
}

std::string continual_csv(const ContinualRow& row) {
  std::string line;
  const nlohmann::ordered_json values = continual_row_json(row);
  for (const auto& [name, value] : values.items())
    line += (name == "task" ? "" : ",") + (value.is_null() ? std::string() : value.dump());
  return line;
}

Data open_stream_data(const ContinualConfig& config) {
  check(config);
  return open_data(config.data, {.data_dir = config.data_dir});
}

Rng run_rng(const ContinualConfig& config) { return Rng(static_cast<std::uint64_t>(config.seed)); }

TaskSequence sequence_of(const ContinualConfig& config, const Data& data) {
  check(config);
  return make_task_sequence(data, parse_task_stream(config.tasks), config.limit.value_or(0),
                            config.test_limit.value_or(0), run_rng(config));
}

StreamTrainingOptions loop_options(const ContinualConfig& config) {
  StreamTrainingOptions o{.epochs = config.epochs, .batch_size = config.batch_size};
  if (!config.drift.empty()) o.drift = parse_drift(config.drift);
  return o;
}

}  // namespace

std::string continual_csv_header() {
  std::string line;
  const nlohmann::ordered_json columns = continual_row_json({});
  for (const auto& [name, value] : columns.items()) line += (line.empty() ? "" : ",") + name;
  return line + "\n";
}

ContinualRun::ContinualRun(const ContinualConfig& config) : ContinualRun(config, open_stream_data(config)) {}

ContinualRun::ContinualRun(const ContinualConfig& config, const Data& data)
    : config_(config),
      tasks_(sequence_of(config, data)),
      learner_(make_learner(config.method, {.inputs = tasks_.features,
                                            .hidden = config.hidden,
                                            .width = config.features,
                                            .classes = tasks_.classes})),
      training_(*learner_, tasks_, loop_options(config), run_rng(config).fork("continual")) {}

bool ContinualRun::advance() {
  const auto start = StepClock::now();
  const int64 task = training_.task();
  training_.advance();
  seconds_ += std::chrono::duration<double>(StepClock::now() - start).count();
  if (training_.task() == task) return true;
  const AccuracyMatrix& a = training_.matrix();
  AccuracyMatrix upto;
  for (int64 i = 0; i <= task; ++i) upto.add_row(a.rows()[static_cast<size_t>(i)]);
  rows_.push_back({.task = task + 1,
                   .steps = training_.steps(),
                   .train_loss = training_.mean_loss(),
                   .average_accuracy = a.average_accuracy(task),
                   .task_accuracy = a.at(task, task),
                   .forgetting = upto.forgetting(),
                   .drift_accuracy = training_.drift_accuracies().empty() || task == 0
                                         ? std::nan("")
                                         : training_.drift_accuracies().back(),
                   .seconds = seconds_});
  return !done();
}

void ContinualRun::save(const RunDirectory& run) {
  CheckpointParts parts{.optim = learner_->spec(), .saved = {}, .state = nlohmann::json::object()};
  const StateArchive archive = StateArchive::saving(parts.saved);
  training_.state(archive);
  archive("seconds", seconds_);
  std::vector<double> numbers;
  for (const ContinualRow& r : rows_)
    numbers.insert(numbers.end(),
                   {static_cast<double>(r.task), static_cast<double>(r.steps), r.train_loss,
                    r.average_accuracy, r.task_accuracy, r.forgetting, r.drift_accuracy, r.seconds});
  archive("rows", numbers);
  write_parts_checkpoint(run.checkpoint(), parts);
}

void ContinualRun::restore(const RunDirectory& run) {
  if (run.is_none() || !std::filesystem::exists(run.checkpoint())) return;
  read_parts_checkpoint(run.checkpoint(), learner_->spec(), [&](const CheckpointParts& parts) {
    const StateArchive archive = StateArchive::loading(parts.saved);
    training_.state(archive);
    archive("seconds", seconds_);
    std::vector<double> numbers;
    archive("rows", numbers);
    rows_.clear();
    for (size_t i = 0; i + 8 <= numbers.size(); i += 8) {
      const double* n = numbers.data() + i;
      rows_.push_back({.task = static_cast<int64>(n[0]),
                       .steps = static_cast<int64>(n[1]),
                       .train_loss = n[2],
                       .average_accuracy = n[3],
                       .task_accuracy = n[4],
                       .forgetting = n[5],
                       .drift_accuracy = n[6],
                       .seconds = n[7]});
    }
  });
}

void ContinualRun::show(Progress& progress) const {
  if (done()) return;
  const double all = static_cast<double>(tasks_.tasks()),
               within = training_.steps() > 0
                            ? static_cast<double>(training_.step()) / static_cast<double>(training_.steps())
                            : 0;
  const std::string where = fmt::format("task {}/{}  step {}/{}", training_.task() + 1, tasks_.tasks(),
                                        training_.step(), training_.steps());
  std::string text = fmt::format("train loss {}", brief(training_.mean_loss()));
  if (!rows_.empty()) text += fmt::format("  acc {}", percent(rows_.back().average_accuracy));
  progress.show(where + " ", " " + text, (static_cast<double>(training_.task()) + within) / all,
                where + "  " + text);
}

bool ContinualRun::train(const RunDirectory& run, bool quiet, const std::function<bool()>& stop) {
  const InterruptScope signals;
  restore(run);
  run.truncate_metrics(continual_csv_header(), "task", std::ssize(rows_));
  Progress progress(quiet);
  if (!done() && (!rows_.empty() || training_.step() > 0))
    progress.message(fmt::format("resumed in task {} of {}, behind step {}", training_.task() + 1,
                                 tasks_.tasks(), training_.step()));
  while (!done()) {
    if (stop()) {
      save(run);
      return false;
    }
    const size_t before = rows_.size();
    try {
      advance();
    } catch (const NumericError& e) {
      fail<NumericError>("training diverged in task {} at step {}: {}; a smaller lr may help",
                         training_.task() + 1, training_.step() + 1, e.what());
    }
    const bool behind = rows_.size() > before;
    if (behind) {
      run.append(continual_csv(rows_.back()), continual_row_json(rows_.back()));
      progress.message(fmt::format("task {}/{}  accuracy {}  of all so far {}  forgetting {}",
                                   rows_.back().task, tasks_.tasks(), percent(rows_.back().task_accuracy),
                                   percent(rows_.back().average_accuracy), brief(rows_.back().forgetting)));
    }
    show(progress);
    const bool due =
        config_.save_every && training_.step() > 0 && training_.step() % *config_.save_every == 0;
    if (behind || due) save(run);
  }
  write_pages(run);
  save_learner(run.file("model.safetensors"));
  if (!config_.save.empty()) save_learner(config_.save);
  return true;
}

void ContinualRun::save_learner(const std::string& path) const {
  TensorFile file;
  for (const auto& [name, tensor] : learner_->weights()) file.tensors.emplace_back(name, tensor.detach());
  file.metadata = {{"format", "pt"}, {"gradus_method", learner_->spec()}};
  write_tensors(path, file);
}

void ContinualRun::write_pages(const RunDirectory& run) const {
  const AccuracyMatrix& a = training_.matrix();
  const int64 tasks = a.tasks();
  std::string csv = "behind_task";
  for (int64 j = 0; j < tasks; ++j) csv += fmt::format(",task_{}", j + 1);
  csv += "\n";
  HeatMap map{.title = fmt::format("{}, {}", config_.data, config_.method),
              .x_label = "accuracy on task",
              .y_label = "behind task"};
  LinePlot plot{.title = fmt::format("{}, {}", config_.data, config_.method),
                .x = {.label = "behind task", .whole = true},
                .y = {.label = "test accuracy"}};
  plot.series.push_back({.name = "all so far", .marked = true});
  for (int64 i = 0; i < tasks; ++i) {
    csv += fmt::format("{}", i + 1);
    for (int64 j = 0; j < tasks; ++j) {
      csv += std::isfinite(a.at(i, j)) ? fmt::format(",{}", a.at(i, j)) : ",";
      map.values.push_back(a.at(i, j));
    }
    csv += "\n";
    map.x.push_back(static_cast<double>(i + 1));
    map.y.push_back(static_cast<double>(i + 1));
    plot.series[0].x.push_back(static_cast<double>(i + 1));
    plot.series[0].y.push_back(a.average_accuracy(i));
  }
  for (int64 j = 0; j < std::min<int64>(tasks, 7); ++j) {
    Series line{.name = fmt::format("task {}", j + 1)};
    for (int64 i = j; i < tasks; ++i) {
      line.x.push_back(static_cast<double>(i + 1));
      line.y.push_back(a.at(i, j));
    }
    plot.series.push_back(std::move(line));
  }
  write_file(run.file("matrix.csv"), csv);
  write_file(run.file("matrix.svg"), svg(map));
  write_file(run.file("curve.svg"), svg(plot));
}

// NaN where a network had no outputs for classes of a task before it.
double ContinualRun::forward_transfer() const {
  return training_.done() ? training_.matrix().forward_transfer(training_.baseline()) : std::nan("");
}

nlohmann::ordered_json ContinualRun::result(const std::string& out) const {
  const auto number = [](double v) {
    return std::isfinite(v) ? nlohmann::ordered_json(v) : nlohmann::ordered_json(nullptr);
  };
  const auto list = [&](const std::vector<double>& values) {
    auto json = nlohmann::ordered_json::array();
    for (const double v : values) json.push_back(number(v));
    return json;
  };
  const AccuracyMatrix& a = training_.matrix();
  nlohmann::ordered_json json;
  json["data"] = config_.data;
  json["tasks"] = config_.tasks;
  json["method"] = learner_->spec();
  if (!config_.drift.empty()) json["drift"] = config_.drift;
  json["seed"] = config_.seed;
  json["threads"] = threads();
  json["count"] = tasks_.tasks();
  json["classes"] = tasks_.classes;
  auto& matrix = json["accuracy"] = nlohmann::ordered_json::array();
  for (const std::vector<double>& row : a.rows()) matrix.push_back(list(row));
  json["untrained_accuracy"] = list(training_.baseline());
  json["average_accuracy"] = number(a.final_accuracy());
  json["average_incremental_accuracy"] = number(a.incremental_accuracy());
  json["learning_accuracy"] = number(a.learning_accuracy());
  json["forgetting"] = number(a.forgetting());
  json["backward_transfer"] = number(a.backward_transfer());
  json["forward_transfer"] = number(forward_transfer());
  if (!config_.drift.empty()) json["drift_accuracy"] = list(training_.drift_accuracies());
  json["seconds"] = std::round(seconds_ * 1e3) / 1e3;
  json["out"] = out;
  return json;
}

}  // namespace gradus
