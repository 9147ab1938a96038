// `gradus train --data field`: PSNR in the result, the image in the run, a cut run that goes on to the same bytes.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/report/page.h"
#include "apps/train/field_image.h"
#include "apps/train/trainer.h"
#include "core/error.h"
#include "core/safetensors.h"
#include "tests/apps/in_process.h"

using namespace gradus;
using namespace gradus::tests;

namespace gradus::field_train_tests {

// A smooth grey image.
std::string image_in(const TempDir& dir) {
  Image image{1, 12, 10, std::vector<std::uint8_t>(120)};
  for (size_t i = 0; i < 120; ++i)
    image.pixels[i] = static_cast<std::uint8_t>(127 + 100 * std::sin(0.5 * double(i / 10)) *
                                                          std::cos(0.7 * double(i % 10)));
  write_png(dir / "image.png", image);
  return dir / "image.png";
}

}  // namespace gradus::field_train_tests
using namespace gradus::field_train_tests;

TEST_CASE("train --data field: PSNR, the image as it was learnt, eval of the run") {
  const TempDir dir;
  const std::string data = "field:path=" + image_in(dir);
  for (const char* model :
       {"siren:hidden=24,layers=2,omega_first=10", "sape:hidden=24,frequencies=8,sigma=1,iterations=60"}) {
    const std::string out = dir / std::string(model).substr(0, 4);
    const Output o =
        run({"train", "--quiet", "--json", "--data", data, "--model", model, "--optim", "adam:lr=5e-3",
             "--batch-size", "40", "--steps", "60", "--validation", "0", "--out", out});
    REQUIRE(o.code == kOk);
    const auto json = nlohmann::json::parse(o.text);
    const double psnr = json.at("test_psnr"), mse = json.at("test_mse");
    CHECK(psnr == doctest::Approx(-10 * std::log10(mse)).epsilon(1e-4));
    CHECK(psnr > 14);
    const Image before = read_image(dir / "image.png"), after = read_image(out + "/reconstruction.png");
    REQUIRE(after.pixels.size() == before.pixels.size());
    CHECK(after.height == 12);
    double squares = 0;
    for (size_t i = 0; i < 120; ++i)
      squares += std::pow((double(before.pixels[i]) - double(after.pixels[i])) / 255, 2) / 120;
    CHECK(-10 * std::log10(squares) == doctest::Approx(psnr).epsilon(0.05));
    const auto again = nlohmann::json::parse(run({"eval", out, "--json", "--quiet"}).text);
    CHECK(static_cast<double>(again.at("test_psnr")) == doctest::Approx(psnr).epsilon(1e-6));
    // The report shows that image.
    CHECK(run({"report", out, "--no-scores"}).code == kOk);
    const std::string name = std::filesystem::path(out).filename().string();
    CHECK(dir.read(name + "/report.html").find(base64(dir.read(name + "/reconstruction.png"))) !=
          std::string::npos);
  }
}

TEST_CASE("train --data field: a sape run that is cut goes on bit for bit, the mask too") {
  const TempDir dir;
  TrainConfig config;
  config.data = "field:path=" + image_in(dir);
  config.model = "sape:hidden=8,frequencies=4,sigma=1,res=4,iterations=20";
  config.optim = "adam:lr=5e-3";
  config.batch_size = 50;
  config.steps = 17;
  config.validation = 0;
  const auto files = [&](const char* name, std::vector<int> cuts) {
    const RunDirectory run = RunDirectory::create(dir / name, name, config);
    for (int left : cuts) {
      Trainer stage(config);
      CHECK_FALSE(stage.train(run, true, [&] { return left-- <= 0; }));
    }
    Trainer last(run.config());
    CHECK(last.train(run, true, [] { return false; }));
    return dir.read(std::string(name) + "/model.safetensors") +
           dir.read(std::string(name) + "/reconstruction.png");
  };
  const std::string whole = files("whole", {});
  CHECK(files("cut", {4}) == whole);
  CHECK(files("often", {2, 3, 1}) == whole);
  CHECK(read_safetensors(dir / "whole/model.safetensors").find("mask") != nullptr);
}
