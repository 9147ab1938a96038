// eval, predict and sample with data other than the weights were trained on, with weights of others, and with files in
// the form their name asks for.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/image.h"
#include "core/npy.h"
#include "core/safetensors.h"
#include "data/csv.h"
#include "nn/registry.h"
#include "tests/apps/in_process.h"
#include "tests/paths.h"

using namespace gradus;
using namespace gradus::tests;
namespace fs = std::filesystem;

namespace {

std::string foreign_fixture(const std::string& file) {
  return (tests_dir() / "fixtures/data" / file).string();
}

nlohmann::json scored(const std::vector<std::string>& arguments) {
  std::vector<std::string> line = {"eval", "--json"};
  line.insert(line.end(), arguments.begin(), arguments.end());
  return nlohmann::json::parse(run(line).text);
}

std::string digits_run(const TempDir& dir) {
  return trained(dir, "digits",
                 {"--data", "digits:train=200,test=50", "--model", "mlp:hidden=16", "--steps", "4"});
}

// Weights as an older gradus wrote them.
void strip_new_fields(const std::string& from, const std::string& to) {
  TensorFile file = read_safetensors(from);
  auto data = nlohmann::json::parse(file.metadata.at("gradus_data"));
  data.erase("columns"), data.erase("digest");
  data["mean"] = nlohmann::json::array(), data["std"] = nlohmann::json::array();
  file.metadata["gradus_data"] = data.dump();
  write_safetensors(to, file);
}

}  // namespace

TEST_CASE("eval: a table of another scale is scored by the columns' mean and std of the training") {
  const TempDir dir;
  const std::string weights =
      trained(dir, "abc", {"--data", "csv:path=" + foreign_fixture("abc.csv"), "--epochs", "20"});
  const auto own = scored({weights});
  CHECK(own["test_accuracy"] == 1);
  CHECK(own["examples"] == 60);
  const auto skew = scored({weights, "--data", "csv:path=" + foreign_fixture("skew.csv")});
  CHECK(skew["test_accuracy"] == 1);  // 0.3875 by its own mean and std
  CHECK(skew["examples"] == 400);
  CHECK(run({"eval", weights, "--data", "csv:path=" + foreign_fixture("skew.csv")})
            .text.find("(all of it, 400 examples)") != std::string::npos);
  CHECK(scored({weights, "--data", "csv:test=1,path=" + foreign_fixture("abc.csv")})["examples"] == 300);
  CHECK_THROWS_AS(run({"eval", weights, "--train", "--data", "csv:path=" + foreign_fixture("skew.csv")}),
                  UsageError);
  CHECK_THROWS_WITH_AS(run({"train", "--data", "csv:test=1,path=" + foreign_fixture("abc.csv")}),
                       doctest::Contains("test = 1 leaves no examples to train on"), UsageError);
  // The weights file alone knows as much as the run.
  CHECK(scored({"--init", weights + "/model.safetensors", "--data",
                "csv:path=" + foreign_fixture("abc.csv")})["test_loss"] == own["test_loss"]);
  const auto data =
      nlohmann::json::parse(read_safetensors(weights + "/model.safetensors").metadata.at("gradus_data"));
  CHECK(data["columns"] == nlohmann::json({"a", "b"}));
  CHECK(data["mean"].size() == 2);
  CHECK(data["digest"].get<std::string>().size() == 32);
  // Old weights load; the file's own mean and std are taken, which is said.
  strip_new_fields(weights + "/model.safetensors", dir / "old.safetensors");
  CHECK(scored({"--init", dir / "old.safetensors", "--data",
                "csv:path=" + foreign_fixture("abc.csv")})["test_loss"] == own["test_loss"]);
  CHECK(scored({"--init", dir / "old.safetensors", "--data",
                "csv:path=" + foreign_fixture("skew.csv")})["examples"] == 80);
}

TEST_CASE("train: time stamps are fitted to the last digit") {
  const TempDir dir;
  trained(dir, "t",
          {"--data", "csv:path=" + foreign_fixture("timestamps.csv"), "--model", "mlp:hidden=none", "--optim",
           "sgd:lr=0.5", "--batch-size", "80", "--schedule", "constant", "--steps", "200"});
  CHECK(scored({dir / "t"})["test_loss"].get<double>() < 1e-9);
}

