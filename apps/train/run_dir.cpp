#include "apps/train/run_dir.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/byte_source.h"
#include "core/json_file.h"
#include "core/tensor_formats.h"

namespace gradus {

namespace fs = std::filesystem;

namespace {

constexpr const char* kTrain = "train";  // whose config.json names no command

constexpr const char* kCsvHeader =
    "step,epoch,lr,train_loss,train_accuracy,test_loss,test_accuracy,validation_loss,validation_accuracy,"
    "score,seconds\n";

constexpr const char *kNormsHeader = "step,l1,l2\n", *kSizesHeader = "step,examples,batch_size,wanted\n",
                     *kSelectionHeader = "step,examples,kept,threshold\n";

std::string csv_line(const MetricsRow& r) {
  std::string line = fmt::format("{},{}", r.step, r.epoch);
  for (const double v : {r.lr, r.train_loss, r.train_accuracy, r.test_loss, r.test_accuracy,
                         r.validation_loss, r.validation_accuracy, r.score})
    line += std::isfinite(v) ? fmt::format(",{}", v) : ",";
  return line + fmt::format(",{:.3f}\n", r.seconds);
}

std::string json_line(const MetricsRow& r) {
  nlohmann::ordered_json row = {{"step", r.step},
                                {"epoch", r.epoch},
                                {"lr", r.lr},
                                {"train_loss", r.train_loss},
                                {"train_accuracy", r.train_accuracy},
                                {"test_loss", r.test_loss},
                                {"test_accuracy", r.test_accuracy},
                                {"validation_loss", r.validation_loss},
                                {"validation_accuracy", r.validation_accuracy},
                                {"score", r.score},
                                {"seconds", std::round(r.seconds * 1e3) / 1e3}};
  return row.dump() + "\n";
}

[[noreturn]] void cannot(const std::string& path, const char* what) {
  fail<DataError>("{}: cannot {}: {}", path, what, std::strerror(errno));
}

// A line in one write, so that it is there wholly or, if the disk fills up, cut off at the end of the file.
void append_line(const std::string& path, const std::string& line) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file < 0) cannot(path, "open");
  const ssize_t done = ::write(file, line.data(), line.size());
  const int error = done < 0 ? errno : ENOSPC;
  ::close(file);
  errno = error;
  if (done != static_cast<ssize_t>(line.size())) cannot(path, "write");
}

// The complete lines of which keep(line) holds.
template <class Keep>
void filter_lines(const std::string& path, const Keep& keep) {
  if (!fs::exists(path)) return;
  const std::string text = read_text_file(path);
  std::string kept;
  for (size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
    const std::string line = text.substr(at, end - at + 1);
    if (keep(line)) kept += line;
  }
  if (kept != text) write_file(path, kept);
}

// Whether the directory of a new run could be made; false if it exists.
bool make_directory(const std::string& path) {
  std::error_code error;
  const bool made = fs::create_directories(path, error);
  if (error) fail<DataError>("{}: cannot make the run directory: {}", path, error.message());
  return made;
}

}  // namespace

void check_save_path(const std::string& path) {
  if (path.empty()) return;
  check_tensors_path(path);
  const fs::path parent = fs::path(path).parent_path();
  if (!parent.empty() && !fs::is_directory(parent))
    fail<DataError>("--save {}: there is no folder {}", path, parent.string());
  if (fs::exists(path) && !fs::is_regular_file(path))
    fail<DataError>("--save {}: there is something that is not a regular file", path);
}

RunDirectory RunDirectory::create(const std::string& path, const std::string& default_name,
                                  const TrainConfig& config) {
  return create(path, default_name, kTrain, config_json(config), kCsvHeader);
}

RunDirectory RunDirectory::create(const std::string& path, const std::string& default_name,
                                  const std::string& command, const nlohmann::ordered_json& settings,
                                  const std::string& csv_header) {
  std::string chosen = path;
  if (path.empty()) {
    const std::string base = "runs/" + default_name;
    chosen = base;
    for (int n = 2; !make_directory(chosen); ++n) chosen = fmt::format("{}-{}", base, n);
  } else {
    make_directory(path);
    for (const char* name : {"config.json", "checkpoint.safetensors"})
      if (fs::exists(fs::path(path) / name))
        fail<UsageError>("--out {0}: there is a run already; 'gradus {1} --resume {0}' continues it", path,
                         command);
  }
  RunDirectory run(chosen);
  run.write_settings(command, settings);
  append_line(run.file("metrics.csv"), csv_header);
  return run;
}

void RunDirectory::discard() const {
  std::error_code ignored;
  if (fs::exists(checkpoint(), ignored) || fs::exists(file("metrics.jsonl"), ignored) ||
      fs::exists(file("grad_norms.csv"), ignored) || fs::exists(file("batch_sizes.csv"), ignored) ||
      fs::exists(file("selection.csv"), ignored))
    return;
  for (const char* name : {"config.json", "metrics.csv"}) fs::remove(file(name), ignored);
  fs::remove(path_, ignored);  // unless there is something in it
}

