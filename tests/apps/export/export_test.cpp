// gradus export: every model of the registry as ONNX, in an interpreter of our own and in ONNX Runtime where it is installed;
// C source, compiled.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/export/c_source.h"
#include "apps/export/model_graph.h"
#include "apps/export/onnx_file.h"
#include "apps/export/traced_model.h"
#include "apps/labs/child.h"
#include "apps/train/checkpoint.h"
#include "autograd/graph.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "nn/modes.h"
#include "nn/registry.h"
#include "tests/apps/export/onnx_reader.h"
#include "tests/apps/in_process.h"
#include "tests/paths.h"

using namespace gradus;
using namespace gradus::tests;

namespace gradus::export_tests {

using Words = std::vector<std::string>;

// Every model small, and options of theirs that take other operators.
struct Exported {
  std::string spec;
  DataShape data;
};
std::vector<Exported> exported_models() {
  std::vector<Exported> all;
  for (const ModelEntry& m : models())
    all.push_back({fmt::format("{}{}{}", m.name, *m.tiny ? ":" : "", m.tiny), m.tiny_data});
  const DataShape row{.channels = 5, .height = 1, .width = 1, .classes = 3},
      image{.channels = 2, .height = 8, .width = 8, .classes = 3}, text{.vocabulary = 7};
  for (const char* act :
       {"gelu_tanh", "selu", "mish", "softsign", "hard_swish", "leaky_relu", "square_relu", "silu"})
    all.push_back({fmt::format("mlp:hidden=4,act={}", act), row});
  for (const char* spec : {"mlp:hidden=4,norm=bn", "mlp:hidden=4,norm=gn"}) all.push_back({spec, row});
  all.push_back({"gpt:block=6,dim=8,layers=1,heads=2,positions=rotary,norm=rms,tie=false", text});
  all.push_back({"gpt:block=6,dim=8,layers=1,heads=2,positions=sinusoidal,act=relu", text});
  all.push_back({"resnet8:width=2,norm=gn", image});
  all.push_back({"resnet8:width=2,norm=none", image});
  all.push_back({"nf-resnet:depth=8,width=2,act=silu", image});
  all.push_back({"vit:patch=2,dim=8,depth=1,heads=2,norm=post", image});
  all.push_back(
      {"sape:hidden=5,layers=1,frequencies=3,res=4", {.channels = 3, .height = 1, .width = 1, .targets = 2}});
  return all;
}

// A model whose weights and buffers are all drawn, so that none hides behind a zero.
std::unique_ptr<Model> drawn_model(const Exported& e, int64 seed) {
  std::unique_ptr<Model> model = make_model(e.spec, e.data, Rng(static_cast<std::uint64_t>(seed)));
  Rng rng(static_cast<std::uint64_t>(seed) + 100);
  for (const auto& p : model->parameters())
    for (int64 i = 0; i < p->value.numel(); ++i)
      p->value.mutable_data()[i] += static_cast<real>(0.1 * rng.normal());
  model->visit([&](Module& m, const std::string&) {
    for (auto& b : m.buffers())
      if (b.name.starts_with("running"))
        for (int64 i = 0; i < b.value.numel(); ++i)
          b.value.mutable_data()[i] += static_cast<real>(0.2 * rng.uniform());
  });
  return model;
}

Tensor output_of(Model& model, const Input& input) {
  const Recording off(false);
  const ModeScope evaluation(model, false);
  return model(input);
}

template <class T>
OnnxArray array_of(const T& t) {
  OnnxArray a;
  a.dims.assign(t.shape().begin(), t.shape().end());
  for (const auto v : t.span()) a.data.push_back(static_cast<double>(static_cast<float>(v)));
  return a;
}
std::map<std::string, OnnxArray> inputs_of(const Input& x) {
  std::map<std::string, OnnxArray> values;
  x.is_tokens() ? values.emplace("ids", array_of(x.ids())) : values.emplace("input", array_of(x.values()));
  if (x.time.defined()) values.emplace("time", array_of(x.time));
  if (x.classes.defined()) values.emplace("classes", array_of(x.classes));
  return values;
}

// Largest difference, relative where numbers are above 1.
double difference(const std::vector<double>& got, const Tensor& wanted) {
  REQUIRE(static_cast<int64>(got.size()) == wanted.numel());
  double most = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double w = static_cast<double>(wanted.data()[i]);
    most = std::max(most, std::abs(got[i] - w) / std::max(1.0, std::abs(w)));
  }
  return most;
}

