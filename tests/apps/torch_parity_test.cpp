// The command line against PyTorch at the models' default sizes, from figures that torch_parity.py wrote:
// weights and data are drawn alike on both sides, go through files, and come back through files.
#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/safetensors.h"
#include "nn/registry.h"
#include "tests/apps/in_process.h"
#include "tests/nn/digest.h"
#include "tests/paths.h"
#include "tests/precision.h"

using namespace gradus;
using namespace gradus::tests;

namespace {

constexpr int64 kAlphabet = 65;

std::string bytes_of(const IntTensor& values) {
  std::string bytes;
  for (int64 i = 0; i < values.numel(); ++i) bytes += static_cast<char>(values[i]);
  return bytes;
}

std::string big_endian(std::initializer_list<std::uint32_t> numbers) {
  std::string bytes;
  for (const std::uint32_t v : numbers)
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(v >> shift & 0xff);
  return bytes;
}

// The data files of a case below `dir`; returns what --data is to say.
std::string write_data(const nlohmann::json& c, const TempDir& dir) {
  const std::string name = c["data"];
  if (name == "text") {
    const int64 length = c["length"];
    std::string text;
    for (int64 i = 0; i < kAlphabet; ++i) text += static_cast<char>(' ' + i);
    for (const char id : bytes_of(integers({length - kAlphabet}, 1, kAlphabet)))
      text += static_cast<char>(' ' + id);
    return "text:path=" + dir.write("text.txt", text);
  }
  const bool grey = name == "mnist";
  const size_t size = grey ? 784 : 3072, n = 5 * c["batch"].get<size_t>(), m = c["tests"];
  const std::string x = bytes_of(integers({static_cast<int64>((n + m) * size)}, 1, 256)),
                    y = bytes_of(integers({static_cast<int64>(n + m)}, 2, 10));
  if (grey) {
    const auto put = [&](const std::string& set, size_t from, size_t count) {
      const auto k = static_cast<std::uint32_t>(count);
      dir.write("mnist/" + set + "-images-idx3-ubyte",
                big_endian({0x803, k, 28, 28}) + x.substr(from * size, count * size));
      dir.write("mnist/" + set + "-labels-idx1-ubyte", big_endian({0x801, k}) + y.substr(from, count));
    };
    put("train", 0, n);
    put("t10k", n, m);
    return name;
  }
  const auto put = [&](const std::string& file, size_t from, size_t count) {
    std::string records;
    for (size_t i = from; i < from + count; ++i) records += y[i] + x.substr(i * size, size);
    dir.write("cifar10/" + file, records);
  };
  for (size_t k = 0; k < 5; ++k) put("data_batch_" + std::to_string(k + 1) + ".bin", k * n / 5, n / 5);
  put("test_batch.bin", n, m);
  return name;
}

// As without_keys() in torch_parity.py: the bias of the keys has a gradient of zero but for rounding.
Tensor without_keys(const std::string& name, const Tensor& t) {
  if (!name.ends_with("qkv.bias") && !name.ends_with("c_attn.bias")) return t;
  const int64 third = t.dim(0) / 3;
  Tensor rest({2 * third});
  std::copy_n(t.data(), third, rest.mutable_data());
  std::copy_n(t.data() + 2 * third, third, rest.mutable_data() + third);
  return rest;
}

// A case with its data and its first weights in files.
struct Case {
  const nlohmann::json& c;
  TempDir dir;
  std::string data, weights;

  explicit Case(const nlohmann::json& j)
      : c(j), data(write_data(j, dir)), weights(dir / "start.safetensors") {
    DataShape shape{.channels = 1, .height = 28, .width = 28, .classes = 10};
    if (c["data"] == "cifar10") shape = {.channels = 3, .height = 32, .width = 32, .classes = 10};
    if (c["data"] == "text") shape = {.vocabulary = kAlphabet};
    const auto model = make_model(c["model"], shape, Rng(0));
    fill(*model, c["gain"]);
    write_safetensors(weights, {.tensors = state_dict(*model), .integers = {}, .metadata = {}});
  }
  // gradus COMMAND on these files.
  void call(const std::string& command, std::vector<std::string> more) const {
    std::vector<std::string> line = {command,   "--data",   data,     "--data-dir", dir.path(),
                                     "--model", c["model"], "--init", weights};
    line.insert(line.end(), more.begin(), more.end());
    CHECK(run(line).code == kOk);
  }
};

std::vector<nlohmann::json> cases() {
  std::ifstream file(tests_dir() / "fixtures/apps/torch_parity.json");
  REQUIRE(file.good());
  return nlohmann::json::parse(file)["cases"].get<std::vector<nlohmann::json>>();
}

}  // namespace

TEST_CASE("command line against torch: eval --logits in both modes") {
  for (const nlohmann::json& c : cases()) {
    CAPTURE(c["model"].get<std::string>());
    const Case files(c);
    const std::string out = files.dir / "logits.safetensors", tests = c["tests"].dump();
    for (const auto& [mode, expected] : c["logits"].items()) {
      CAPTURE(mode);
      std::vector<std::string> more = {"--logits", out, "--limit", tests, "--batch-size", tests};
      if (mode == "train") more.push_back("--train-mode");
      files.call("eval", more);
      const Tensor logits = read_safetensors(out).get("logits", out);
      CHECK(std::vector<int64>(logits.shape().begin(), logits.shape().end()) ==
            expected["shape"].get<std::vector<int64>>());
      CHECK(digest_distance(logits, expected) < (kDouble ? 1e-10 : 1e-4));
      const auto first = expected["first"].get<std::vector<double>>();
      double worst = 0;
      for (size_t i = 0; i < first.size(); ++i)
        worst = std::max(worst, std::abs(static_cast<double>(logits.data()[i]) - first[i]));
      CHECK(worst / expected["max"].get<double>() < (kDouble ? 1e-10 : 1e-4));
    }
  }
}

TEST_CASE("command line against torch: weights and running statistics after three training steps") {
  for (const nlohmann::json& c : cases()) {
    CAPTURE(c["model"].get<std::string>());
    const Case files(c);
    const std::string out = files.dir / "trained.safetensors";
    int number = 0;
    for (const nlohmann::json& expected : c["runs"]) {
      // Twenty batch norms over a batch of 8 magnify float's rounding, PyTorch's ("rounding": how far its own float32
      // gets from its float64) as well as ours.
      const double tolerance = kDouble ? 1e-8 : std::max(1e-3, 4 * expected["rounding"].get<double>());
      CAPTURE(expected["optim"].get<std::string>());
      files.call("train", {"--optim", expected["optim"], "--no-shuffle", "--batch-size", c["batch"].dump(),
                           "--steps", expected["steps"].dump(), "--quiet", "--save", out, "--out",
                           files.dir / ("run" + std::to_string(number++))});
      const TensorFile trained = read_safetensors(out);
      CHECK(trained.tensors.size() == expected["state"].size());
      for (const auto& [name, digest] : expected["state"].items()) {
        CAPTURE(name);
        CHECK(digest_distance(without_keys(name, trained.get(name, out)), digest) < tolerance);
      }
    }
  }
}
