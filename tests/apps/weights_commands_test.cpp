// gradus train --ema --tensorboard, gradus export, gradus sample, on a small text.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "core/safetensors.h"
#include "tests/apps/in_process.h"

using namespace gradus;
using namespace gradus::tests;
namespace fs = std::filesystem;

namespace {

// A run directory of a small gpt.
struct TextRun {
  TempDir dir;
  std::string path = dir / "run";

  explicit TextRun(const std::vector<std::string>& more = {}) {
    std::string text;
    for (int i = 0; i < 60; ++i) text += "to be, or not to be\n";
    std::vector<std::string> line = {"train",
                                     "--data",
                                     "text:path=" + dir.write("play.txt", text),
                                     "--model",
                                     "gpt:block=8,dim=16,layers=2,heads=2",
                                     "--optim",
                                     "adamw:lr=1e-2",
                                     "--steps",
                                     "6",
                                     "--eval-every",
                                     "3",
                                     "--batch-size",
                                     "4",
                                     "--out",
                                     path,
                                     "--quiet"};
    line.insert(line.end(), more.begin(), more.end());
    CHECK(run(line).code == kOk);
  }
  std::string exported(const std::string& weights) const {
    const std::string out = dir / (weights + ".safetensors");
    CHECK(run({"export", path, out, "--weights", weights}).code == kOk);
    return out;
  }
  std::vector<std::string> event_files() const {
    std::vector<std::string> files;
    for (const auto& e : fs::directory_iterator(path))
      if (e.path().filename().string().starts_with("events.out.tfevents."))
        files.push_back(e.path().string());
    return files;
  }
};

double largest_difference(const std::string& a, const std::string& b) {
  const TensorFile left = read_safetensors(a), right = read_safetensors(b);
  double worst = 0;
  REQUIRE(left.tensors.size() == right.tensors.size());
  for (const auto& [name, t] : left.tensors) {
    const Tensor& u = right.get(name, b);
    REQUIRE(u.shape() == t.shape());
    for (int64 i = 0; i < t.numel(); ++i)
      worst = std::max(worst, std::abs(static_cast<double>(t.data()[i]) - static_cast<double>(u.data()[i])));
  }
  return worst;
}

}  // namespace

TEST_CASE("train --ema: evaluated and saved are the means; the checkpoint still has the trained weights") {
  const TextRun with({"--ema", "0.5"}), without;
  // The mean does not touch the training itself.
  CHECK(largest_difference(with.exported("trained"), without.exported("trained")) == 0);
  CHECK(largest_difference(with.exported("ema"), with.exported("last")) == 0);
  CHECK(largest_difference(with.exported("ema"), with.exported("trained")) > 1e-4);
  CHECK(largest_difference(without.exported("last"), without.exported("trained")) == 0);
  // A mean without memory is the last value.
  const TextRun none({"--ema", "0"});
  CHECK(largest_difference(none.exported("ema"), none.exported("trained")) == 0);
  CHECK_THROWS_WITH_AS(run({"export", without.path, without.dir / "x.npz", "--weights", "ema"}),
                       doctest::Contains("trained without --ema"), UsageError);
}

