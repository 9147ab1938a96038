// gradus predict: what trained weights say of images, tables, arrays and texts.
#include "apps/predict/predict.h"

#include <algorithm>
#include <set>

#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/commands/weights_flags.h"
#include "apps/train/interrupt.h"
#include "apps/train/progress.h"
#include "core/error.h"

namespace gradus {
namespace {

struct PredictOptions : WeightsOptions {
  std::string weights = "last", out, views;
  int64 top = 3, batch_size = 64;
  bool invert = false, json = false, quiet = false;

  void visit(auto&& f) {
    WeightsOptions::visit(f);
    f("weights", weights, kWeightsHelp, weights_choices());
    f("out", out,
      "write the predictions to this file: .csv or .jsonl (file, row, class, all probabilities), .npy (the "
      "numbers "
      "alone)");
    f("top", top, "classes shown for each example", at_least(1));
    f("batch_size", batch_size, "examples a batch", at_least(1));
    f("invert", invert, "swap light and dark of images (MNIST has white ink on black)");
    f("views", views,
      "the mean of the outputs over several looks at each image: mirror, translate or both, "
      "mirror,translate");
    f("json", json, "print the result as one JSON object");
    f("quiet", quiet, "no progress on stderr");
  }
};

// The words for the weights and those for the files. Weights named by --init leave all words to the files.
std::string take_run(std::vector<std::string>& words, const PredictOptions& options) {
  if (!options.init.empty()) {
    if (words.empty()) fail<UsageError>("predict what? name files or folders, or - for standard input");
    return "";
  }
  const std::string run = words.empty() ? "" : words[0];
  if (run.empty())
    fail<UsageError>(
        "which weights? name the directory of a run (or --init FILE.safetensors), then files or folders");
  words.erase(words.begin());
  if (words.empty())
    fail<UsageError>("predict what? behind the run {} name files or folders, or - for standard input", run);
  return run;
}

// How tables are read: as the run read its own.
CsvOptions table_options(const std::string& data) {
  CsvOptions options;
  if (data.empty()) return options;
  const Spec spec = parse_spec(data);
  if (spec.name != "csv") return options;
  for (const auto& [key, value] : spec.options)
    for (const auto& [name, field] :
         {std::pair{"target", &options.target}, std::pair{"header", &options.header},
          std::pair{"separator", &options.separator}})
      if (key == name) *field = value;
  return options;
}

nlohmann::ordered_json prediction_json(const Prediction& p, const PredictionKind& kind, int64 top) {
  nlohmann::ordered_json json = {{"file", p.file}};
  if (p.row) json["row"] = *p.row;
  if (kind.of_classes()) {
    json["classes"] = nlohmann::ordered_json::array();
    for (const int64 k : kind.likely(p, top))
      json["classes"].push_back(
          {{"class", k}, {"name", kind.name(k)}, {"probability", p.values[static_cast<size_t>(k)]}});
  } else if (kind.task == Task::kAutoencoder) {
    json["error"] = p.error;
  } else {
    json["values"] = p.values;
  }
  return json;
}

// A token as it can be shown: line breaks and the like by their escapes.
std::string shown_name(const std::string& name) {
  std::string out;
  for (const char c : name)
    out += c == '\n' ? "\\n" : c == '\t' ? "\\t" : c == '\r' ? "\\r" : std::string(1, c);
  return out == " " ? "' '" : out;
}

std::vector<std::string> prediction_row(const Prediction& p, const PredictionKind& kind, int64 top) {
  std::vector<std::string> row = {p.row ? fmt::format("{}:{}", p.file, *p.row) : p.file};
  if (kind.of_classes())
    for (const int64 k : kind.likely(p, top))
      row.push_back(
          fmt::format("{} {:.1f} %", shown_name(kind.name(k)), 100 * p.values[static_cast<size_t>(k)]));
  else if (kind.task == Task::kAutoencoder)
    row.push_back(fmt::format("error {}", brief(p.error)));
  else
    for (const double v : p.values) row.push_back(fmt::format("{:.6g}", v));
  return row;
}

int predict(std::vector<std::string> words, const PredictOptions& options) {
  const std::string run = take_run(words, options);
  if (!options.out.empty()) check_predictions_path(options.out);
  const InterruptScope signals;
  const Weights weights = find_weights(run, options, options.weights);
  const DatasetInfo info = info_of(weights);
  const auto model = load_model(weights, info);
  if (model->task() == Task::kDenoising)
    fail<UsageError>("predict is not for {} models such as {}", task_name(model->task()), model->spec());
  const PredictionKind kind{model->task(), info};
  std::vector<ImageView> views;
  if (!options.views.empty()) {
    views = parse_views(options.views);
    check_views(*model, info, "--views");
  }
  std::vector<std::string> missing;
  const std::vector<InputFile> files = input_files(words, info.kind, missing);
  std::unique_ptr<PredictionWriter> writer;
  if (!options.out.empty()) writer = PredictionWriter::open(options.out, kind);

  nlohmann::ordered_json json = {{"model", model->spec()}, {"weights", weights.file}};
  auto shown = nlohmann::ordered_json::array(), errors = nlohmann::ordered_json::array();
  std::vector<std::vector<std::string>> rows;
  int64 count = 0;
  int code = kOk;
  Progress progress(options.quiet);
  // What cannot be read does not keep the rest from being predicted; the exit code is that of the first error.
  const auto failed = [&](const std::string& file, const std::string& what, int with) {
    if (code == kOk) code = with;
    progress.clear();
    note("gradus: " + what + "\n");
    errors.push_back({{"file", file}, {"error", what}});
  };
  for (const std::string& what : missing) failed(what.substr(0, what.find(": ")), what, kBadData);
  PredictRun how{.batch_size = options.batch_size, .views = views, .stop = interrupted};
  how.noted = [&](const std::string& what) {
    progress.clear();
    note("gradus: " + what + "\n");
  };
  how.each = [&](const Prediction& p) {
    ++count;
    if (writer)
      writer->add(p);
    else if (options.json)
      shown.push_back(prediction_json(p, kind, options.top));
    else
      rows.push_back(prediction_row(p, kind, options.top));
  };
  how.failed = [&](const std::string& file, const std::string& what, bool numeric) {
    failed(file, what, numeric ? kNotShown : kBadData);
  };
  const auto all = static_cast<int64>(files.size());
  how.progress = [&](int64 done) {
    const std::string text = fmt::format("{} of {} files", done, all);
    progress.show("predict ", " " + text,
                  static_cast<double>(done) / static_cast<double>(std::max<int64>(all, 1)), text);
  };
  const int64 done = predict_files(*model, files, {info, table_options(weights.data), options.invert}, how);
  progress.clear();
  const bool ended = done == all;
  if (writer && count > 0) writer->commit();
  if (options.json) {
    json["predicted"] = count;
    if (writer)
      json["out"] = count > 0 ? nlohmann::ordered_json(options.out) : nlohmann::ordered_json();
    else
      json["predictions"] = std::move(shown);
    json["errors"] = std::move(errors);
    if (!ended) json["interrupted"] = true;
    print_json(json);
  } else if (writer) {
    print(count > 0 ? fmt::format("{}: {} predictions{}\n", options.out, count,
                                  errors.empty() ? "" : fmt::format(", {} errors", errors.size()))
                    : fmt::format("nothing was predicted: {} is not written\n", options.out));
  } else if (!rows.empty()) {
    print(columns(rows));
  }
  if (!ended) {
    note(fmt::format("gradus: interrupted after {} of {} files{}\n", done, all,
                     writer && count > 0 ? "; their predictions are in " + options.out : std::string()));
    return kInterrupted;
  }
  return code;
}

}  // namespace

void add_predict(CLI::App& app, Action& action) {
  CLI::App* sub = app.add_subcommand("predict", "what weights say of images, tables, arrays and texts");
  auto given = std::make_shared<OptionList>();
  auto words = std::make_shared<std::vector<std::string>>();
  sub->add_option(
         "RUN_AND_PATHS", *words,
         "directory of a run (or a weights file; with --init no RUN), then files and folders, - for standard "
         "input")
      ->type_name("");
  sub->footer(
      "Images (PNG, JPEG, .npy of 8-bit numbers) are resized, grey or colour as the weights want them; of "
      "tables (.csv)\n"
      "and arrays (.npy) every row is predicted, columns by their names; of a text (.txt) the next "
      "character. A folder\n"
      "stands for all files below it. What cannot be read is named and passed over: exit code 3 at the end.");
  add_flags<PredictOptions>(*sub, given);
  sub->callback([=, &action] {
    action = [=] {
      PredictOptions options;
      assign(options, *given);
      return predict(*words, options);
    };
  });
}

}  // namespace gradus
