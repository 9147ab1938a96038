#include "apps/train/run_summary.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/cli/flags.h"
#include "apps/train/scores.h"
#include "core/byte_source.h"
#include "core/error.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

// Calls use(line, its number) for each whole line.
template <class F>
void each_line(const std::string& path, const F& use) {
  const std::string text = read_text_file(path);
  int number = 0;
  for (size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1)
    use(text.substr(at, end - at), ++number);
}

MetricsRow row_from(const std::string& line, const std::string& where) {
  const auto row = nlohmann::json::parse(line, nullptr, false);
  const auto number = [&](const char* key) {
    const auto& v = row.at(key);
    return v.is_null() ? std::nan("") : v.get<double>();
  };
  const auto optional = [&](const char* key) {  // of an older gradus there are none
    return row.contains(key) ? number(key) : std::nan("");
  };
  try {
    return {.step = row.at("step").get<int64>(),
            .epoch = number("epoch"),
            .lr = number("lr"),
            .train_loss = number("train_loss"),
            .train_accuracy = number("train_accuracy"),
            .test_loss = number("test_loss"),
            .test_accuracy = number("test_accuracy"),
            .validation_loss = optional("validation_loss"),
            .validation_accuracy = optional("validation_accuracy"),
            .score = optional("score"),
            .seconds = number("seconds")};
  } catch (const nlohmann::json::exception&) {
    fail<DataError>("{}: expected a row of metrics (an object with step, epoch, lr, ...)", where);
  }
}

// The score of a row; rows of an older gradus have the test accuracy, else the test loss.
double score_of_row(const MetricsRow& row, bool by_accuracy) {
  if (std::isfinite(row.score)) return row.score;
  return by_accuracy ? row.test_accuracy : row.test_loss;
}

std::string quoted(const std::string& word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

std::string setting_text(const nlohmann::ordered_json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "none";
  if (!value.is_array()) return value.dump();
  std::string text;
  for (const auto& v : value) text += (text.empty() ? "" : " ") + setting_text(v);
  return text.empty() ? "none" : text;
}

}  // namespace

RunSummary summarize(const std::string& path) {
  const RunDirectory run = RunDirectory::open(path);
  RunSummary s{.path = path, .config = run.config()};
  const std::string file = run.file("metrics.jsonl");
  if (fs::exists(file))
    each_line(file, [&](const std::string& line, int number) {
      s.rows.push_back(row_from(line, fmt::format("{}: line {}", file, number)));
    });
  s.by_accuracy = std::any_of(s.rows.begin(), s.rows.end(),
                              [](const MetricsRow& r) { return std::isfinite(r.test_accuracy); });
  s.metric = s.config.metric != "auto" ? s.config.metric : s.by_accuracy ? "accuracy" : "loss";
  const bool larger = std::any_of(metrics().begin(), metrics().end(),
                                  [&](const Metric& m) { return m.name == s.metric && m.larger; });
  double best = std::nan("");
  for (const MetricsRow& row : s.rows) {
    s.last = row;
    s.validated = s.validated || std::isfinite(row.validation_loss);
    const double score = score_of_row(row, s.by_accuracy);
    if (std::isnan(score) || (s.best && !(larger ? score > best : score < best))) continue;
    s.best = row;
    best = score;
  }
  s.finished = fs::exists(run.file("model.safetensors"));
  return s;
}

std::vector<GradNormRow> read_grad_norms(const std::string& path) {
  const std::string file = RunDirectory::open(path).file("grad_norms.csv");
  std::vector<GradNormRow> rows;
  if (!fs::exists(file)) return rows;
  each_line(file, [&](const std::string& line, int number) {
    if (number == 1) return;  // the names of the columns
    GradNormRow row{};
    char* end = nullptr;
    const char* at = line.c_str();
    for (double* v : {&row.step, &row.l1, &row.l2}) {
      *v = std::strtod(at, &end);
      if (end == at) fail<DataError>("{}: line {}: expected step,l1,l2", file, number);
      at = *end == ',' ? end + 1 : end;
    }
    rows.push_back(row);
  });
  return rows;
}

OptionList changed_settings(const TrainConfig& config) {
  OptionList changed;
  const auto all = config_json(config), defaults = config_json(TrainConfig{});
  for (const auto& [key, value] : all.items())
    if (value != defaults.at(key)) changed.emplace_back(key, setting_text(value));
  return changed;
}

std::string train_line(const TrainConfig& config) {
  std::string line = "gradus train";
  const auto all = config_json(config), defaults = config_json(TrainConfig{});
  for (const auto& [key, value] : all.items()) {
    // Data and model are what a reader looks for first.
    if (value == defaults.at(key) && key != "data" && key != "model" && key != "optim") continue;
    const std::string flag = flag_name(key);
    if (value.is_boolean()) {
      line += " " + (value.get<bool>() ? flag : "--no-" + flag.substr(2));
    } else if (value.is_array()) {
      for (const auto& v : value) line += " " + flag + " " + quoted(setting_text(v));
    } else {
      line += " " + flag + " " + quoted(setting_text(value));
    }
  }
  return line;
}

std::vector<DifferingSetting> differing_settings(const std::vector<RunSummary>& runs) {
  static const std::vector<std::string> housekeeping = {"data_dir", "save", "save_every", "tensorboard"};
  std::vector<DifferingSetting> differing;
  std::vector<nlohmann::ordered_json> configs;
  for (const RunSummary& r : runs) configs.push_back(config_json(r.config));
  if (configs.empty()) return differing;
  for (const auto& [key, first] : configs[0].items()) {
    if (std::find(housekeeping.begin(), housekeeping.end(), key) != housekeeping.end()) continue;
    DifferingSetting setting{key, {}};
    bool differs = false;
    for (const auto& config : configs) {
      setting.values.push_back(setting_text(config.at(key)));
      differs = differs || config.at(key) != first;
    }
    if (differs) differing.push_back(std::move(setting));
  }
  return differing;
}

}  // namespace gradus
