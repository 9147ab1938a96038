// The range test of step sizes: what a curve suggests, and that its steps are those of training.
#include "apps/train/lr_range.h"

#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/train/trainer.h"
#include "core/error.h"
#include "tests/apps/in_process.h"

using namespace gradus;
using namespace gradus::tests;

TEST_CASE(
    "lr range: suggested is the steepest fall of the smoothed loss over log(lr), before its least value") {
  LrCurve curve;
  // Flat at 2 up to lr 1e-3, then down by a half a decade, steepest around 1e-2 (one whole), least at 0.1, then up.
  const auto loss = [](double decade) {
    if (decade < -3) return 2.0;
    if (decade < -2.5) return 2 - 0.25 * (decade + 3) / 0.5;
    if (decade < -1.5) return 1.75 - 1.0 * (decade + 2.5);
    if (decade < -1) return 0.75 - 0.1 * (decade + 1.5) / 0.5;
    return 0.65 + 3 * (decade + 1);
  };
  for (int i = 0; i <= 60; ++i) {
    const double decade = -6 + i * 0.1;
    curve.points.push_back({std::pow(10, decade), loss(decade), loss(decade)});
  }
  read_curve(curve);
  REQUIRE(curve.suggestion);
  CHECK(*curve.suggestion > std::pow(10, -2.5));
  CHECK(*curve.suggestion < std::pow(10, -1.5));
  CHECK(*curve.least == doctest::Approx(0.1));
  LrCurve rising;
  for (int i = 0; i < 20; ++i) rising.points.push_back({std::pow(10.0, i), 1.0 + i, 1.0 + i});
  read_curve(rising);
  CHECK_FALSE(rising.suggestion);
}

TEST_CASE(
    "lr range: step sizes grow geometrically from end to end; the first loss is that of the start; "
    "divergence ends it") {
  TrainConfig config;
  config.data = "digits:train=128,test=32";
  config.model = "mlp:hidden=16";
  config.optim = "sgd:lr=0.5";
  config.batch_size = 32;
  config.validation = 0;
  Trainer trainer(config);
  const LrCurve curve = lr_range_test(trainer, 1e-4, 1, 9, nullptr);
  REQUIRE(curve.points.size() == 9);
  for (size_t i = 0; i < 9; ++i)
    CHECK(curve.points[i].lr == doctest::Approx(std::pow(10, -4 + 0.5 * static_cast<double>(i))));
  CHECK(curve.points[0].smoothed == doctest::Approx(curve.points[0].loss));
  CHECK(curve.points[1].smoothed ==
        doctest::Approx((0.09 * curve.points[0].loss + 0.1 * curve.points[1].loss) / 0.19));
  // The first step of a run with that rate sees the same loss.
  Trainer other(config);
  other.begin();
  CHECK(other.step_at(1e-4 / 0.5) == doctest::Approx(curve.points[0].loss));
  CHECK(other.step_at(std::pow(10, -3.5) / 0.5) == doctest::Approx(curve.points[1].loss));

  Trainer wild(config);
  const LrCurve far = lr_range_test(wild, 1e-3, 1e9, 60, nullptr);
  REQUIRE(far.diverged);
  CHECK(*far.diverged < 1e9);
  CHECK(far.points.size() < 60);
  Trainer stopped(config);
  int left = 3;
  const LrCurve part = lr_range_test(stopped, 1e-3, 1, 60, [&] { return left-- <= 0; });
  CHECK(part.stopped);
  CHECK(part.points.size() == 3);
  CHECK_THROWS_AS(lr_range_test(stopped, 1, 1, 10, nullptr), UsageError);
}

TEST_CASE("lr-find: a curve as SVG, a suggestion that can be pasted; nothing else is written") {
  const TempDir dir;
  const std::vector<std::string> line = {"lr-find",
                                         "--data",
                                         "digits:train=256,test=32",
                                         "--model",
                                         "mlp:hidden=16",
                                         "--optim",
                                         "ema(adam:lr=1e-3,beta1=0.8):decay=0.9",
                                         "--quiet",
                                         "--out",
                                         dir / "curve.svg"};
  std::vector<std::string> json_line = line;
  json_line.push_back("--json");
  const auto json = nlohmann::json::parse(run(json_line).text);
  CHECK(json.at("curve").size() == json.at("steps"));
  CHECK(json.at("curve").at(0).at("lr").get<double>() == doctest::Approx(1e-7));
  const double suggestion = json.at("suggestion");
  CHECK(suggestion > 1e-6);
  CHECK(suggestion < 1);
  CHECK(json.at("optim") == fmt::format("ema(adam:lr={:.2g},beta1=0.8):decay=0.9", suggestion));
  CHECK(dir.read("curve.svg").starts_with("<svg"));
  const std::string text = run(line).text;
  CHECK(text.find("suggested lr") != std::string::npos);
  CHECK(text.find("--optim 'ema(adam:lr=") != std::string::npos);
  CHECK_THROWS_WITH_AS(run({"lr-find", "--from", "1", "--to", "0.1"}), doctest::Contains("from < to"),
                       UsageError);
  CHECK_THROWS_WITH_AS(run({"lr-find", "--form", "1"}), doctest::Contains("--from"), UsageError);
}