RunDirectory RunDirectory::open(const std::string& path) {
  RunDirectory run(path);
  if (!fs::exists(run.file("config.json")))
    fail<DataError>("{}: not a run directory: it has no config.json", path);
  return run;
}

nlohmann::json RunDirectory::settings() const {
  nlohmann::json settings = read_json(file("config.json"));
  if (!settings.is_object()) fail<DataError>("{}: not a JSON object", file("config.json"));
  return settings;
}

nlohmann::json RunDirectory::settings_of(const std::string& command) const {
  nlohmann::json all = settings();
  std::string found = kTrain;
  if (const auto named = all.find("command"); named != all.end() && named->is_string()) {
    found = named->get<std::string>();
    all.erase("command");
  }
  if (found != command)
    // "train-diffusion": another form of runs of `gradus train`.
    fail<UsageError>("{0}: a run of 'gradus {1}'; 'gradus {1} --resume {0}' goes on", path_,
                     found.substr(0, found.find('-')));
  return all;
}

void RunDirectory::write_settings(const std::string& command, const nlohmann::ordered_json& settings) const {
  nlohmann::ordered_json all;
  if (command != kTrain) all["command"] = command;
  all.update(settings);
  write_file(file("config.json"), all.dump(2) + "\n");
}

std::string RunDirectory::data() const {
  const nlohmann::json all = settings();
  const auto found = all.find("data");
  if (found == all.end() || !found->is_string())
    fail<DataError>("{}: does not name the data", file("config.json"));
  return found->get<std::string>();
}

std::string RunDirectory::data_dir() const {
  const nlohmann::json all = settings();
  const auto found = all.find("data_dir");
  return found != all.end() && found->is_string() ? found->get<std::string>() : "";
}

bool RunDirectory::has_checkpoint() const { return !is_none() && fs::exists(checkpoint()); }

TrainConfig RunDirectory::config() const {
  TrainConfig config;
  const nlohmann::json settings = settings_of(kTrain);
  // A run of an older gradus held nothing out, and goes on so.
  if (!settings.contains("validation")) config.validation = 0;
  apply_config_json(config, settings, file("config.json"));
  return config;
}

void RunDirectory::write_config(const TrainConfig& config) const {
  write_settings(kTrain, config_json(config));
}

void RunDirectory::append(const MetricsRow& row) const {
  if (is_none()) return;
  append_line(file("metrics.csv"), csv_line(row));
  append_line(file("metrics.jsonl"), json_line(row));
}

void RunDirectory::append(const std::string& csv, const nlohmann::ordered_json& row) const {
  append_line(file("metrics.csv"), csv + "\n");
  append_line(file("metrics.jsonl"), row.dump() + "\n");
}

void RunDirectory::append_selection(int64 step, int64 examples, int64 kept, double threshold) const {
  if (is_none()) return;
  if (!fs::exists(file("selection.csv"))) append_line(file("selection.csv"), kSelectionHeader);
  append_line(file("selection.csv"), fmt::format("{},{},{},{:.6g}\n", step, examples, kept, threshold));
}

void RunDirectory::append_batch_size(int64 step, int64 examples, int64 size,
                                     const std::string& wanted) const {
  if (is_none()) return;
  if (!fs::exists(file("batch_sizes.csv"))) append_line(file("batch_sizes.csv"), kSizesHeader);
  append_line(file("batch_sizes.csv"), fmt::format("{},{},{},{}\n", step, examples, size, wanted));
}

void RunDirectory::append_grad_norms(int64 step, double l1, double l2) const {
  if (is_none()) return;
  if (!fs::exists(file("grad_norms.csv"))) append_line(file("grad_norms.csv"), kNormsHeader);
  append_line(file("grad_norms.csv"), fmt::format("{},{},{}\n", step, l1, l2));
}

void RunDirectory::truncate_metrics(int64 step) const {
  if (is_none()) return;
  for (const auto& [name, header] :
       {std::pair{"grad_norms.csv", kNormsHeader}, std::pair{"batch_sizes.csv", kSizesHeader},
        std::pair{"selection.csv", kSelectionHeader}})
    filter_lines(file(name), [&, top = header](const std::string& line) {
      return line == top || std::atoll(line.c_str()) <= step;
    });
  truncate_metrics(kCsvHeader, "step", step);
}

void RunDirectory::truncate_metrics(const std::string& csv_header, const std::string& unit,
                                    int64 last) const {
  filter_lines(file("metrics.csv"), [&](const std::string& line) {
    return line == csv_header || std::atoll(line.c_str()) <= last;
  });
  filter_lines(file("metrics.jsonl"), [&](const std::string& line) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    return json.is_object() && json.value(unit, last + 1) <= last;
  });
  if (!fs::exists(file("metrics.csv"))) append_line(file("metrics.csv"), csv_header);
}

}  // namespace gradus