TEST_CASE("export: the end or the best of a run, as safetensors that predict like the run, or as npz") {
  const TextRun run_dir;
  const std::string out = run_dir.dir / "w.safetensors";
  const auto report = nlohmann::json::parse(run({"export", run_dir.path, out, "--json"}).text);
  const TensorFile file = read_safetensors(out);
  CHECK(report["tensors"] == file.tensors.size());
  CHECK(report["bytes"] == fs::file_size(out));
  CHECK(report["source"] == run_dir.path + "/model.safetensors");
  CHECK(run_dir.dir.read("w.safetensors") == run_dir.dir.read("run/model.safetensors"));
  run_dir.exported("best");
  CHECK(run_dir.dir.read("best.safetensors") == run_dir.dir.read("run/best.safetensors"));
  // A file is taken as well as a run; both formats hold the same numbers.
  CHECK(run({"export", out, run_dir.dir / "w.npz"}).code == kOk);
  CHECK(run_dir.dir.read("w.npz").starts_with("PK"));
  CHECK(run_dir.dir.read("w.npz").find("transformer.h.1.attn.c_attn.weight.npy") != std::string::npos);
  const auto score = [&](const std::string& weights) {
    return nlohmann::json::parse(
        run({"eval", weights, "--data", "text:path=" + run_dir.dir / "play.txt", "--json"}).text);
  };
  CHECK(score(out)["test_loss"] == score(run_dir.path)["test_loss"]);

  CHECK_THROWS_WITH_AS(run({"export", run_dir.path, run_dir.dir / "w.pt"}),
                       doctest::Contains(".safetensors or .npz"), UsageError);
  CHECK_THROWS_AS(run({"export", run_dir.path, run_dir.dir / "no/such/w.npz"}), DataError);
  CHECK_THROWS_AS(run({"export", run_dir.dir / "nothing.safetensors", out}), DataError);
  CHECK_THROWS_WITH_AS(run({"export", run_dir.path, out, "--weights", "zzzz"}),
                       doctest::Contains("last, best, ema, trained"), UsageError);
  CHECK_THROWS_AS(run({"export", out, run_dir.dir / "v.npz", "--weights", "best"}), UsageError);
}

TEST_CASE(
    "sample: the prompt and its continuation; the same with and without the cache, and for the same seed") {
  const TextRun run_dir;
  const auto sample = [&](std::vector<std::string> more) {
    std::vector<std::string> line = {"sample", run_dir.path, "--length", "60", "--quiet"};
    line.insert(line.end(), more.begin(), more.end());
    const Output out = run(line);
    CHECK(out.code == kOk);
    return out.text;
  };
  const std::string text = sample({"--prompt", "to be"});
  CHECK(text.starts_with("to be"));
  CHECK(text.size() == 5 + 60 + 1);
  CHECK(text.ends_with("\n"));
  CHECK(sample({"--prompt", "to be"}) == text);
  CHECK(sample({"--prompt", "to be", "--no-cache"}) == text);
  CHECK(sample({"--prompt", "to be", "--seed", "1"}) != text);
  CHECK(sample({}).size() == 61);
  // A flag takes one value; what follows it is the command's own.
  CHECK(run({"sample", "--length", "60", "--prompt", "to be", "--quiet", run_dir.path}).text == text);
  // The most likely character each time: the draw does not matter.
  CHECK(sample({"--top-k", "1"}) == sample({"--temperature", "0", "--seed", "9"}));

  const auto json = nlohmann::json::parse(sample({"--prompt", "to be", "--json"}));
  CHECK(json["prompt"] == "to be");
  CHECK("to be" + json["text"].get<std::string>() + "\n" == text);
  CHECK(json["characters"] == 60);
  CHECK(json["characters_per_s"].get<double>() > 0);
}

TEST_CASE("sample: several texts at once, each as it is alone") {
  const TextRun run_dir;
  const auto sample = [&](std::vector<std::string> more) {
    std::vector<std::string> line = {"sample",   run_dir.path, "--length", "40",
                                     "--prompt", "to be",      "--quiet"};
    line.insert(line.end(), more.begin(), more.end());
    return run(line).text;
  };
  const auto texts = [&](std::vector<std::string> more) {
    more.push_back("--json");
    return nlohmann::json::parse(sample(more));
  };
  const std::string one = sample({});
  CHECK(sample({"--count", "1"}) == one);
  const nlohmann::json five = texts({"--count", "5"});
  REQUIRE(five["texts"].size() == 5);
  CHECK_FALSE(five.contains("text"));
  CHECK(five["characters"] == 200);
  CHECK("to be" + five["texts"][0].get<std::string>() + "\n" == one);
  CHECK(five["texts"][1] != five["texts"][0]);
  CHECK(five["texts"][1] != five["texts"][2]);
  const nlohmann::json two = texts({"--count", "2", "--threads", "2"});
  CHECK(two["texts"][0] == five["texts"][0]);
  CHECK(two["texts"][1] == five["texts"][1]);
  CHECK(texts({"--count", "2", "--no-cache"})["texts"] == two["texts"]);
  CHECK(texts({"--count", "2", "--seed", "1"})["texts"] != two["texts"]);
  CHECK(sample({"--count", "2"}) == fmt::format("--- 1 of 2 ---\nto be{}\n\n--- 2 of 2 ---\nto be{}\n",
                                                two["texts"][0].get<std::string>(),
                                                two["texts"][1].get<std::string>()));
  // More than are in memory at once.
  const nlohmann::json many = texts({"--count", "258", "--length", "3"});
  REQUIRE(many["texts"].size() == 258);
  for (size_t i = 0; i < 258; ++i) CHECK(many["texts"][i].get<std::string>().size() == 3);
  CHECK(many["texts"][1] == five["texts"][1].get<std::string>().substr(0, 3));
  std::set<std::string> different;
  for (const auto& text : many["texts"]) different.insert(text.get<std::string>());
  CHECK(different.size() > 20);
  CHECK_THROWS_WITH_AS(sample({"--count", "0"}), doctest::Contains("--count"), UsageError);
}