TEST_CASE("train --init: the weights' classes and transforms go on, by name") {
  const TempDir dir;
  const std::string first =
      trained(dir, "first", {"--data", "csv:path=" + foreign_fixture("abc.csv"), "--epochs", "20"});
  const auto continued = [&](const std::string& name, const std::string& data) {
    return trained(dir, name, {"--data", data, "--steps", "0", "--init", first + "/model.safetensors"});
  };
  const auto info = [&](const std::string& path) {
    return nlohmann::json::parse(read_safetensors(path + "/model.safetensors").metadata.at("gradus_data"));
  };
  // Another scale, and the classes of it that come first in the alphabet missing: no step, and all is right.
  std::string table = "a,b,label\n", line;
  std::ifstream rows(foreign_fixture("skew.csv"));
  while (std::getline(rows, line))
    if (line.ends_with("dog") || line.ends_with("eel")) table += line + "\n";
  const std::string on = continued("on", "csv:path=" + dir.write("two.csv", table));
  CHECK(scored({on})["test_accuracy"] == 1);
  CHECK(info(on)["mean"] == info(first)["mean"]);
  CHECK(info(on)["class_names"] == info(first)["class_names"]);
  // Other classes: everything is fitted anew.
  const std::string other =
      continued("other", "csv:path=" + dir.write("three.csv", "a,b,l\n1,2,x\n2,3,y\n3,4,z\n4,5,x\n"));
  CHECK(info(other)["class_names"] == nlohmann::json({"x", "y", "z"}));
}

TEST_CASE("eval and sample: characters are those of the weights") {
  const TempDir dir;
  const std::string a = "text:path=" + foreign_fixture("A.txt"), b = "text:path=" + foreign_fixture("B.txt"),
                    c = "text:path=" + foreign_fixture("C.txt");
  const std::string weights =
      trained(dir, "a", {"--data", a, "--model", "gpt:block=8,dim=16,layers=1,heads=2", "--steps", "3"});
  CHECK_THROWS_WITH_AS(run({"eval", weights, "--data", b}), doctest::Contains("know no character 'A'"),
                       DataError);
  CHECK(scored({weights, "--data", c})["tokens"] == 1976);  // 247 windows of the 1980 characters
  // C's words are A's, so they are as likely as A's own.
  CHECK(
      scored({weights, "--data", c})["test_loss"].get<double>() ==
      doctest::Approx(scored({weights, "--data", "text:val=1,path=" + foreign_fixture("A.txt")})["test_loss"]
                          .get<double>())
          .epsilon(0.05));
  const std::string text = run({"sample", weights, "--length", "20", "--quiet"}).text;
  CHECK(run({"sample", weights, "--length", "20", "--quiet", "--data", b}).text == text);
}

TEST_CASE("eval and predict: outputs that are no numbers are an error with the first example") {
  const TempDir dir;
  const std::string bad = foreign_fixture("st-nan.safetensors");
  CHECK_THROWS_WITH_AS(run({"eval", "--init", bad, "--model", "mlp:hidden=none", "--data",
                            "digits:train=10,test=20", "--logits", dir / "l.npz"}),
                       doctest::Contains("the model's output for example 0 is nan"), NumericError);
  CHECK_FALSE(fs::exists(dir / "l.npz"));
  write_png(dir / "x.png", {1, 28, 28, std::vector<std::uint8_t>(784, 9)});
  const Output shown = run({"predict", dir / "x.png", "--init", bad, "--model", "mlp:hidden=none", "--data",
                            "digits:train=10,test=20"});
  CHECK(shown.code == kNotShown);
  CHECK(shown.text.empty());
  // A regression whose outputs are beyond the range.
  const std::string weights = trained(dir, "r",
                                      {"--data", "csv:task=regression,path=" + foreign_fixture("years.csv"),
                                       "--model", "mlp:hidden=none", "--steps", "1"});
  TensorFile file = read_safetensors(weights + "/model.safetensors");
  for (auto& [name, tensor] : file.tensors)
    tensor = Tensor::full(tensor.shape(), std::numeric_limits<real>::max());
  write_safetensors(dir / "huge.safetensors", file);
  CHECK_THROWS_AS(
      run({"eval", "--init", dir / "huge.safetensors", "--data", "csv:path=" + foreign_fixture("years.csv")}),
      NumericError);
}

TEST_CASE("predict: an image that cannot be read does not keep the others from being shown") {
  const TempDir dir;
  const std::string weights = digits_run(dir);
  write_png(dir / "good.png", {1, 28, 28, std::vector<std::uint8_t>(784, 9)});
  write_png(dir / "fine.png", {1, 28, 28, std::vector<std::uint8_t>(784, 99)});
  const Output shown =
      run({"predict", dir / "good.png", dir / "missing.png", dir / "fine.png", "--init", weights});
  CHECK(shown.code == kBadData);
  CHECK(shown.text.find("good.png") != std::string::npos);
  CHECK(shown.text.find("fine.png") != std::string::npos);
  CHECK(shown.text.find("missing.png") == std::string::npos);
  const auto json = nlohmann::json::parse(
      run({"predict", dir / "good.png", dir / "missing.png", "--init", weights, "--json"}).text);
  CHECK(json["predictions"][0]["classes"].size() == 3);
  CHECK(json["errors"][0]["error"].get<std::string>().find("missing.png: cannot open") != std::string::npos);
}

