// Landscapes: directions by hand, eigenvalues against power iteration and the explicit Hessian, slices that pass through the
// weights, going on where a measurement was cut, and the command.
#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "apps/commands/weights_flags.h"
#include "apps/landscape/directions.h"
#include "apps/landscape/measure.h"
#include "apps/report/heat_map.h"
#include "autograd/functional/flat.h"
#include "autograd/functional/power_iteration.h"
#include "core/error.h"
#include "core/json_file.h"
#include "tests/apps/in_process.h"
#include "tests/apps/markup_check.h"

using namespace gradus;
using namespace gradus::tests;

namespace gradus::landscape_command_tests {

using Json = nlohmann::ordered_json;

// A small run on few digits.
std::string small_run(const TempDir& dir) {
  return trained(dir, "run",
                 {"--data", "digits:train=120,test=40", "--model", "mlp:hidden=6,act=tanh", "--epochs", "2",
                  "--validation", "0", "--batch-size", "20"});
}
std::vector<std::string> line_of(const std::string& run, const std::vector<std::string>& more) {
  std::vector<std::string> line = {"landscape",      run, "--quiet",  "--json", "--limit",         "60",
                                   "--probes",       "2", "--points", "3",      "--density-steps", "5",
                                   "--ascent-steps", "3"};
  line.insert(line.end(), more.begin(), more.end());
  return line;
}

TEST_CASE("landscape: filters of a direction are as long as those of the weights; vectors do not move") {
  const Tensors w = {Tensor::from({2, 2}, {3, 4, 0, 0}), Tensor::from({2}, {5, 6}),
                     Tensor::from({1, 1, 2}, {1, -1})};
  Rng rng(1);
  const Tensors d = filter_direction(w, rng);
  const auto length = [](const Tensor& t, int64 from, int64 to) {
    double sum = 0;
    for (int64 i = from; i < to; ++i) sum += double(t.data()[i]) * double(t.data()[i]);
    return std::sqrt(sum);
  };
  CHECK(length(d[0], 0, 2) == doctest::Approx(5).epsilon(1e-6));
  CHECK(length(d[0], 2, 4) == 0);
  CHECK(length(d[1], 0, 2) == 0);
  CHECK(length(d[2], 0, 2) == doctest::Approx(std::sqrt(2.0)).epsilon(1e-6));
  const Tensors r = random_direction(w, rng);
  CHECK(std::sqrt(inner(r, r)) == doctest::Approx(std::sqrt(inner(w, w))).epsilon(1e-6));
  const Tensors there = moved(w, 2, w, -1, r);
  CHECK(there[1].at({0}) == doctest::Approx(15 - double(r[1].at({0}))).epsilon(1e-6));
  CHECK(moved(w, 0.5, w, 7, {})[0].at({0, 1}) == doctest::Approx(6));
  CHECK(slice_positions({.points = 5, .range = 2}) == std::vector<double>{-2, -1, 0, 1, 2});
  CHECK(slice_positions({.points = 1}) == std::vector<double>{0});
}

TEST_CASE("landscape: the largest eigenvalue is that of power iteration; slices pass through the weights") {
  const TempDir dir;
  const std::string run_dir = small_run(dir);
  const Output output = run(line_of(run_dir, {"--tolerance", "1e-5"}));
  REQUIRE(output.code == kOk);
  const Json json = Json::parse(output.text);

  const Weights weights = find_weights(run_dir, {});
  const Data data = open_scored_data(weights);
  const auto model = load_model(weights, data.info());
  const Surface surface(*model, data.train, 60, 256);
  CHECK(surface.examples() == 60);
  const double loss = surface.loss(surface.weights());
  CHECK(json.at("loss").get<double>() == doctest::Approx(loss).epsilon(1e-6));
  const LinearOperator hessian = [&](std::span<const Tensor> v) { return surface.hessian_times(v); };
  Rng rng(9);
  const PowerIteration power = power_iteration(hessian, rademacher_like(surface.weights(), rng), 300);
  CHECK(json["eigenvalues"]["values"][0].get<double>() == doctest::Approx(power.eigenvalue).epsilon(1e-3));
  CHECK(json["eigenvalues"]["values"].size() == 3);
  // The product does not depend on how the examples are cut into batches.
  const Surface cut(*model, data.train, 60, 17);
  const Tensor whole = flatten_all(surface.hessian_times(power.vector)),
               parts = flatten_all(cut.hessian_times(power.vector));
  for (int64 i = 0; i < whole.numel(); i += 97)
    CHECK(std::abs(double(whole.data()[i]) - double(parts.data()[i])) < 1e-4 * power.eigenvalue);
  CHECK(cut.loss(cut.weights()) == doctest::Approx(loss).epsilon(1e-5));

  CHECK(json["line"].size() == 3);
  CHECK(json["line"][1].get<double>() == doctest::Approx(loss).epsilon(1e-6));
  for (int i = 0; i < 3; ++i)
    CHECK(json["plane"][1][i].get<double>() == doctest::Approx(json["line"][i].get<double>()).epsilon(1e-6));
  Rng first = Rng(0).fork("first direction"), second = Rng(0).fork("second direction");
  const Tensors corner = moved(surface.weights(), 1, filter_direction(surface.weights(), first), -1,
                               filter_direction(surface.weights(), second));
  CHECK(json["plane"][0][2].get<double>() == doctest::Approx(surface.loss(corner)).epsilon(1e-6));

  const Json& sharp = json["sharpness"];
  CHECK(sharp["worst"].get<double>() > 0);
  CHECK(sharp["worst"].get<double>() > sharp["average"].get<double>());
  double sum = 0;
  for (const Json& one : sharp["batches"]) sum += one["worst"].get<double>();
  CHECK(sharp["worst"].get<double>() == doctest::Approx(sum / static_cast<double>(sharp["batches"].size())));
  double mass = 0;
  for (const Json& probe : json["density"]["probes"])
    for (const Json& w : probe["weights"]) mass += w.get<double>() / 2;
  CHECK(mass == doctest::Approx(1).epsilon(1e-4));
  CHECK(json["trace"]["estimates"].size() == 2);

  CHECK(json["files"].size() == 6);
  for (const Json& f : json["files"]) {
    std::ifstream in(f.get<std::string>());
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    CHECK(!text.empty());
    if (f.get<std::string>().ends_with("plane.csv")) {
      CHECK(text.starts_with("first,second,loss\n-1,-1,"));
      CHECK(std::count(text.begin(), text.end(), '\n') == 10);
    }
  }
}

TEST_CASE("landscape: of a convolutional network the largest eigenvalue is that of power iteration too") {
  const TempDir dir;
  const std::string run_dir =
      trained(dir, "run",
              {"--data", "digits:train=60,test=20", "--model", "lenet:conv1=2,conv2=3,hidden=8", "--epochs",
               "2", "--validation", "0", "--batch-size", "20"});
  const Json json =
      Json::parse(run({"landscape", run_dir, "--quiet", "--json", "--limit", "30", "--eigenvalues", "1",
                       "--tolerance", "1e-4", "--probes", "0", "--rho", "0", "--points", "0"})
                      .text);
  const Weights weights = find_weights(run_dir, {});
  const Data data = open_scored_data(weights);
  const auto model = load_model(weights, data.info());
  const Surface surface(*model, data.train, 30, 256);
  Rng rng(4);
  const PowerIteration power =
      power_iteration([&](std::span<const Tensor> v) { return surface.hessian_times(v); },
                      rademacher_like(surface.weights(), rng), 200);
  CHECK(json["eigenvalues"]["values"][0].get<double>() == doctest::Approx(power.eigenvalue).epsilon(1e-3));
}

TEST_CASE("landscape: goes on where it was cut, with the same figures; other settings are refused") {
  const TempDir dir;
  const std::string run_dir = small_run(dir), file = run_dir + "/landscape/landscape.json";
  const Output whole = run(line_of(run_dir, {}));
  Json record = Json::parse(whole.text);
  nlohmann::json kept = read_json(file);
  kept["plane"].erase(1), kept["plane"].erase(1);
  kept["trace"]["estimates"].erase(1);
  kept.erase("density"), kept.erase("line");
  const double first = kept["plane"][0][0].get<double>();
  kept["plane"][0][0] = 7.25;  // what is there is not measured again
  write_json(file, kept);
  Json again = Json::parse(run(line_of(run_dir, {})).text);
  CHECK(again["plane"][0][0] == 7.25);
  again["plane"][0][0] = first;
  CHECK(nlohmann::json(again) == nlohmann::json(record));

  CHECK_THROWS_WITH_AS(run(line_of(run_dir, {"--seed", "1"})), doctest::Contains("--fresh"), UsageError);
  CHECK(read_json(file)["plane"][0][0] == 7.25);
  CHECK(run(line_of(run_dir, {"--seed", "1", "--fresh"})).code == kOk);
  CHECK(read_json(file)["plane"][0][0] != 7.25);
  std::ofstream(file) << "{}";
  CHECK_THROWS_AS(run(line_of(run_dir, {})), DataError);
}

TEST_CASE(
    "landscape: parts can be left out; a stopped measurement keeps what it has; what makes no sense is "
    "refused") {
  const TempDir dir;
  const std::string run_dir = small_run(dir);
  const Json json = Json::parse(run({"landscape", run_dir,  "--quiet",       "--json",
                                     "--limit",   "20",     "--eigenvalues", "0",
                                     "--probes",  "0",      "--rho",         "0",
                                     "--points",  "3",      "--no-plane",    "--directions",
                                     "random",    "--test", "--out",         dir / "elsewhere"})
                                    .text);
  CHECK(json.contains("line"));
  for (const char* part : {"eigenvalues", "trace", "density", "sharpness", "plane"})
    CHECK_FALSE(json.contains(part));
  CHECK(json["files"].size() == 2);

  const Weights weights = find_weights(run_dir, {});
  const Data data = open_scored_data(weights);
  const auto model = load_model(weights, data.info());
  const Surface surface(*model, data.train, 20, 20);
  Json record;
  int asked = 0, saved = 0;
  const LandscapeHooks hooks{.stop = [&] { return ++asked > 65; },
                             .progress = [](const std::string&, double) {},
                             .save = [&] { ++saved; }};
  CHECK_THROWS_AS(measure_landscape(surface, {.lanczos_steps = 60, .probes = 40}, record, hooks),
                  LandscapeStopped);
  CHECK(record.contains("eigenvalues"));
  CHECK(record["trace"]["estimates"].size() >= 5);
  CHECK(saved == 2 + static_cast<int>(record["trace"]["estimates"].size()));

  CHECK_THROWS_AS(run({"landscape", dir / "nothing"}), DataError);
  CHECK_THROWS_AS(run({"landscape"}), UsageError);
  CHECK_THROWS_WITH_AS(run({"landscape", run_dir, "--norm", "l3"}), doctest::Contains("--norm"), UsageError);
  CHECK_THROWS_WITH_AS(run({"landscape", run_dir, "--pionts", "3"}), doctest::Contains("--points"),
                       UsageError);
}

TEST_CASE("heat map: cells by level, blanks where nothing is finite, well-formed markup") {
  const HeatMap map{.title = "a < b",
                    .x_label = "x",
                    .y_label = "y",
                    .x = {0, 1},
                    .y = {0, 1},
                    .values = {1, 2, 2, std::nan("")}};
  const std::string text = svg(map);
  CHECK(markup_problem(text) == "");
  // Least and largest level, the latter in two rows.
  CHECK(text.find("From 1 to 2.") != std::string::npos);
  CHECK(text.find("fill-opacity=\"0.06\" d=\"M44 ") != std::string::npos);
  const size_t at = text.find("fill-opacity=\"0.96\" d=\"");
  REQUIRE(at != std::string::npos);
  const std::string path = text.substr(at, text.find("/>", at) - at);
  CHECK(std::count(path.begin(), path.end(), 'z') == 2);
  CHECK(svg(HeatMap{}).find("No data.") != std::string::npos);
  CHECK_THROWS_AS(svg(HeatMap{.x = {0}, .y = {0}}), ShapeError);
}

}  // namespace gradus::landscape_command_tests
