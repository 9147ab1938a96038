// `gradus steer`: vectors by hand from hidden states, what `sample --steer` makes of them, texts and layers that do not fit.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/steering/steering_search.h"
#include "apps/train/checkpoint.h"
#include "core/error.h"
#include "nn/registry.h"
#include "nn/state_dict.h"
#include "optim/elements.h"
#include "tests/apps/in_process.h"
#include "tests/precision.h"

using namespace gradus;
using gradus::tests::kDouble;
using gradus::tests::run;

namespace gradus::steer_command_tests {

constexpr const char* kModel = "gpt:block=8,dim=8,layers=2,heads=2";

// Weights of a small model of the letters a to d and line breaks.
struct Letters {
  TempDir dir;
  DatasetInfo info;
  std::unique_ptr<Model> model;
  std::string weights = dir / "letters.safetensors";

  Letters() {
    info.name = "letters";
    info.kind = DataKind::kText;
    info.vocabulary = {"\n", "a", "b", "c", "d"};
    info.classes = 5;
    info.example = {8};
    model = make_model(kModel, data_shape(info), Rng(3));
    save_weights(weights, *model, info);
    dir.write("with.txt", "abc\n\nbcd\n");
    dir.write("without.txt", "ab\r\ndcba\n");
  }
  std::vector<std::string> line(const std::vector<std::string>& more) const {
    std::vector<std::pair<std::string, std::string>> flags{{"--positive", dir / "with.txt"},
                                                           {"--negative", dir / "without.txt"},
                                                           {"--out", dir / "s.safetensors"}};
    std::vector<std::string> all{"steer", weights, "--quiet"};
    for (const auto& [flag, value] : flags)
      if (std::find(more.begin(), more.end(), flag) == more.end()) all.insert(all.end(), {flag, value});
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  // Hidden states of one text in a block, (T,8).
  Tensor states(const std::vector<int64>& ids, int64 block) const {
    const Tensor h = read_activations(*model, {fmt::format("transformer.h.{}", block)},
                                      IntTensor::from({1, std::ssize(ids)}, ids))[0];
    return h.view({h.dim(1), h.dim(2)});
  }
};

double apart(const Tensor& a, std::span<const double> b) {
  double most = 0;
  for (size_t i = 0; i < b.size(); ++i)
    most = std::max(most, std::abs(static_cast<double>(a.data()[i]) - b[i]));
  return most;
}

TEST_CASE("steer: one vector a block, the difference of the means at the last tokens, or over all tokens") {
  const Letters letters;
  const std::vector<std::vector<int64>> with{{1, 2, 3}, {2, 3, 4}}, without{{1, 2}, {4, 3, 2, 1}};
  for (const bool mean : {false, true}) {
    CAPTURE(mean);
    CHECK(run(letters.line({"--token", mean ? "mean" : "last"})).code == kOk);
    const std::vector<SteeredModule> found = read_steering(letters.dir / "s.safetensors");
    REQUIRE(found.size() == 2);
    for (int64 block = 0; block < 2; ++block) {
      std::vector<double> expected(8, 0);
      const auto add = [&](const std::vector<int64>& ids, double sign) {
        const Tensor h = letters.states(ids, block);
        const int64 first = mean ? 0 : h.dim(0) - 1, count = h.dim(0) - first;
        for (int64 t = first; t < h.dim(0); ++t)
          for (int64 d = 0; d < 8; ++d)
            expected[static_cast<size_t>(d)] +=
                sign * static_cast<double>(h.at({t, d})) / (2.0 * static_cast<double>(count));
      };
      for (const auto& ids : with) add(ids, 1);
      for (const auto& ids : without) add(ids, -1);
      const SteeredModule& m = found[static_cast<size_t>(block)];
      CHECK(m.name == fmt::format("transformer.h.{}", block));
      CHECK(m.steering.vectors.shape() == Shape{1, 8});
      CHECK(apart(m.steering.vectors, expected) < (kDouble ? 1e-12 : 1e-6));
      CHECK(!m.steering.probe.weight.defined());
    }
  }
}

TEST_CASE("steer: the file steers samples; scale 0 leaves them; the result as JSON") {
  const Letters letters;
  const nlohmann::json result = nlohmann::json::parse(run(letters.line({"--layer", "1", "--json"})).text);
  CHECK(result["positive_texts"] == 2);
  CHECK(result["negative_texts"] == 2);
  REQUIRE(result["layers"].size() == 1);
  CHECK(result["layers"][0]["layer"] == "transformer.h.1");
  const std::vector<SteeredModule> found = read_steering(letters.dir / "s.safetensors");
  REQUIRE(found.size() == 1);
  CHECK(result["layers"][0]["norms"][0].get<double>() ==
        doctest::Approx(std::sqrt(sum_of_squares(found[0].steering.vectors))));
  const auto text = [&](const std::vector<std::string>& more) {
    std::vector<std::string> line{"sample", letters.weights, "--prompt",      "ab", "--length",
                                  "20",     "--quiet",       "--temperature", "0"};
    line.insert(line.end(), more.begin(), more.end());
    return run(line).text;
  };
  const std::string plain = text({}), file = letters.dir / "s.safetensors";
  CHECK(text({"--steer", file + ":scale=0"}) == plain);
  CHECK(text({"--steer", file + ":scale=200"}) != plain);
}

TEST_CASE("steer: pairs of responses; several vectors come with probes that read them back") {
  const Letters letters;
  std::string lines;
  for (const char* prompt : {"a", "b", "c", "ab", "bc", "ca"})
    lines += std::string("{\"prompt\": \"") + prompt + "\", \"chosen\": \"dd\", \"rejected\": \"aa\"}\n";
  letters.dir.write("pairs.jsonl", lines);
  const std::string out = letters.dir / "k.safetensors";
  const nlohmann::json result = nlohmann::json::parse(
      run({"steer", letters.weights, "--pairs", letters.dir / "pairs.jsonl", "--clusters", "2", "--layer",
           "*h.0", "--epochs", "40", "--out", out, "--json", "--quiet"})
          .text);
  CHECK(result["clusters"][0].get<int>() + result["clusters"][1].get<int>() == 6);
  const double accuracy = result["layers"][0]["probe_accuracy"];
  CHECK(accuracy >= 0.5);
  const std::vector<SteeredModule> found = read_steering(out);
  REQUIRE(found.size() == 1);
  CHECK(found[0].steering.vectors.shape() == Shape{2, 8});
  CHECK(found[0].steering.probe.weight.shape() == Shape{2, 8});
  // The mean of the vectors, weighted by members, is the difference of means of one vector.
  CHECK(run({"steer", letters.weights, "--pairs", letters.dir / "pairs.jsonl", "--layer", "*h.0", "--out",
             letters.dir / "one.safetensors", "--quiet"})
            .code == kOk);
  const Tensor one = read_steering(letters.dir / "one.safetensors")[0].steering.vectors;
  std::vector<double> mean(8, 0);
  for (int64 k = 0; k < 2; ++k)
    for (int64 d = 0; d < 8; ++d)
      mean[static_cast<size_t>(d)] += result["clusters"][static_cast<size_t>(k)].get<double>() / 6 *
                                      static_cast<double>(found[0].steering.vectors.at({k, d}));
  CHECK(apart(one, mean) < (kDouble ? 1e-12 : 1e-5));
}

TEST_CASE("steer: texts, layers and models that do not fit are named, and no file is left") {
  const Letters letters;
  const auto complaint = [](const std::vector<std::string>& line) -> std::string {
    try {
      run(line);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  const auto holds = [&](const std::string& said, const std::string& part) {
    INFO(said);
    CHECK(said.find(part) != said.npos);
  };
  holds(complaint(letters.line({"--layer", "7"})), "there are transformer.h.0, transformer.h.1");
  letters.dir.write("bad.txt", "ab\nxyz\n");
  holds(complaint(letters.line({"--positive", letters.dir / "bad.txt"})), "bad.txt, line 2");
  letters.dir.write("empty.txt", "\n \n");
  holds(complaint(letters.line({"--negative", letters.dir / "empty.txt"})), "empty.txt: holds no text");
  letters.dir.write("three.txt", "a\nb\nc\n");
  holds(complaint(letters.line({"--positive", letters.dir / "three.txt", "--clusters", "2"})),
        "there are 3 and 2");
  holds(complaint(letters.line({"--clusters", "3"})), "there are 2 pairs");
  holds(complaint({"steer", letters.weights, "--positive", letters.dir / "with.txt"}), "which texts");
  holds(complaint(letters.line({"--pairs", letters.dir / "with.txt"})), "which texts");
  holds(complaint(letters.line({"--layer", "transformer.wte+lm_head"})), "rows of one width");
  CHECK_THROWS_AS(run(letters.line({"--positive", letters.dir / "nowhere.txt"})), DataError);
  CHECK(!std::filesystem::exists(letters.dir / "s.safetensors"));
}

}  // namespace gradus::steer_command_tests