TEST_CASE("export: every model of the registry, as ONNX, computes what the model computes, for any batch") {
  int64 seed = 0;
  for (const Exported& e : exported_models()) {
    CAPTURE(e.spec);
    const std::unique_ptr<Model> model = drawn_model(e, ++seed);
    const OnnxModel onnx = read_onnx(onnx_bytes(model_graph(*model, {}, false), {}));
    CHECK(onnx.inputs[0].dims[0] == "batch");
    for (const int64 n : {1, 5}) {
      const Input x = drawn_input(*model, n, Rng(static_cast<std::uint64_t>(40 + n)));
      const Tensor y = output_of(*model, x);
      auto values = inputs_of(x);
      if (onnx.inputs.size() < values.size()) values.erase("classes");
      const OnnxArray got = run_onnx(onnx, values);
      CHECK(got.dims == std::vector<std::int64_t>(y.shape().begin(), y.shape().end()));
      CHECK(difference(got.data, y) < 2e-5);
    }
  }
}

TEST_CASE("export: parameters keep their names, and a classifier's output is called logits") {
  const std::unique_ptr<Model> model = drawn_model(
      {"lenet:conv1=2,conv2=3,hidden=4", {.channels = 1, .height = 8, .width = 8, .classes = 3}}, 7);
  const OnnxModel onnx = read_onnx(onnx_bytes(model_graph(*model, {}, false), {}));
  CHECK(onnx.outputs[0].name == "logits");
  CHECK(onnx.outputs[0].dims == Words{"batch", "3"});
  CHECK(onnx.inputs[0].dims == Words{"batch", "1", "8", "8"});
  CHECK(onnx.nodes.size() == 9);  // Conv Relu Conv Relu MaxPool Reshape Gemm Relu Gemm
  for (const auto& p : model->parameters()) {
    CAPTURE(p->name);
    CHECK(onnx.constants.at(p->name).dims ==
          std::vector<std::int64_t>(p->value.shape().begin(), p->value.shape().end()));
    CHECK(onnx.constants.at(p->name).data[0] == static_cast<double>(static_cast<float>(p->value.data()[0])));
  }
}

TEST_CASE("export: numbers that come from the input by other ways than primitives are refused") {
  struct Crooked : ImageModel {
    Crooked() : ImageModel({.channels = 2, .height = 1, .width = 1, .classes = 2}, "crooked") {}
    Tensor forward(const Input& x) override {
      Tensor copied = x.values().clone();
      for (int64 i = 0; i < copied.numel(); ++i) copied.mutable_data()[i] *= 2;
      return x.values() + copied;
    }
  } model;
  CHECK_THROWS_WITH_AS(model_graph(model, {}, false),
                       doctest::Contains("reads numbers of single examples that come from something other"),
                       UsageError);
  struct OverBatch : ImageModel {
    OverBatch() : ImageModel({.channels = 2, .height = 1, .width = 1, .classes = 2}, "over-batch") {}
    Tensor forward(const Input& x) override { return x.values() - mean(x.values(), {0}, true); }
  } over;
  CHECK_THROWS_WITH_AS(model_graph(over, {}, false), doctest::Contains("depends on the others"), UsageError);
}

