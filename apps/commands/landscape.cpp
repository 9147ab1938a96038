// gradus landscape: what the loss looks like around trained weights.
#include <algorithm>
#include <cmath>
#include <filesystem>

#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/commands/weights_flags.h"
#include "apps/landscape/measure.h"
#include "apps/report/heat_map.h"
#include "apps/train/interrupt.h"
#include "apps/train/progress.h"
#include "autograd/functional/flat.h"
#include "autograd/functional/lanczos.h"
#include "core/atomic_file.h"
#include "core/json_file.h"
#include "core/md5.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

struct LandscapeCall : WeightsOptions {
  LandscapeOptions measured;
  std::string weights = "last", out;
  int64 limit = 256, batch_size = 256;
  bool test = false, fresh = false, json = false, quiet = false;

  void visit(auto&& f) {
    WeightsOptions::visit(f);
    f("weights", weights, kWeightsHelp, weights_choices());
    f("limit", limit, "measure on the first N examples; 0: on all", at_least(0));
    f("test", test, "on test examples instead of training examples");
    f("batch_size", batch_size, "examples a pass", at_least(1));
    measured.visit(f);
    f("out", out, "folder to write into; else 'landscape' in the run's directory, or beside the weights");
    f("fresh", fresh, "start over, whatever the folder holds");
    f("json", json, "print the result as one JSON object");
    f("quiet", quiet, "no progress on stderr");
  }
};

// Everything that decides the figures.
nlohmann::ordered_json identity_of(const LandscapeCall& call, const Weights& weights, const Surface& surface,
                                   const Model& model) {
  Md5 sum;
  for (const Tensor& w : surface.weights())
    sum.update(w.data(), static_cast<size_t>(w.numel()) * sizeof(real));
  nlohmann::ordered_json json = {{"data", weights.data},           {"model", model.spec()},
                                 {"weights_md5", sum.hex()},       {"part", call.test ? "test" : "train"},
                                 {"examples", surface.examples()}, {"batch_size", call.batch_size},
                                 {"precision", kRealName}};
  for (const auto& [key, value] : option_list(call.measured)) json[key] = value;
  return json;
}

// The record in `file` if it is of these settings; a new one if there is none.
nlohmann::ordered_json record_in(const std::string& file, const nlohmann::ordered_json& identity,
                                 bool fresh) {
  nlohmann::ordered_json record = {{"format", "gradus-landscape-1"}, {"settings", identity}};
  if (fresh || !fs::exists(file)) return record;
  const nlohmann::json found = read_json(file);
  if (!found.is_object() || found.value("format", "") != "gradus-landscape-1")
    fail<DataError>("{}: not a landscape; --fresh writes over it, --out names another folder", file);
  const nlohmann::json settings = found.value("settings", nlohmann::json::object()), asked = identity;
  for (const auto& [key, value] : asked.items())
    if (settings.value(key, nlohmann::json()) != value)
      fail<UsageError>(
          "{}: a landscape with {} {} instead of {}; --fresh writes over it, --out names another folder",
          file, key, settings.value(key, nlohmann::json()).dump(), value.dump());
  for (const char* part : {"loss", "eigenvalues", "trace", "density", "sharpness", "line", "plane"})
    if (found.contains(part)) record[part] = found.at(part);
  return record;
}

double number_or_nan(const nlohmann::ordered_json& v) { return v.is_null() ? std::nan("") : v.get<double>(); }

// Each eigenvalue's share of the spectrum, widened to a Gaussian.
Series density_of(const nlohmann::ordered_json& record) {
  SpectralDensity all;
  for (const auto& probe : record.at("density").at("probes"))
    for (size_t i = 0; i < probe.at("nodes").size(); ++i) {
      all.nodes.push_back(probe.at("nodes")[i].get<double>());
      all.weights.push_back(probe.at("weights")[i].get<double>() /
                            static_cast<double>(record.at("density").at("probes").size()));
    }
  const auto [low, high] = std::minmax_element(all.nodes.begin(), all.nodes.end());
  const double span = std::max(*high - *low, 1e-12), sigma = span / 100;
  Series series{.name = "density"};
  constexpr int kPoints = 400;
  for (int i = 0; i <= kPoints; ++i) {
    const double x = *low - 0.05 * span + 1.1 * span * i / kPoints;
    series.x.push_back(x), series.y.push_back(all.at(x, sigma));
  }
  return series;
}

// Writes what the record has, as tables and pictures; returns the names.
std::vector<std::string> write_pictures(const std::string& folder, const nlohmann::ordered_json& record,
                                        const LandscapeOptions& o) {
  std::vector<std::string> written;
  const auto write = [&](const std::string& name, const std::string& contents) {
    write_file(folder + "/" + name, contents);
    written.push_back(folder + "/" + name);
  };
  const auto curve = [&](const std::string& name, const char* head, const LinePlot& plot) {
    std::string csv = std::string(head) + "\n";
    const Series& s = plot.series[0];
    for (size_t i = 0; i < s.x.size(); ++i)
      csv += fmt::format("{},{}\n", s.x[i], std::isfinite(s.y[i]) ? fmt::format("{}", s.y[i]) : "");
    write(name + ".csv", csv);
    write(name + ".svg", svg(plot));
  };
  if (record.contains("density"))
    curve("density", "eigenvalue,density",
          {.title = "Density of the Hessian's eigenvalues",
           .x = {.label = "eigenvalue"},
           .y = {.label = "density", .log = true, .low = 1e-5},
           .series = {density_of(record)}});
  const std::vector<double> at = slice_positions(o);
  if (record.contains("line")) {
    Series line{.name = "loss", .x = at};
    for (const auto& v : record.at("line")) line.y.push_back(number_or_nan(v));
    curve("line", "position,loss",
          {.title = "Loss along a direction",
           .x = {.label = "position (" + o.directions + ")"},
           .y = {.label = "loss"},
           .series = {line}});
  }
  if (record.contains("plane")) {
    HeatMap map{.title = "Loss along two directions",
                .x_label = "first direction (" + o.directions + ")",
                .y_label = "second direction",
                .x = at,
                .y = at,
                .log = true};
    std::string csv = "first,second,loss\n";
    for (size_t r = 0; r < at.size(); ++r)
      for (size_t c = 0; c < at.size(); ++c) {
        const double v = number_or_nan(record.at("plane")[r][c]);
        map.values.push_back(v);
        csv += fmt::format("{},{},{}\n", at[c], at[r], std::isfinite(v) ? fmt::format("{}", v) : "");
      }
    write("plane.csv", csv);
    write("plane.svg", svg(map));
  }
  return written;
}

