// Tables of words and missing values from the command line: train, predict, eval, report, export.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/train/checkpoint.h"
#include "core/error.h"
#include "tests/apps/export/onnx_reader.h"
#include "tests/apps/in_process.h"

using namespace gradus;
using namespace gradus::tests;

namespace gradus::table_command_tests {

// Rent by size and district; the district is worth 300, 0 or -200, and every tenth size is missing.
std::string rents(int rows) {
  std::string csv = "size,district,note,rent\n";
  const char* const names[] = {"centre", "north", "south"};
  const double worth[] = {300, 0, -200};
  for (int i = 0; i < rows; ++i) {
    const double size = 20 + (i * 37 % 80);
    csv += fmt::format("{},{},n{},{}\n", i % 10 == 9 ? "" : fmt::format("{}", size), names[i % 3], i,
                       500.5 + 10 * (i % 10 == 9 ? 60 : size) + worth[i % 3]);
  }
  return csv;
}

nlohmann::json json_of(const std::vector<std::string>& line) { return nlohmann::json::parse(run(line).text); }

TEST_CASE(
    "tables: a regression on words and missing values learns, is predicted in its own units and scored in "
    "them") {
  const TempDir dir;
  const std::string file = dir.write("rents.csv", rents(300));
  const std::string data = "csv:drop=note,missing=mean,path=" + file;
  const std::string path = trained(dir, "run",
                                   {"--data", data, "--model", "mlp:hidden=16", "--optim", "adam:lr=1e-2",
                                    "--epochs", "60", "--batch-size", "16"});
  const WeightsOrigin origin = read_origin(path + "/model.safetensors");
  CHECK(origin.data->example == Shape{5});  // size, size missing, three districts
  CHECK(origin.data->table.columns[1].categories == std::vector<std::string>{"centre", "north", "south"});
  const double deviation = origin.data->target_std.at(0);
  CHECK(deviation > 200);

  const auto eval = json_of({"eval", path, "--json"});
  const double rmse = eval.at("test_rmse").get<double>();
  CHECK(rmse == doctest::Approx(deviation * std::sqrt(eval.at("test_loss").get<double>())));
  CHECK(rmse < 60);
  CHECK(eval.at("test_r2").get<double>() > 0.95);

  // Outputs are written in the units of the rents too, which are 500 to 1800.
  REQUIRE(run({"eval", path, "--quiet", "--logits", dir / "said.csv"}).code == kOk);
  std::istringstream lines(dir.read("said.csv"));
  std::string line;
  std::getline(lines, line);
  CHECK(line == "logit_0");
  int64 count = 0;
  for (; std::getline(lines, line); ++count) CHECK(std::abs(std::stod(line) - 1150) < 900);
  CHECK(count == eval.at("examples").get<int64>());

  // The columns in another order, one more that was left out, no target; an unknown district is none.
  dir.write("new.csv", "note,district,size\nx,centre,50\ny,south,50\nz,mars,50\n");
  const auto said = json_of({"predict", path, dir / "new.csv", "--json", "--quiet"}).at("predictions");
  const auto value = [&](size_t i) { return said.at(i).at("values").at(0).get<double>(); };
  CHECK(value(0) == doctest::Approx(1300.5).epsilon(0.1));
  CHECK(value(1) == doctest::Approx(800.5).epsilon(0.1));
  CHECK(value(0) - value(1) == doctest::Approx(500).epsilon(0.15));
  CHECK(std::isfinite(value(2)));

  // The same rows with their target, scored: the error is in the target's units.
  dir.write("true.csv",
            fmt::format("district,size,rent\ncentre,50,{}\nsouth,50,{}\n", value(0) + 30, value(1) - 10));
  const auto scored = json_of({"eval", path, "--data", "csv:path=" + dir / "true.csv", "--json"});
  CHECK(scored.at("test_mae").get<double>() == doctest::Approx(20).epsilon(1e-3));
  CHECK(scored.at("test_mse").get<double>() == doctest::Approx(500).epsilon(1e-3));
  CHECK(scored.at("examples") == 2);

  // A graph with preprocessing takes the numbers (size, size missing, centre, north, south) and answers in units of the rent.
  CHECK(run({"export", path, dir / "r.onnx", "--preprocess"}).code == kOk);
  const OnnxArray row{{1, 5}, {50, 0, 1, 0, 0}},
      rent = run_onnx(read_onnx(dir.read("r.onnx")), {{"input", row}});
  CHECK(rent.data.at(0) == doctest::Approx(value(0)).epsilon(1e-5));

  // What was fitted goes on with the weights, to the bit.
  CHECK(json_of({"eval", "--init", path + "/model.safetensors", "--data", data, "--json"}).at("test_loss") ==
        eval.at("test_loss"));
  CHECK(run({"train", "--quiet", "--resume", path, "--epochs", "61"}).code == kOk);
}

TEST_CASE("tables: what cannot be said in numbers is an error before anything is trained") {
  const TempDir dir;
  const std::string file = dir.write("rents.csv", rents(60));
  const auto refused = [&](const std::string& options, const std::string& message) {
    CHECK_THROWS_WITH_AS(
        run({"train", "--quiet", "--data", "csv:" + options + "path=" + file, "--out", dir / "r"}),
        doctest::Contains(message.c_str()), DataError);
  };
  refused("", "(size): expected a number, found '' (missing=mean");
  refused("missing=mean,", "'note' holds 48 different words");
  const std::string shown = run({"data", "show", "csv:missing=mean,drop=note,path=" + file}).text;
  CHECK(shown.find("'district' is taken for 3 categories, a number each: centre, north, south") !=
        std::string::npos);
}

}  // namespace gradus::table_command_tests