// What the runtime says of each model at `n` examples, beside what the model says; empty where there is no runtime.
std::vector<double> runtime_differences(const std::vector<Exported>& all, int64 opset) {
  const TempDir dir;
  nlohmann::json jobs = nlohmann::json::array();
  std::vector<Tensor> wanted;
  for (size_t k = 0; k < all.size(); ++k) {
    const std::unique_ptr<Model> model = drawn_model(all[k], static_cast<int64>(k));
    const OperatorGraph graph = model_graph(*model, {}, false);
    const std::string file = dir.write(fmt::format("{}.onnx", k), onnx_bytes(graph, {.opset = opset}));
    const Input x = drawn_input(*model, 5, Rng(9));
    wanted.push_back(output_of(*model, x));
    nlohmann::json inputs;
    const auto values = inputs_of(x);
    for (const GraphValue& v : graph.inputs)
      inputs[v.name] = {{"type", v.type == ValueType::kInt64 ? "int64" : "float32"},
                        {"dims", values.at(v.name).dims},
                        {"data", values.at(v.name).data}};
    jobs.push_back({{"model", file}, {"inputs", inputs}});
  }
  dir.write("jobs.json", jobs.dump());
  ChildResult node;
  try {
    node = run_child({"node", (tests_dir() / "apps/export/run_onnx.cjs").string(), dir / "jobs.json",
                      dir / "results.json"},
                     dir.path(), 120);
  } catch (const DataError&) {
    return {};
  }
  if (node.code == 77 || node.code == 127) return {};
  CAPTURE(node.output);
  REQUIRE(node.code == 0);
  const auto results = nlohmann::json::parse(dir.read("results.json"));
  REQUIRE(results.size() == all.size());
  std::vector<double> differences;
  for (size_t k = 0; k < all.size(); ++k)
    differences.push_back(difference(results[k]["data"].get<std::vector<double>>(), wanted[k]));
  return differences;
}

TEST_CASE("export: ONNX Runtime computes what the model computes" * doctest::test_suite("slow")) {
  const std::vector<Exported> all = exported_models();
  for (const int64 opset : {21, 18}) {
    const std::vector<double> differences = runtime_differences(all, opset);
    if (differences.empty()) {
      MESSAGE(
          "ONNX Runtime is not installed (npm install onnxruntime-node; NODE_PATH): not compared with it");
      return;
    }
    for (size_t k = 0; k < all.size(); ++k) {
      CAPTURE(all[k].spec);
      CHECK(differences[k] < 1e-4);
    }
  }
}

// Compiles a program that runs net.h on the inputs in `x`, and returns what it prints.
std::vector<double> run_c(const TempDir& dir, const std::string& file, const Tensor& x) {
  const int64 n = x.dim(0), in = x.numel() / n;
  const std::string prefix = c_identifier(file);
  std::string main_c =
      fmt::format("#include \"{}.h\"\n#include <stdio.h>\nstatic const float x[{}] = {{\n", file, x.numel());
  for (const real v : x.span()) main_c += fmt::format("{:.9g},\n", static_cast<float>(v));
  main_c += fmt::format(
      "}};\nint main(void) {{\n  float y[{0}_outputs];\n  if ({0}_inputs != {1}) return 9;\n"
      "  for (int i = 0; i < {2}; ++i) {{\n    {0}_predict(x + i * {1}, y);\n"
      "    for (int k = 0; k < {0}_outputs; ++k) printf(\"%.9g\\n\", (double)y[k]);\n  }}\n  return 0;\n}}\n",
      prefix, in, n);
  dir.write("main.c", main_c);
  const ChildResult cc =
      run_child({"cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-O1", "main.c", "-o", "main", "-lm"},
                dir.path(), 120);
  CAPTURE(cc.output);
  REQUIRE(cc.code == 0);
  const ChildResult ran = run_child({dir / "main"}, dir.path(), 60);
  REQUIRE(ran.code == 0);
  std::vector<double> numbers;
  for (size_t at = 0; at < ran.output.size(); at = ran.output.find('\n', at) + 1)
    numbers.push_back(std::stod(ran.output.substr(at)));
  return numbers;
}

