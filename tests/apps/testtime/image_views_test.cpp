// Looks at test images: which there are, their weights, the mean of outputs; `eval` and `predict` with --views, `eval --held-out`.
#include "apps/testtime/image_views.h"

#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/image.h"
#include "nn/registry.h"
#include "tests/apps/in_process.h"

using namespace gradus;
using namespace gradus::tests;

TEST_CASE("image_views: mirror, translate and both, whose weights sum to 1") {
  const auto both = parse_views("translate,mirror");
  REQUIRE(both.size() == 6);
  double total = 0, mirrored = 0;
  for (const ImageView& v : both) {
    total += v.weight, mirrored += v.mirrored * v.weight;
    CHECK(v.weight == (v.dy ? 0.125 : 0.25));
    CHECK(v.dy == v.dx);
  }
  CHECK(total == 1);
  CHECK(mirrored == 0.5);
  CHECK(parse_views("mirror").size() == 2);
  const auto moved = parse_views("translate");
  REQUIRE(moved.size() == 3);
  CHECK(moved[1].dy == -1);
  CHECK(moved[2].dx == 1);
  CHECK_THROWS_WITH_AS(parse_views("miror"), doctest::Contains("mirror"), UsageError);
  CHECK_THROWS_WITH_AS(parse_views("mirror,mirror"), doctest::Contains("twice"), UsageError);
  CHECK_THROWS_AS(parse_views("mirror,"), UsageError);
}

TEST_CASE("image_views: outputs are the weighted mean over the looks") {
  auto model = make_model("mlp:hidden=3", {1, 2, 3, 4}, Rng(3));
  model->set_training(false);
  const Tensor x = Rng(4).normal_tensor({2, 1, 2, 3});
  const auto at = [&](int64 i, int64 y, int64 column) { return x.data()[(i * 2 + y) * 3 + column]; };
  Tensor left = x.clone(), mirror = x.clone();
  for (int64 i = 0; i < 2; ++i)
    for (int64 y = 0; y < 2; ++y)
      for (int64 c = 0; c < 3; ++c) {
        mirror.mutable_data()[(i * 2 + y) * 3 + c] = at(i, y, 2 - c);
        left.mutable_data()[(i * 2 + y) * 3 + c] = at(i, 1 - y, c < 2 ? c + 1 : 1);
      }
  const Recording off(false);
  const Tensor plain = (*model)(x), other = (*model)(mirror), moved = (*model)(left);
  const Tensor two = output_over_views(*model, x, parse_views("mirror"));
  const Tensor one = output_over_views(*model, x, {{.weight = 1, .dy = 1, .dx = 1}});
  for (int64 i = 0; i < plain.numel(); ++i) {
    CHECK(two.data()[i] == doctest::Approx((plain.data()[i] + other.data()[i]) / 2).epsilon(1e-5));
    CHECK(one.data()[i] == moved.data()[i]);
  }
}

TEST_CASE("eval and predict --views, eval --held-out: what is printed, and refusals") {
  const TempDir dir;
  const std::string run_dir = trained(dir, "net",
                                      {"--data", "digits:train=400,test=60", "--model", "mlp:hidden=24",
                                       "--optim", "adam:lr=1e-2", "--batch-size", "40", "--epochs", "3"});
  const auto eval = [&](std::vector<std::string> more) {
    std::vector<std::string> line = {"eval", run_dir, "--json", "--quiet"};
    line.insert(line.end(), more.begin(), more.end());
    return nlohmann::json::parse(run(line).text);
  };
  const auto plain = eval({}), mirrored = eval({"--views", "mirror"});
  CHECK(mirrored.at("views") == "mirror");
  CHECK(mirrored.at("examples") == 60);
  CHECK(mirrored.at("test_loss") != plain.at("test_loss"));
  CHECK(eval({}) == plain);
  const auto held = eval({"--held-out"});
  CHECK(held.at("examples") == 40);  // a tenth
  std::string rows = dir.read("net/metrics.jsonl");
  while (rows.ends_with('\n')) rows.pop_back();
  const auto last = nlohmann::json::parse(rows.substr(rows.rfind('\n') + 1));
  CHECK(static_cast<double>(held.at("validation_loss")) ==
        doctest::Approx(static_cast<double>(last.at("validation_loss"))).epsilon(1e-4));
  // The class probabilities over a picture and its mirror image are the geometric means of both.
  Image picture{1, 28, 28, std::vector<std::uint8_t>(28 * 28)}, mirror = picture;
  for (size_t i = 0; i < picture.pixels.size(); ++i) {
    picture.pixels[i] = static_cast<std::uint8_t>(i * 37 % 251);
    mirror.pixels[i / 28 * 28 + 27 - i % 28] = picture.pixels[i];
  }
  write_png(dir / "a.png", picture);
  write_png(dir / "b.png", mirror);
  const auto predicted = [&](const std::string& file, std::vector<std::string> more) {
    std::vector<std::string> words = {"predict", run_dir, dir / file, "--json", "--quiet", "--top", "10"};
    words.insert(words.end(), more.begin(), more.end());
    std::vector<double> p(10);
    const auto json = nlohmann::json::parse(run(words).text);
    for (const auto& c : json.at("predictions").at(0).at("classes"))
      p.at(c.at("class").get<size_t>()) = c.at("probability").get<double>();
    return p;
  };
  const auto a = predicted("a.png", {}), b = predicted("b.png", {}),
             both = predicted("a.png", {"--views", "mirror"});
  double total = 0;
  for (size_t k = 0; k < 10; ++k) total += std::sqrt(a[k] * b[k]);
  for (size_t k = 0; k < 10; ++k)
    CHECK(both[k] == doctest::Approx(std::sqrt(a[k] * b[k]) / total).epsilon(1e-3).scale(1e-3));
  CHECK_THROWS_WITH_AS(eval({"--held-out", "--train"}), doctest::Contains("--train"), UsageError);
  CHECK_THROWS_WITH_AS(eval({"--views", "mirror", "--train-mode"}), doctest::Contains("--views"), UsageError);
  CHECK_THROWS_WITH_AS(eval({"--views", "zoom"}), doctest::Contains("mirror"), UsageError);
}