TEST_CASE("sample: what cannot be sampled is refused") {
  const TextRun run_dir;
  CHECK_THROWS_WITH_AS(run({"sample", run_dir.path, "--prompt", "Z"}), doctest::Contains("no token for 'Z'"),
                       UsageError);
  CHECK_THROWS_WITH_AS(run({"sample", run_dir.path, "--length", "0"}), doctest::Contains("--length"),
                       UsageError);
  CHECK_THROWS_AS(run({"sample"}), UsageError);
  CHECK_THROWS_AS(run({"sample", run_dir.dir / "none"}), DataError);
  const std::string digits = run_dir.dir / "digits";
  CHECK(run({"train", "--data", "digits:train=64,test=32", "--model", "mlp:hidden=8", "--steps", "1",
             "--quiet", "--out", digits})
            .code == kOk);
  CHECK_THROWS_WITH_AS(run({"sample", digits}), doctest::Contains("sample is for text"), UsageError);
}

TEST_CASE("sample: weights whose output is NaN or infinite are refused") {
  const TextRun run_dir;
  const TensorFile trained = read_safetensors(run_dir.exported("last"));
  for (const real value : {std::numeric_limits<real>::quiet_NaN(), std::numeric_limits<real>::infinity(),
                           std::numeric_limits<real>::max()}) {
    TensorFile file = trained;
    for (auto& [name, tensor] : file.tensors)
      if (name.find("ln_f") != std::string::npos) tensor = Tensor::full(tensor.shape(), value);
    write_safetensors(run_dir.dir / "bad.safetensors", file);
    CHECK_THROWS_WITH_AS(run({"sample", run_dir.dir / "bad.safetensors", "--length", "5", "--quiet"}),
                         doctest::Contains("NaN or infinite"), NumericError);
  }
}

TEST_CASE("train --tensorboard: a row an evaluation in the run directory; a resumed run adds a file") {
  const TextRun run_dir({"--tensorboard"});
  const auto files = run_dir.event_files();
  REQUIRE(files.size() == 1);
  const std::string events = run_dir.dir.read("run/" + fs::path(files[0]).filename().string());
  const auto count = [&](const std::string& tag) {
    int n = 0;
    for (size_t at = events.find(tag); at != std::string::npos; at = events.find(tag, at + 1)) ++n;
    return n;
  };
  for (const char* tag : {"loss/train", "loss/test", "accuracy/train", "accuracy/test", "epoch"}) {
    CAPTURE(tag);
    CHECK(count(tag) == 2);  // evaluated every 3 of 6 steps
  }
  CHECK(run({"train", "--resume", run_dir.path, "--steps", "9", "--quiet"}).code == kOk);
  CHECK(run_dir.event_files().size() == 2);
  const TextRun plain;
  CHECK(plain.event_files().empty());
}

TEST_CASE("train: language models report perplexity and bits a token") {
  const TextRun run_dir;
  const auto json = nlohmann::json::parse(run({"train", "--resume", run_dir.path, "--quiet", "--json"}).text);
  const double loss = json["test_loss"];
  CHECK(json["perplexity"].get<double>() == doctest::Approx(std::exp(loss)));
  CHECK(json["bits_per_token"].get<double>() == doctest::Approx(loss / std::log(2.0)));
}
