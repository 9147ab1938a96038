// gradus train --select: the objective on what is kept, its refusals, resume bit for bit.
#include <doctest/doctest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "apps/train/trainer.h"
#include "core/error.h"
#include "core/safetensors.h"
#include "nn/registry.h"
#include "tests/apps/in_process.h"
#include "tests/precision.h"

using namespace gradus;
using namespace gradus::tests;

namespace gradus::select_tests {

// Keeps what it is told to.
class GivenSelector final : public SampleSelector {
 public:
  explicit GivenSelector(std::vector<char> keep) : keep_(std::move(keep)) {}
  Selected select(const LossBatch& batch) override {
    losses.assign(batch.losses.begin(), batch.losses.end());
    return {keep_, 1};
  }
  std::vector<double> losses;

 private:
  std::vector<char> keep_;
};

struct SelectProblem {
  std::unique_ptr<Model> model;
  Parameters parameters;
  Batch batch;

  SelectProblem() {
    const DataShape shape{.channels = 1, .height = 1, .width = 5, .classes = 3};
    model = make_model("mlp:hidden=4,act=tanh", shape, Rng(3));
    parameters = model->parameters();
    Rng rng(5);
    batch.x = rng.normal_tensor({4, 1, 1, 5});
    batch.y = IntTensor::from({4}, {0, 2, 1, 1});
    batch.index = IntTensor::arange(4);
  }
  Tensor gradient(std::vector<Batch> batches, SampleSelector* selector = nullptr, double* loss = nullptr) {
    ModelObjective objective(*model, parameters, std::move(batches),
                             {.selector = selector, .training_examples = 4});
    if (selector) objective.select();
    const double value = objective.gradient();
    if (loss) *loss = value;
    return parameters[0]->grad.clone();
  }
};

TEST_CASE("select: the gradient is the mean over what is kept, the score that of the whole batch") {
  SelectProblem problem;
  GivenSelector selector({1, 1, 0, 0});
  double loss = 0, first = 0;
  const Tensor found = problem.gradient({problem.batch}, &selector, &loss),
               expected = problem.gradient({rows_of(problem.batch, 0, 2)}, nullptr, &first);
  CHECK(loss == doctest::Approx(first).epsilon(1e-6));
  for (int64 i = 0; i < found.numel(); ++i)
    CHECK(double(found.data()[i]) ==
          doctest::Approx(double(expected.data()[i])).epsilon(kDouble ? 1e-12 : 1e-4));
  ModelObjective objective(*problem.model, problem.parameters, {problem.batch},
                           {.selector = &selector, .training_examples = 4});
  CHECK(objective.select().count() == 2);
  CHECK(objective.score().count == 4);
  double whole = 0;
  for (const double l : selector.losses) whole += l / 4;
  CHECK(objective.score().loss() == doctest::Approx(whole).epsilon(1e-6));
  // Losses, products and repeated gradients are of the same examples, at whatever weights.
  CHECK(objective.loss() == doctest::Approx(first).epsilon(1e-6));
  CHECK(objective.gradient() == doctest::Approx(first).epsilon(1e-6));
  for (real& w : std::span(problem.parameters[0]->value.mutable_data(), 4)) w += real(0.1);
  double moved = 0;
  problem.gradient({rows_of(problem.batch, 0, 2)}, nullptr, &moved);
  CHECK(objective.gradient() == doctest::Approx(moved).epsilon(1e-6));
  CHECK(objective.loss() == doctest::Approx(moved).epsilon(1e-6));
}

TEST_CASE("select: with all kept it is the same gradient bit for bit") {
  SelectProblem problem;
  GivenSelector selector({1, 1, 1, 1});
  CHECK(problem.gradient({problem.batch}, &selector).values() == problem.gradient({problem.batch}).values());
}

TrainConfig select_config(const std::string& select) {
  TrainConfig c;
  c.data = "digits:train=90,test=20,noise=0.3";
  c.model = "mlp:hidden=8,dropout=0.1";
  c.optim = "sgd:lr=0.1,momentum=0.9";
  c.batch_size.text = "10";
  c.epochs = 5;
  c.validation = 0;
  c.select = select;
  c.threads = 1;
  return c;
}

// Everything of the checkpoint but the clock.
std::string select_checkpoint(const TempDir& dir, const std::string& name, const TrainConfig& config,
                              const std::vector<int>& cuts) {
  const RunDirectory run = RunDirectory::create(dir / name, name, config);
  for (int left : cuts) {
    Trainer stage(config);
    CHECK_FALSE(stage.train(run, true, [&] { return left-- <= 0; }));
  }
  Trainer last(run.config());
  CHECK(last.train(run, true, [] { return false; }));
  const TensorFile file = read_safetensors(run.checkpoint());
  auto meta = nlohmann::json::parse(file.metadata.at("gradus_checkpoint"));
  meta["state"].erase("seconds");
  std::string all = meta["state"].dump() + meta["optim_numbers"].dump() + dir.read(name + "/selection.csv");
  for (const auto& [tensor, value] : file.tensors)
    all += tensor + std::string(reinterpret_cast<const char*>(value.data()),
                                static_cast<size_t>(value.numel()) * sizeof(real));
  return all;
}

TEST_CASE("select: a run that was cut goes on bit for bit") {
  const TempDir dir;
  int number = 0;
  for (const char* select : {"adaptive-k:warmup=1", "small-loss:keep=0.7", "trimmed-loss:keep=0.7"}) {
    INFO(std::string(select));
    const TrainConfig config = select_config(select);
    const std::string whole = select_checkpoint(dir, fmt::format("whole-{}", number), config, {});
    CHECK(whole == select_checkpoint(dir, fmt::format("cut-{}", number), config, {4, 11, 20}));
    ++number;
  }
}

TEST_CASE("select: a threshold that nothing exceeds trains as without it, one that all exceed not at all") {
  const TempDir dir;
  const auto weights = [&](const std::string& name, const std::string& select) {
    const TrainConfig config = select_config(select);
    const RunDirectory run = RunDirectory::create(dir / name, name, config);
    Trainer trainer(config);
    trainer.train(run, true, [] { return false; });
    return trainer.model().parameters()[0]->value.values();
  };
  const std::vector<real> plain = weights("plain", "all");
  CHECK(weights("warm", "adaptive-k:warmup=100") == plain);
  CHECK(weights("half", "small-loss:keep=0.5") != plain);
  // eps so large that the threshold is next to nothing: no step at all, momentum and all.
  TrainConfig config = select_config("adaptive-k:warmup=0,eps=1e6");
  Trainer trainer(config);
  trainer.begin();
  const std::vector<real> before = trainer.model().parameters()[0]->value.values();
  for (int i = 0; i < 12; ++i) trainer.step_at(1);
  CHECK(trainer.model().parameters()[0]->value.values() == before);
  CHECK(trainer.state().step == 12);
}

TEST_CASE("select: the command says what was kept, and what cannot be served is refused") {
  const TempDir dir;
  const std::vector<std::string> line{"train",
                                      "--data",
                                      "digits:train=60,test=20",
                                      "--model",
                                      "mlp:hidden=8",
                                      "--epochs",
                                      "3",
                                      "--quiet",
                                      "--json",
                                      "--out",
                                      dir / "run",
                                      "--select",
                                      "small-loss:keep=0.5",
                                      "--batch-size",
                                      "9",
                                      "--validation",
                                      "0"};
  const auto result = nlohmann::json::parse(run(line).text);
  CHECK(result["select"] == "small-loss:keep=0.5,warmup=0");
  // Six batches of nine keep five each (4.5 is five), the last one of six keeps three.
  CHECK(result["kept"].get<double>() == doctest::Approx(33.0 / 60));
  CHECK(dir.read("run/selection.csv").starts_with("step,examples,kept,threshold\n1,9,5,"));
  const std::vector<std::string> short_run{"train",   "--data", "digits:train=40,test=20",
                                           "--steps", "1",      "--quiet"};
  const auto has = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  CHECK(has(complaint(short_run, {"--select", "adaptive"}), "--select"));
  CHECK(has(complaint(short_run, {"--select", "adaptive"}), "adaptive-k"));
  CHECK(has(complaint(short_run, {"--select", "adaptive-k:warm=2"}), "warmup"));
  CHECK(has(complaint(short_run, {"--select", "adaptive-k", "--accumulate", "2"}), "--accumulate"));
  CHECK(has(complaint(short_run, {"--select", "adaptive-k", "--gradient", "forward"}), "--gradient"));
  CHECK(has(complaint(short_run, {"--select", "adaptive-k", "--optim", "egn"}), "--select"));
  CHECK(has(run({"data", "selectors", "adaptive-k"}).text, "threshold = m/(sqrt(v) + eps)"));
}

}  // namespace gradus::select_tests
