// `train --task diffusion`, `sample` and `eval --fid` on images: exact resuming, what a draw depends on, pictures, refusals.
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/diffusion/image_samples.h"
#include "apps/diffusion/image_scores.h"
#include "apps/report/page.h"
#include "core/error.h"
#include "core/image.h"
#include "data/registry.h"
#include "tests/apps/in_process.h"
#include "tests/precision.h"

using namespace gradus;
using namespace gradus::tests;

namespace gradus::diffusion_app_tests {

using Line = std::vector<std::string>;

const Line kTiny = {"--task",       "diffusion",
                    "--data",       "digits:train=96,test=32",
                    "--model",      "unet:channels=4,mults=1-2,heads=2",
                    "--batch-size", "8",
                    "--schedule",   "constant",
                    "--threads",    "1"};

Line with(const Line& first, const Line& more) {
  Line all = first;
  all.insert(all.end(), more.begin(), more.end());
  return all;
}
std::string tiny_run(const TempDir& dir, const std::string& name, const Line& more) {
  return trained(dir, name, with(kTiny, more));
}
bool says(const Line& line, const Line& parts) {
  try {
    run(line);
  } catch (const Error& e) {
    const std::string what = e.what();
    for (const std::string& part : parts)
      if (what.find(part) == std::string::npos) {
        MESSAGE(what);
        return false;
      }
    return true;
  }
  return false;
}
nlohmann::json json_of(Line line) {
  line.emplace_back("--json");
  return nlohmann::json::parse(run(line).text);
}

TEST_CASE("diffusion: a resumed run is the uninterrupted one bit for bit; settings come back") {
  const TempDir dir;
  const std::string whole = tiny_run(dir, "whole", {"--steps", "6"}),
                    part = tiny_run(dir, "part", {"--steps", "4"});
  CHECK(dir.read("whole/model.safetensors") != dir.read("part/model.safetensors"));
  CHECK(run({"train", "--quiet", "--resume", part, "--steps", "6"}).code == kOk);
  CHECK(dir.read("whole/model.safetensors") == dir.read("part/model.safetensors"));
  const nlohmann::json settings = nlohmann::json::parse(dir.read("part/config.json"));
  CHECK(settings["command"] == "train-diffusion");
  CHECK(settings["task"] == "diffusion");
  CHECK(settings["steps"] == 6);
  CHECK(says({"train", "--resume", part, "--batch-size", "4"}, {"--batch-size", "--resume"}));
  CHECK(says({"train", "--resume", part, "--task", "diffusion"}, {"--task"}));
  CHECK(says({"train", "--resume", part, "--steps", "2"}, {"step 6", "beyond the 2"}));
  const Output again = run({"train", "--config", dir / "part/config.json", "--print-config"});
  CHECK(nlohmann::json::parse(again.text)["batch_size"] == 8);
}

TEST_CASE("diffusion: what a run says, and what it refuses before anything is made") {
  const TempDir dir;
  const nlohmann::json result = json_of(with({"train", "--quiet", "--out", dir / "run"},
                                             with(kTiny, {"--steps", "2", "--validation", "0.25"})));
  CHECK(result["steps"] == 2);
  CHECK(result["images"] == 72);
  CHECK(result["held_out_images"] == 24);
  CHECK(result["validation_loss"].get<double>() > 0);
  CHECK(result["optim"].get<std::string>().starts_with("ema(clip-norm(adam:"));
  // `more` takes the place of what kTiny says.
  const auto refused = [&](const Line& more, const Line& parts) {
    Line line = {"train", "--quiet", "--out", dir / "no"};
    for (size_t i = 0; i < kTiny.size(); i += 2)
      if (kTiny[i] != more[0]) line.insert(line.end(), {kTiny[i], kTiny[i + 1]});
    return says(with(line, more), parts) && !std::filesystem::exists(dir / "no");
  };
  CHECK(refused({"--model", "mlp"}, {"--model", "classification", "unet"}));
  CHECK(refused({"--task", "difusion"}, {"'diffusion'"}));
  CHECK(refused({"--task", "diffusion:predicton=v"}, {"prediction"}));
  CHECK(refused({"--task", "diffusion:class_dropout=2"}, {"class_dropout"}));
  CHECK(refused({"--data", "tinyshakespear"}, {"tinyshakespeare"}));
  CHECK(refused({"--augment", "flip"}, {"--augment"}));
  CHECK(refused({"--optim", "sgd:lr=1e30", "--steps", "9"}, {kDouble ? "not finite" : "the loss is inf"}));
}

TEST_CASE("diffusion: an image depends on the seed and its number, not on how many there are") {
  const TempDir dir;
  const std::string path = tiny_run(dir, "run", {"--steps", "3"});
  const auto drawn = [&](const std::string& name, const Line& more) {
    return json_of(with({"sample", path, "--quiet", "--threads", "1", "--out", dir / name}, more));
  };
  const nlohmann::json six = drawn("six.png", {"--count", "6", "--sampler", "ddim:steps=3", "--guidance",
                                               "cfg:scale=2", "--images", dir / "six"});
  CHECK(six["evaluations_per_image"] == 6);
  drawn("two.png",
        {"--count", "2", "--sampler", "ddim:steps=3", "--guidance", "cfg:scale=2", "--images", dir / "two"});
  CHECK(dir.read("six/1-0001.png") == dir.read("two/1-0001.png"));
  CHECK(std::filesystem::exists(dir / "six/5-0005.png"));
  drawn("other.png", {"--count", "2", "--sampler", "ddim:steps=3", "--guidance", "cfg:scale=2", "--images",
                      dir / "other", "--seed", "1"});
  CHECK(dir.read("other/1-0001.png") != dir.read("two/1-0001.png"));

  // Pictures: a pixel around each image; classes in turn stand in columns of their own.
  const Image grid = read_image(dir / "six.png", 1);
  CHECK(grid.width == 10 * 29 + 1);
  CHECK(grid.height == 29 + 1);
  const nlohmann::json strip =
      drawn("three.png", {"--class", "3", "--count", "9", "--sampler", "ddim:steps=3", "--guidance", "none",
                          "--strip", dir / "strip.png"});
  CHECK(strip["evaluations_per_image"] == 3);
  CHECK(read_image(dir / "three.png", 1).width == 3 * 29 + 1);
  CHECK(read_image(dir / "strip.png", 1).width == 3 * 29 + 1);
  CHECK(read_image(dir / "strip.png", 1).height == 8 * 29 + 1);
  // Without a class guidance has nothing to add, and is not paid for.
  CHECK(drawn("none.png", {"--class", "none", "--count", "2", "--sampler",
                           "ddim:steps=3"})["evaluations_per_image"] == 3);
  // A rehearsal of its own, then 2*1 + 1 (regressed) evaluations and one of the class alone.
  CHECK(drawn("linear.png", {"--count", "2", "--sampler", "ddim:steps=4", "--guidance",
                             "linear:scale=2,fit=8,linear_until=2,cond_from=3"})["evaluations_per_image"] ==
        6);
  CHECK(drawn("skip.png", {"--count", "2", "--sampler", "ddim:steps=8", "--guidance", "none", "--skip",
                           "uniform:interval=4"})["evaluations_per_image"] == 5);
}

TEST_CASE("diffusion: refusals of sample and eval") {
  const TempDir dir;
  const std::string path = tiny_run(dir, "run", {"--steps", "1"});
  const auto refused = [&](const Line& more, const Line& parts) {
    return says(with({"sample", path, "--quiet"}, more), parts);
  };
  CHECK(refused({"--class", "12"}, {"--class"}));
  CHECK(refused({"--prompt", "a"}, {"--prompt", "text"}));
  CHECK(refused({"--sampler", "dim"}, {"--sampler", "'ddim'"}));
  CHECK(refused({"--guidance", "apg:scal=2"}, {"--guidance", "scale"}));
  CHECK(refused({"--skip", "third"}, {"--skip", "third-order"}));
  CHECK(refused({"--out", dir / "a.jpg"}, {"--out", ".png"}));
  CHECK(says({"sample", path + "/model.safetensors"}, {"folder of the run"}));
  CHECK(says({"eval", path}, {"--fid"}));
  CHECK(says({"eval", path, "--fid", "--classifier", dir / "none.safetensors"}, {"--classifier"}));
  const std::string plain = trained(dir, "plain", {"--data", "digits:train=32,test=16", "--steps", "1"});
  CHECK(says({"sample", plain}, {"denoisers"}));
  CHECK(says({"sample", plain, "--class", "3"}, {"denoisers"}));
  CHECK(says({"eval", plain, "--fid"}, {"--fid"}));
  CHECK(says({"train", "--data", "digits", "--model", "unet"}, {"--task diffusion"}));
}

TEST_CASE("diffusion: eval --fid trains its classifier once, and real images are nearer than noise") {
  const TempDir dir;
  const std::string path = tiny_run(dir, "run", {"--steps", "1"});
  const Line line = {"eval",         path,         "--fid", "--count",   "24", "--sampler",
                     "ddim:steps=2", "--guidance", "none",  "--threads", "1"};
  const nlohmann::json first = json_of(line);
  const std::string classifier = dir.read("run/classifier.safetensors");
  CHECK(json_of(line) == first);
  CHECK(dir.read("run/classifier.safetensors") == classifier);
  CHECK(first["frechet_distance"].get<double>() > first["frechet_distance_of_training_images"].get<double>());
  CHECK(first["class_agreement"].get<double>() <= 1);
  // Test images themselves: no distance, their own classes.
  const Data data = open_data("digits:train=96,test=32");
  const FeatureClassifier judge(dir / "run/classifier.safetensors", data, "digits", "",
                                [](const std::string&) {});
  std::vector<int64> rows, classes;
  for (int64 i = 0; i < 32; ++i) rows.push_back(i), classes.push_back(data.test->label(i));
  const ImageScores s = judge.score(signed_pixels(*data.test, rows), classes, data, 32);
  CHECK(s.frechet == doctest::Approx(0).epsilon(1e-3));
  CHECK(s.agreement == doctest::Approx(s.classifier_accuracy));
}

TEST_CASE("diffusion: a report has the curve, the images that sample draws, and the settings") {
  const TempDir dir;
  const std::string path = tiny_run(dir, "run", {"--steps", "3", "--eval-every", "1"});
  CHECK(run({"sample", path, "--quiet", "--threads", "1"}).code == kOk);
  const nlohmann::json said = json_of({"report", path, "--threads", "1"});
  CHECK(said["finished"] == true);
  CHECK(said["missing"].empty());
  const std::string page = dir.read("run/report.html");
  CHECK(page.find(base64(dir.read("run/samples.png"))) != std::string::npos);
  for (const char* part : {"held out", "mean squared error", "ddim:steps=25", "50 evaluations",
                           "unet:channels=4,mults=1-2,heads=2"})
    CHECK_MESSAGE(page.find(part) != std::string::npos, part);
  CHECK(run({"report", path, "--no-scores"}).code == kOk);
  CHECK(dir.read("run/report.html").find("data:image") == std::string::npos);
  // Without weights the rest is there, and the page says what is missing.
  std::filesystem::remove(dir / "run/model.safetensors");
  CHECK(json_of({"report", path})["missing"].size() == 1);
  CHECK(dir.read("run/report.html").find("no images") != std::string::npos);
}

TEST_CASE("diffusion: tables of samplers, guidances and skips") {
  CHECK(run({"model", "samplers"}).text.find("ddpm") != std::string::npos);
  const std::string apg = run({"model", "guidances", "apg"}).text;
  for (const char* part : {"norm_threshold", "momentum", "-0.5", "nn/diffusion/apg.h"})
    CHECK(apg.find(part) != std::string::npos);
  CHECK(json_of({"model", "skips"})["entries"].size() == 3);
  CHECK(says({"model", "guidances", "apgg"}, {"'apg'"}));
}

TEST_CASE("diffusion: pixels, classes and grids by hand") {
  const Tensor x = Tensor::from({2, 1, 1, 2}, {-1, 1, 0, real(3)});
  CHECK(image_of(x, 0).pixels == std::vector<std::uint8_t>{0, 255});
  CHECK(image_of(x, 1).pixels == std::vector<std::uint8_t>{128, 255});
  const Image grid = image_grid(x, 2);
  CHECK(grid.width == 7);
  CHECK(grid.height == 3);
  CHECK(std::vector<std::uint8_t>(grid.pixels.begin() + 7, grid.pixels.begin() + 14) ==
        std::vector<std::uint8_t>{96, 0, 255, 96, 128, 255, 96});
  DatasetInfo info;
  info.classes = 2;
  info.class_names = {"cat", "dog"};
  CHECK(class_of("dog", info) == 1);
  CHECK(class_of("0", info) == 0);
  CHECK(class_of("none", info) == -1);
  CHECK_THROWS_WITH_AS(class_of("dg", info), doctest::Contains("'dog'"), UsageError);
  CHECK_THROWS_AS(class_of("2", info), UsageError);
}

}  // namespace gradus::diffusion_app_tests