TEST_CASE("export --c: mlp and lenet in C99, compiled without a warning, compute what the model computes") {
  const DataShape image{.channels = 2, .height = 9, .width = 8, .classes = 3},
      row{.channels = 6, .height = 1, .width = 1, .targets = 2};
  for (const Exported& e : std::vector<Exported>{
           {"mlp:hidden=5-4", image},
           {"mlp:hidden=5,act=gelu,norm=bn", row},
           {"mlp:hidden=8,act=selu,norm=gn", row},
           {"mlp:hidden=5,act=mish", row},
           {"lenet:conv1=2,conv2=3,hidden=4", image},
           {"resnet8:width=2", image},
           {"mobilenet-mini:width=0.125,expand=2", image},
           {"nf-resnet:depth=8,width=2", {.channels = 2, .height = 8, .width = 8, .classes = 3}}}) {
    CAPTURE(e.spec);
    const std::unique_ptr<Model> model = drawn_model(e, 3);
    const TempDir dir;
    dir.write("net.h", c_source(model_graph(*model, {}, false), {"net",
                                                                 "a */ comment \\",
                                                                 {"a\"b",
                                                                  "?"
                                                                  "?/",
                                                                  "\xc3\xa4"}}));
    const Input x = drawn_input(*model, 3, Rng(5));
    CHECK(difference(run_c(dir, "net", x.values()), output_of(*model, x)) < 1e-5);
  }
  const std::unique_ptr<Model> gpt =
      drawn_model({"gpt:block=6,dim=8,layers=1,heads=2", {.vocabulary = 7}}, 3);
  CHECK_THROWS_WITH_AS(c_source(model_graph(*gpt, {}, false), {"net", ""}), doctest::Contains("mlp, lenet"),
                       UsageError);
  CHECK(c_identifier("my model-2") == "my_model_2");
  CHECK(c_identifier("2nd") == "_2nd");
}

TEST_CASE("gradus export: a run as ONNX and as C, with its preprocessing or without; wrong words") {
  const TempDir dir;
  const std::string run_dir =
      trained(dir, "run", {"--data", "digits:train=200,test=60", "--model", "mlp:hidden=6", "--steps", "5"});
  const auto told =
      nlohmann::json::parse(run({"export", run_dir, dir / "m.onnx", "--preprocess", "--json"}).text);
  CHECK(told.at("format") == "onnx");
  CHECK(told.at("inputs").at("input") == "(N, 1, 28, 28)");
  CHECK(told.at("elements").get<int64>() >= 784 * 6 + 6 + 60 + 10);
  CHECK(run({"export", run_dir, dir / "plain.onnx", "--opset", "18"}).code == kOk);
  CHECK(run({"export", run_dir, "--preprocess", "--c", dir / "my-net.h"}).code == kOk);

  const WeightsOrigin origin = read_origin(run_dir + "/model.safetensors");
  const std::unique_ptr<Model> model = make_model(*origin.model, data_shape(*origin.data), Rng(0));
  load_weights(run_dir + "/model.safetensors", *model);
  // Pixels 0..255, and the same standardised: (p / 255 - mean) / std.
  Tensor pixels({3, 1, 28, 28}), x({3, 1, 28, 28});
  Rng rng(4);
  for (int64 i = 0; i < pixels.numel(); ++i) {
    pixels.mutable_data()[i] = static_cast<real>(rng.below(256));
    x.mutable_data()[i] =
        static_cast<real>((double(pixels.data()[i]) / 255 - origin.data->mean[0]) / origin.data->std[0]);
  }
  const Tensor y = output_of(*model, x);
  const OnnxModel with = read_onnx(dir.read("m.onnx")), without = read_onnx(dir.read("plain.onnx"));
  CHECK(difference(run_onnx(with, {{"input", array_of(pixels)}}).data, y) < 1e-4);
  CHECK(difference(run_onnx(without, {{"input", array_of(x)}}).data, y) < 1e-4);
  CHECK(with.opset == 21);
  CHECK(without.opset == 18);
  CHECK(with.metadata.at("model") == "mlp:hidden=6,act=relu,dropout=0,norm=none");
  CHECK(nlohmann::json::parse(with.metadata.at("data")).at("class_names").size() == 10);
  CHECK(difference(run_c(dir, "my-net", pixels), y) < 1e-4);

  CHECK(complaint({"export", run_dir}).find("export to where?") != std::string::npos);
  CHECK(complaint({"export", run_dir, dir / "a.onnx", "--c", dir / "b.h"}).find("export to where?") !=
        std::string::npos);
  CHECK(complaint({"export", run_dir, dir / "a.txt"}).find(".safetensors or .npz") != std::string::npos);
  CHECK(complaint({"export", run_dir, dir / "a.npz", "--preprocess"}).find("holds weights alone") !=
        std::string::npos);
  CHECK(complaint({"export", run_dir, dir / "a.onnx", "--opset", "5"}).find("opset") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(dir / "a.onnx"));
}

}  // namespace gradus::export_tests