TEST_CASE("save and logits: the form that the name asks for, or an error before the work") {
  const TempDir dir;
  trained(dir, "run",
          {"--data", "digits:train=200,test=50", "--model", "mlp:hidden=16", "--steps", "4", "--save",
           dir / "w.npz"});
  CHECK(dir.read("w.npz").starts_with("PK"));
  CHECK(dir.read("w.npz").find("fc1.weight.npy") != std::string::npos);
  CHECK_THROWS_WITH_AS(run({"train", "--save", dir / "w.pt", "--out", dir / "no"}),
                       doctest::Contains(".safetensors or .npz"), UsageError);
  CHECK_FALSE(fs::exists(dir / "no"));

  for (const char* form : {"l.safetensors", "l.npz", "l.npy", "l.csv"})
    CHECK(run({"eval", dir / "run", "--logits", dir / form, "--batch-size", "32"}).code == kOk);
  const TensorFile all = read_safetensors(dir / "l.safetensors");
  const Tensor& logits = all.get("logits", "l");
  REQUIRE(logits.shape() == Shape{50, 10});
  const Tensor array = read_npy(dir / "l.npy").reals();
  CHECK(array.shape() == logits.shape());
  CHECK(std::equal(array.data(), array.data() + 500, logits.data()));
  CHECK(dir.read("l.npz").starts_with("PK"));
  for (const char* member : {"logits.npy", "labels.npy"})
    CHECK(dir.read("l.npz").find(member) != std::string::npos);
  const CsvTable table = parse_csv(dir.read("l.csv"), "l.csv");
  CHECK(table.header.front() == "logit_0");
  CHECK(table.header.back() == "label");
  REQUIRE(table.rows.size() == 50);
  for (std::size_t r = 0; r < 50; ++r) {
    CHECK(std::stod(table.rows[r][7]) == doctest::Approx(static_cast<double>(logits.data()[r * 10 + 7])));
    CHECK(table.rows[r][10] == std::to_string(r % 10));
  }
  CHECK_THROWS_WITH_AS(run({"eval", dir / "run", "--logits", dir / "l.txt"}),
                       doctest::Contains(".safetensors, .npz, .npy or .csv"), UsageError);
  CHECK_THROWS_AS(run({"eval", dir / "run", "--logits", dir / "no/l.npy"}), DataError);
}

TEST_CASE("weights of others: what is missing or of another kind is said") {
  const TempDir dir;
  TensorFile file;
  file.tensors.emplace_back("fc1.bias", Tensor::zeros({10}));
  file.integers.emplace_back("fc1.weight", IntTensor::full({10, 784}, 1));
  write_safetensors(dir / "t.safetensors", file);
  CHECK_THROWS_WITH_AS(run({"eval", "--init", dir / "t.safetensors", "--data", "mnist"}),
                       doctest::Contains("does not say which model it belongs to: name it with --model"),
                       UsageError);
  CHECK_THROWS_WITH_AS(run({"eval", "--init", dir / "t.safetensors", "--data", "digits:train=10,test=10",
                            "--model", "mlp:hidden=none"}),
                       doctest::Contains("t.safetensors: 'fc1.weight' holds integers"), DataError);
  dir.write("w.pt", std::string_view("PK\x03\x04 and the rest of an archive"));
  CHECK_THROWS_WITH_AS(run({"eval", "--init", dir / "w.pt", "--data", "mnist", "--model", "mlp"}),
                       doctest::Contains("a PyTorch .pt file"), DataError);
}

TEST_CASE("data show: what a set is stands first, with the examples of each class; its options last") {
  const std::string text = run({"data", "show", "csv:path=" + foreign_fixture("abc.csv")}).text;
  CAPTURE(text);
  const auto at = [&](const char* part) {
    REQUIRE(text.find(part) != std::string::npos);
    return text.find(part);
  };
  CHECK(at("train    240") < at("cat    83     17"));
  CHECK(at("dog    76     24") < at("'label' is taken for classification") + text.size());
  CHECK(at("eel    81     19") < at("\noption "));
  CHECK(at("classes  3\n") < at("class  train  test"));
}

TEST_CASE("help: no table is wider than a page") {
  const auto widest = [](const std::string& text) {
    std::size_t width = 0;
    for (std::size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1)
      width = std::max(width, end - at);
    return width;
  };
  constexpr std::size_t kWidest = 120;
  for (const ModelEntry& entry : models()) {
    CAPTURE(entry.name);
    try {
      CHECK(widest(run({"model", "show", entry.name}).text) <= kWidest);
    } catch (const UsageError&) {  // a model that needs sizes to be named
    }
  }
  const std::string gpt = run({"model", "show", "gpt"}).text;
  CHECK(gpt.find("| square_relu") != std::string::npos);
  CHECK(widest(gpt) <= 110);
}
