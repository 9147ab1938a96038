// gradus train --gradient: what each method gives against backprop, no tape, resume bit for bit, what is refused.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/train/gradients/gradient_method.h"
#include "apps/train/trainer.h"
#include "autograd/functional/flat.h"
#include "autograd/ops/elementwise.h"
#include "core/error.h"
#include "core/safetensors.h"
#include "core/threads.h"
#include "nn/local/layer_taps.h"
#include "nn/modes.h"
#include "nn/registry.h"
#include "tests/apps/in_process.h"
#include "tests/precision.h"

using namespace gradus;
using namespace gradus::tests;

namespace gradus::gradient_methods_tests {

// A model, a batch of 12 rows and the objective by a method.
struct Problem {
  std::unique_ptr<Model> model;
  Parameters parameters;
  Batch batch;

  explicit Problem(const std::string& spec, int64 side = 0) {
    const DataShape shape{.channels = 1, .height = side ? side : 1, .width = side ? side : 6, .classes = 3};
    model = make_model(spec, shape, Rng(3));
    parameters = model->parameters();
    Rng rng(5);
    batch.x = rng.normal_tensor({12, shape.channels, shape.height, shape.width});
    batch.y = IntTensor({12});
    for (int64 n = 0; n < 12; ++n) batch.y.mutable_data()[n] = rng.below(3);
    batch.index = IntTensor::arange(12);
  }
  // The gradient; its loss in `loss`.
  std::vector<Tensor> gradient(const std::string& method, std::uint64_t draw = 1, double* loss = nullptr) {
    const GradientMethodPtr made = make_gradient_method(method, *model, Rng(2));
    ModelObjective objective(*model, parameters, {batch}, {.method = made.get(), .draws = Rng(draw)});
    const double value = objective.gradient();
    if (loss) *loss = value;
    CHECK(objective.score().count == 12);
    std::vector<Tensor> grads;
    for (const ParameterPtr& p : parameters) {
      REQUIRE(p->grad.defined());
      CHECK(!requires_grad(p->grad));
      grads.push_back(p->grad.clone());
      p->grad = Tensor();
    }
    return grads;
  }
  std::vector<Tensor> mean_gradient(const std::string& method, int draws) {
    std::vector<Tensor> sum;
    for (int i = 0; i < draws; ++i) {
      const std::vector<Tensor> g = gradient(method, static_cast<std::uint64_t>(i) + 1);
      for (size_t j = 0; j < g.size(); ++j)
        if (i == 0)
          sum.push_back(g[j]);
        else
          sum[j] = sum[j] + g[j];
    }
    return sum;
  }
};

double cosine(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  return inner(a, b) / std::sqrt(inner(a, a) * inner(b, b));
}

TEST_CASE("gradient methods: each points on average where backprop does, and has its loss") {
  struct Case {
    const char *model, *method;
    int64 side;
    int draws;
    double least;
  };
  for (const Case& c :
       {Case{"mlp:hidden=5,act=tanh", "forward:samples=100", 0, 10, 0.95},
        Case{"mlp:hidden=5,act=tanh", "forward:samples=100,distribution=rademacher", 0, 10, 0.95},
        Case{"mlp:hidden=5", "forward:samples=100,space=activation", 0, 10, 0.95},
        Case{"mlp:hidden=5,act=tanh", "likelihood-ratio:copies=200,sigma=0.05", 0, 2, 0.97},
        Case{"mlp:hidden=5,act=tanh", "likelihood-ratio:copies=100,sigma=0.05,hypercube=true", 0, 2, 0.97},
        Case{"mlp:hidden=5", "likelihood-ratio:copies=200,sigma=0.05,exact_head=false", 0, 2, 0.97},
        Case{"lenet:conv1=2,conv2=2,hidden=4", "forward:samples=1000,space=activation", 8, 20, 0.9},
        Case{"lenet:conv1=2,conv2=2,hidden=4", "likelihood-ratio:copies=100,sigma=0.02", 8, 2, 0.9}}) {
    INFO(std::string(c.model) << " " << std::string(c.method));
    Problem problem(c.model, c.side);
    double exact = 0, estimated = 0;
    const std::vector<Tensor> back = problem.gradient("backprop", 1, &exact);
    problem.gradient(c.method, 1, &estimated);
    CHECK(estimated == doctest::Approx(exact).epsilon(1e-5));
    CHECK(cosine(problem.mean_gradient(c.method, c.draws), back) > c.least);
    // The step's draws decide, and nothing else.
    CHECK(inner(problem.gradient(c.method, 4), problem.gradient(c.method, 4)) > 0);
    CHECK(problem.gradient(c.method, 4)[0].values() == problem.gradient(c.method, 4)[0].values());
    CHECK(problem.gradient(c.method, 4)[0].values() != problem.gradient(c.method, 5)[0].values());
  }
}

TEST_CASE("gradient methods: local-forward is backprop's gradient seen along each layer's local one") {
  for (const char* options : {"", "granularity=layer", "space=activation"}) {
    INFO(std::string(options));
    Problem problem("mlp:hidden=5-4,act=tanh");
    const std::vector<Tensor> back = problem.gradient("backprop"),
                              found = problem.gradient(std::string("local-forward") + (*options ? ":" : "") +
                                                       options);
    // The last layer's gradient is the true one.
    for (size_t i : {size_t{4}, size_t{5}})
      for (int64 j = 0; j < back[i].numel(); ++j)
        CHECK(double(found[i].data()[j]) == doctest::Approx(double(back[i].data()[j])).epsilon(1e-5));
    if (std::string(options) == "space=activation") continue;
    // A projection p of t: <p, t> = ||p||^2, a tensor at a time or a layer at a time.
    for (size_t layer = 0; layer < 2; ++layer) {
      double pt = 0, pp = 0;
      for (size_t i : {2 * layer, 2 * layer + 1}) {
        const std::vector<Tensor> p{found[i]}, t{back[i]};
        pt += inner(p, t), pp += inner(p, p);
        if (!*options) CHECK(inner(p, t) == doctest::Approx(inner(p, p)).epsilon(1e-3));
      }
      CHECK(pp > 0);
      CHECK(pt == doctest::Approx(pp).epsilon(1e-3));
    }
  }
}

TEST_CASE("gradient methods: no more nodes than one layer's") {
  Problem problem("mlp:hidden=6-6-6-6-6-6-6-6");
  const int64 before = live_nodes();
  // Counted at every layer's call, behind it.
  const auto most = [&](const std::string& method) {
    const GradientMethodPtr made = make_gradient_method(method, *problem.model, Rng(2));
    const int64 start = live_nodes();
    int64 found = 0;
    {
      const CallTrace trace(
          [&](Module&, const Input&, const Tensor&) { found = std::max(found, live_nodes() - start); });
      ModelObjective objective(*problem.model, problem.parameters, {problem.batch}, {.method = made.get()});
      objective.gradient();
    }
    for (const ParameterPtr& p : problem.parameters) p->grad = Tensor();
    return found;
  };
  CHECK(most("backprop") >= 9);
  CHECK(most("forward") == 0);
  for (const char* method :
       {"forward:space=activation", "local-forward", "likelihood-ratio", "local-forward:space=activation"}) {
    INFO(std::string(method));
    CHECK(most(method) <= 4);  // a layer's and its head's
  }
  CHECK(live_nodes() == before);
}

TEST_CASE("gradient methods: a forward gradient runs every layer once a direction, and nothing else") {
  Problem problem("mlp:hidden=6-6-6");
  for (const int samples : {1, 3}) {
    const GradientMethodPtr made =
        make_gradient_method(fmt::format("forward:samples={}", samples), *problem.model, Rng(2));
    int64 calls = 0, nodes = 0;
    {
      const int64 start = live_nodes();
      const CallTrace trace([&](Module& module, const Input&, const Tensor&) {
        calls += !module.slots().empty();
        nodes = std::max(nodes, live_nodes() - start);
      });
      ModelObjective objective(*problem.model, problem.parameters, {problem.batch}, {.method = made.get()});
      objective.gradient();
    }
    CHECK(calls == 4 * samples);
    CHECK(nodes == 0);
    for (const ParameterPtr& p : problem.parameters) p->grad = Tensor();
  }
}

TEST_CASE("gradient methods: what cannot be served is refused by name") {
  const std::vector<std::string> line{
      "train", "--data", "digits:train=40,test=20", "--steps", "1", "--threads", "1", "--quiet"};
  const auto has = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  CHECK(has(complaint(line, {"--gradient", "forwards"}), "did you mean 'forward'"));
  CHECK(has(complaint(line, {"--gradient", "forwards"}), "--gradient"));
  CHECK(has(complaint(line, {"--gradient", "forward:sample=4"}), "samples"));
  CHECK(has(complaint(line, {"--gradient", "forward:samples=0"}), "samples"));
  CHECK(has(complaint(line, {"--gradient", "backprop:lr=1"}), "no options"));
  CHECK(has(complaint(line, {"--gradient", "likelihood-ratio:copies=1,antithetic=false"}), "copies"));
  CHECK(has(complaint(line, {"--gradient", "likelihood-ratio", "--model", "resnet8"}), "batch"));
  CHECK(has(complaint(line, {"--gradient", "local-forward", "--model", "autoencoder"}), "classes"));
  CHECK(has(complaint(line, {"--gradient", "forward", "--optim", "sophia-h:lr=1e-3"}), "needs"));
  CHECK(has(complaint(line, {"--gradient", "local-forward", "--optim", "sam(sgd:lr=0.1)"}), "needs"));
}

// Weights, optimizer and heads of a run that was cut after `cuts` questions each, and trained to its end.
std::string checkpoint_of(const TempDir& dir, const std::string& name, const TrainConfig& config,
                          const std::vector<int>& cuts) {
  const RunDirectory run = RunDirectory::create(dir / name, name, config);
  for (int left : cuts) {
    Trainer stage(config);
    CHECK_FALSE(stage.train(run, true, [&] { return left-- <= 0; }));
  }
  Trainer last(run.config());
  CHECK(last.train(run, true, [] { return false; }));
  const TensorFile file = read_safetensors(run.checkpoint());
  std::string all;
  for (const auto& [tensor, value] : file.tensors)
    all += tensor + std::string(reinterpret_cast<const char*>(value.data()),
                                static_cast<size_t>(value.numel()) * sizeof(real));
  return all;
}

TEST_CASE("gradient methods: a run that is cut and resumed is the run that was not, bit for bit") {
  for (const char* gradient :
       {"forward:samples=2", "forward:space=activation", "local-forward", "likelihood-ratio:copies=2"}) {
    INFO(std::string(gradient));
    TrainConfig config;
    config.data = "digits:train=60,test=20";
    config.model = "mlp:hidden=8,dropout=0.2";
    config.optim = "sgd:lr=0.01,momentum=0.9";
    config.gradient = gradient;
    config.batch_size = 16;
    config.accumulate = 2;
    config.steps = 7;
    config.threads = threads();
    const TempDir dir;
    const std::string whole = checkpoint_of(dir, "whole", config, {});
    CHECK(checkpoint_of(dir, "cut", config, {2, 1}) == whole);
    CHECK((whole.find("gradient/heads/head1.weight") != std::string::npos) ==
          (std::string(gradient) == "local-forward"));
    config.gradient = "backprop";
    CHECK(checkpoint_of(dir, "other", config, {}) != whole);
  }
}

TEST_CASE("gradient methods: train says what it did, and the list documents it") {
  const TempDir dir;
  const Output out =
      run({"train", "--data", "digits:train=60,test=20", "--model", "mlp:hidden=8", "--gradient",
           "forward:samples=4", "--steps", "2", "--quiet", "--json", "--out", dir / "run"});
  const auto json = nlohmann::json::parse(out.text);
  CHECK(json.at("gradient") == "forward:samples=4,distribution=normal,space=weight");
  CHECK(json.at("memory").at("step_peak_bytes").get<double>() > 0);
  CHECK(json.at("memory").at("layers").size() >= 2);
  CHECK(json.at("memory").at("layers")[0].at("output_bytes") == 64 * 8 * static_cast<int>(sizeof(real)));
  const std::string list = run({"optim", "gradients"}).text;
  for (const GradientEntry& entry : gradient_methods()) CHECK(list.find(entry.name) != std::string::npos);
  CHECK(run({"optim", "gradients", "likelihood-ratio"}).text.find("copies") != std::string::npos);
}

TEST_CASE("layer taps: sites in the order of the calls; layers inside layers are refused") {
  Problem problem("mlp:hidden=5-4");
  LayerTaps taps(*problem.model);
  std::vector<std::string> names;
  const Tensor y = taps.run([&] { return (*problem.model)(problem.batch.x); },
                            [&](const LayerTaps::Site& s) {
                              names.push_back(s.module.path());
                              return s.number == 2 ? s.output * real(0) : Tensor();
                            });
  CHECK(names == std::vector<std::string>{"fc1", "fc2", "fc3"});
  for (const real v : y.span()) CHECK(v == 0);
  for (const ParameterPtr& p : problem.parameters) p->frozen = true;
  CHECK_THROWS_AS(LayerTaps(*problem.model), UsageError);
}

}  // namespace gradus::gradient_methods_tests