std::vector<std::vector<std::string>> landscape_rows(const nlohmann::ordered_json& record,
                                                     const LandscapeOptions& o,
                                                     const std::vector<std::string>& files) {
  const auto& settings = record.at("settings");
  std::vector<std::vector<std::string>> rows = {
      {"data", fmt::format("{} ({} {} examples)", settings.at("data").get<std::string>(),
                           settings.at("examples").get<int64>(), settings.at("part").get<std::string>())},
      {"model", settings.at("model").get<std::string>()},
      {"loss", brief(record.at("loss").get<double>())}};
  if (record.contains("eigenvalues")) {
    const auto& found = record.at("eigenvalues");
    for (size_t i = 0; i < found.at("values").size(); ++i)
      rows.push_back({fmt::format("eigenvalue {}", i + 1),
                      fmt::format("{:.6g} (within {:.1g})", found.at("values")[i].get<double>(),
                                  found.at("residuals")[i].get<double>())});
  }
  if (record.contains("trace"))
    rows.push_back({"trace", fmt::format("{:.5g} ± {:.2g}", record.at("trace").at("mean").get<double>(),
                                         record.at("trace").at("standard_error").get<double>())});
  if (record.contains("sharpness")) {
    const std::string where =
        fmt::format("{} radius {}{}", o.norm, o.rho, o.adaptive ? " of each weight" : "");
    rows.push_back({"sharpness", fmt::format("{:.5g} at worst, {:.5g} in the mean ({})",
                                             record.at("sharpness").at("worst").get<double>(),
                                             record.at("sharpness").at("average").get<double>(), where)});
  }
  for (const std::string& f : files) rows.push_back({f.ends_with(".svg") ? "picture" : "table", f});
  return rows;
}

int landscape(const std::string& run, const LandscapeCall& call) {
  const Weights weights = find_weights(run, call, call.weights);
  const Data data = open_scored_data(weights);
  if (!call.test && !data.train)
    fail<UsageError>("all {} examples of {} are its test set: measure with --test", data.test->size(),
                     weights.data);
  const auto model = load_model(weights, data.info());
  const InterruptScope signals;
  const Surface surface(*model, call.test ? data.test : data.train, call.limit, call.batch_size);
  const std::string folder =
      call.out.empty() ? (fs::path(weights.file).parent_path() / "landscape").string() : call.out;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail<DataError>("{}: cannot make the folder: {}", folder, error.message());
  const std::string file = folder + "/landscape.json";
  nlohmann::ordered_json record = record_in(file, identity_of(call, weights, surface, *model), call.fresh);

  Progress progress(call.quiet);
  const LandscapeHooks hooks{.stop = interrupted,
                             .progress =
                                 [&](const std::string& what, double share) {
                                   const std::string text = fmt::format("{}  {:.0f} %", what, 100 * share);
                                   progress.show("landscape ", " " + text, share, text);
                                 },
                             .save = [&] { write_json(file, record); }};
  try {
    measure_landscape(surface, call.measured, record, hooks);
  } catch (const LandscapeStopped&) {
    progress.clear();
    note(fmt::format("gradus: interrupted; what is finished is in {}, the same command goes on\n", folder));
    return kInterrupted;
  }
  progress.clear();
  const std::vector<std::string> files = write_pictures(folder, record, call.measured);
  if (call.json) {
    record["files"] = files;
    print_json(record);
  } else {
    print(columns(landscape_rows(record, call.measured, files)));
  }
  return kOk;
}

}  // namespace

void add_landscape(CLI::App& app, Action& action) {
  CLI::App* sub = app.add_subcommand(
      "landscape", "the loss around trained weights: eigenvalues, trace, sharpness, slices (SVG, CSV)");
  auto given = std::make_shared<OptionList>();
  auto run = std::make_shared<std::string>();
  sub->add_option("RUN", *run, "directory of a run, or a weights file");
  add_flags<LandscapeCall>(*sub, given);
  sub->footer(
      "Eigenvalues are those of the Hessian of the mean loss, by Lanczos; trace and density by random probes "
      "(Hutchinson;\n"
      "Ghorbani et al. 2019); slices along random directions scaled filter by filter (Li et al. 2018). What "
      "is "
      "done is kept in\n"
      "the folder: after an interruption the same command goes on.");
  sub->callback([=, &action] {
    action = [=] {
      LandscapeCall call;
      assign(call, *given);
      return landscape(*run, call);
    };
  });
}

}  // namespace gradus
