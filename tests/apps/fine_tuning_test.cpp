// Starting from other weights: layers by depth, step sizes by layer, heads that start afresh, names that change.
#include "apps/train/fine_tuning.h"

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "apps/train/scaled_groups.h"
#include "apps/train/trainer.h"
#include "core/error.h"
#include "core/safetensors.h"
#include "nn/registry.h"
#include "optim/registry.h"
#include "tests/apps/in_process.h"

using namespace gradus;
using namespace gradus::tests;

namespace {

using Words = std::vector<std::string>;

std::map<std::string, int64> layers_by_name(const Parameters& parameters) {
  const std::vector<int64> layers = layers_of(parameters);
  std::map<std::string, int64> by_name;
  for (size_t i = 0; i < parameters.size(); ++i) by_name[parameters[i]->name] = layers[i];
  return by_name;
}

Parameters parameters_of(const std::string& spec, const DataShape& shape, std::unique_ptr<Model>& model) {
  model = make_model(spec, shape, Rng(0));
  return model->parameters();
}

const DataShape kImages{.channels = 1, .height = 28, .width = 28, .classes = 10};

double tensor_gap(const Tensor& a, const Tensor& b) {
  double worst = 0;
  for (int64 i = 0; i < a.numel(); ++i)
    worst = std::max(worst, std::abs(static_cast<double>(a.data()[i]) - static_cast<double>(b.data()[i])));
  return worst;
}

Words small(const std::string& data, const Words& more) {
  Words line = {"--data", data, "--model", "mlp:hidden=12-8", "--steps", "0"};
  line.insert(line.end(), more.begin(), more.end());
  return line;
}

}  // namespace

TEST_CASE("layers: blocks from the input on; norms and biases with the layer before them; the head") {
  std::unique_ptr<Model> model;
  auto mlp = layers_by_name(parameters_of("mlp:hidden=8-4", kImages, model));
  CHECK(mlp.at("fc1.weight") == 0);
  CHECK(mlp.at("fc2.bias") == 1);
  CHECK(mlp.at("fc3.weight") == 2);
  CHECK(head_of(model->parameters()) == Words{"fc3.weight", "fc3.bias"});
  auto resnet = layers_by_name(parameters_of("resnet8:width=2", kImages, model));
  CHECK(resnet.at("conv1.weight") == 0);
  CHECK(resnet.at("bn1.weight") == 0);
  CHECK(resnet.at("layer1.0.conv1.weight") == 1);
  CHECK(resnet.at("layer1.0.bn2.bias") == 1);
  CHECK(resnet.at("layer3.0.conv2.weight") == 3);
  CHECK(resnet.at("fc.weight") == 4);
  CHECK(head_of(model->parameters()) == Words{"fc.weight", "fc.bias"});
  auto gpt = layers_by_name(parameters_of("gpt:block=8,dim=16,layers=3,heads=2", {.vocabulary = 20}, model));
  CHECK(gpt.at("transformer.wte.weight") == 0);
  CHECK(gpt.at("transformer.wpe.weight") == 0);
  CHECK(gpt.at("transformer.h.0.attn.c_attn.weight") == 1);
  CHECK(gpt.at("transformer.h.2.ln_1.weight") == 3);
  CHECK(gpt.at("transformer.ln_f.weight") == 3);
  // Every model of the registry has layers without holes, and a head that is among its parameters.
  for (const ModelEntry& entry : models()) {
    CAPTURE(entry.name);
    const auto tiny = make_model(fmt::format("{}:{}", entry.name, entry.tiny), entry.tiny_data, Rng(0));
    const Parameters all = tiny->parameters();
    const std::vector<int64> layers = layers_of(all);
    const std::set<int64> different(layers.begin(), layers.end());
    CHECK(*different.begin() == 0);
    CHECK(static_cast<int64>(different.size()) == *different.rbegin() + 1);
    CHECK_FALSE(head_of(all).empty());
  }
}

TEST_CASE("freeze by depth: the first layers, or all but the last ones") {
  std::unique_ptr<Model> model;
  const auto frozen = [&](int64 n) {
    const Parameters all = parameters_of("mlp:hidden=8-4", kImages, model);
    freeze_layers(all, n);
    Words names;
    for (const auto& p : all)
      if (p->frozen) names.push_back(p->name);
    return names;
  };
  CHECK(frozen(0).empty());
  CHECK(frozen(1) == Words{"fc1.weight", "fc1.bias"});
  CHECK(frozen(-1) == Words{"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"});
  CHECK(frozen(2) == frozen(-1));
  for (const int64 n : {3, -3, 9})
    CHECK_THROWS_WITH_AS(frozen(n), doctest::Contains("has 3 layers: 1 to 2 can be frozen"), UsageError);
}

// Factors 1/2 from each layer to the one below it.
OptionFactors halved(const Parameters& all) {
  OptionFactors factors;
  for (const double f : layer_decay_factors(all, 0.5)) factors.push_back({{"lr", f}});
  return factors;
}

TEST_CASE(
    "layer decay: each layer's step size is that of the one above it times the factor, whatever the groups "
    "say") {
  std::unique_ptr<Model> model;
  const Parameters all = parameters_of("mlp:hidden=8-4", kImages, model);
  const std::vector<GroupSpec> groups = {parse_group("*.bias:lr=0.5,weight_decay=0.25")};
  for (const std::string optim : {"adamw:lr=0.1", "ema(sgd:lr=0.1):decay=0.9"}) {
    CAPTURE(optim);
    const auto plain = make_optimizer(optim, all, groups);
    const auto decayed =
        make_optimizer(optim, all, scaled_groups(all, groups, halved(all), *plain, "--layer-decay"));
    const auto lr = [&](size_t i) { return *decayed->option(*all[i], "lr"); };
    CHECK(lr(0) == doctest::Approx(0.025));  // fc1.weight
    CHECK(lr(1) == doctest::Approx(0.125));  // fc1.bias
    CHECK(lr(2) == doctest::Approx(0.05));
    CHECK(lr(3) == doctest::Approx(0.25));
    CHECK(lr(4) == doctest::Approx(0.1));
    CHECK(lr(5) == doctest::Approx(0.5));
    CHECK(*decayed->option(*all[1], "weight_decay") == doctest::Approx(0.25));
    CHECK(*decayed->option(*all[0], "weight_decay") == *plain->option(*all[0], "weight_decay"));
  }
  // Two rules beside each other keep their own step sizes.
  const auto muon = make_optimizer("companion(muon:lr=0.02|adamw:lr=1e-3)", all);
  const auto both = make_optimizer("companion(muon:lr=0.02|adamw:lr=1e-3)", all,
                                   scaled_groups(all, {}, halved(all), *muon, "--layer-decay"));
  for (size_t i = 0; i < all.size(); ++i)
    CHECK(*both->option(*all[i], "lr") ==
          doctest::Approx(*muon->option(*all[i], "lr") * std::pow(0.5, 2 - static_cast<double>(i / 2))));
}

TEST_CASE("train --init: a last layer of another shape starts afresh, and is named; --new-head in any case") {
  const TempDir dir;
  const std::string ten = trained(dir, "ten", small("digits:train=64,test=32", {"--seed", "3"}));
  const TensorFile from = read_safetensors(ten + "/model.safetensors");
  const auto weights = [&](const std::string& name, const Words& more) {
    trained(dir, name, small("digits:train=64,test=32,classes=0-3", more));
    return read_safetensors(dir / name + "/model.safetensors");
  };
  // Its own classes are known to the weights: all ten stay.
  const TensorFile same = weights("same", {"--init", ten});
  CHECK(tensor_gap(same.get("fc3.weight", ""), from.get("fc3.weight", "")) == 0);
  const TensorFile fresh = weights("fresh", {"--init", ten, "--new-head"}), plain = weights("plain", {});
  CHECK(fresh.get("fc3.weight", "").shape() == Shape{4, 8});
  CHECK(tensor_gap(fresh.get("fc1.weight", ""), from.get("fc1.weight", "")) == 0);
  CHECK(tensor_gap(fresh.get("fc2.bias", ""), from.get("fc2.bias", "")) == 0);
  CHECK(tensor_gap(fresh.get("fc3.weight", ""), plain.get("fc3.weight", "")) ==
        0);  // as a model of this seed has it

  TrainConfig config;
  config.data = "digits:train=64,test=32,classes=0-3";
  config.model = "mlp:hidden=12-8";
  config.init = ten;
  config.new_head = true;
  const Trainer trainer(config);
  std::string notes;
  for (const std::string& line : trainer.notes()) notes += line + "\n";
  CHECK(notes.find("the last layer starts afresh: fc3.weight ((4, 8), in the file (10, 8)), fc3.bias") !=
        std::string::npos);
  // Only the last layer may differ.
  config.model = "mlp:hidden=12-6";
  CHECK_THROWS_WITH_AS(Trainer{config}, doctest::Contains("fc2.weight"), DataError);
  CHECK_THROWS_WITH_AS(Trainer{config}, doctest::Contains("--init-partial takes what fits"), DataError);
  config.init_partial = true;
  Trainer partial(config);
  notes.clear();
  for (const std::string& line : partial.notes()) notes += line + "\n";
  CHECK(notes.find("of another shape, start afresh: fc2.weight ((6, 12), in the file (8, 12)), fc2.bias") !=
        std::string::npos);
  CHECK(tensor_gap(partial.model().parameters()[0]->value, from.get("fc1.weight", "")) == 0);
  config.model = "lenet";
  CHECK_THROWS_WITH_AS(Trainer{config}, doctest::Contains("nothing in it fits"), DataError);
}

TEST_CASE(
    "train --init-rename: names begin otherwise in the file; what is left over and left fresh is named") {
  const TempDir dir;
  const std::string ten = trained(dir, "ten", small("digits:train=64,test=32", {"--seed", "3"}));
  const TensorFile from = read_safetensors(ten + "/model.safetensors");
  TensorFile other;
  for (const auto& [name, tensor] : from.tensors)
    if (!name.starts_with("fc3")) other.tensors.emplace_back("backbone." + name, tensor);
  write_safetensors(dir / "backbone.safetensors", other);
  TrainConfig config;
  config.data = "digits:train=64,test=32";
  config.model = "mlp:hidden=12-8";
  config.init = dir / "backbone.safetensors";
  CHECK_THROWS_WITH_AS(Trainer{config}, doctest::Contains("unexpected (4): backbone.fc1.weight"), DataError);
  config.init_rename = {"backbone.="};
  Trainer trainer(config);  // a head that is not in the file starts afresh by itself
  CHECK(tensor_gap(trainer.model().parameters()[2]->value, from.get("fc2.weight", "")) == 0);
  std::string notes;
  for (const std::string& line : trainer.notes()) notes += line + "\n";
  CHECK(notes.find("4 names that began with 'backbone.' begin with ''") != std::string::npos);
  CHECK(notes.find("fc3.weight (not in the file)") != std::string::npos);
  config.init_rename = {"backbone.=:"};  // ':' is nothing
  Trainer colon(config);
  CHECK(tensor_gap(colon.model().parameters()[2]->value, from.get("fc2.weight", "")) == 0);
  const std::string mapped =
      trained(dir, "mapped",
              small("digits:train=64,test=32",
                    {"--steps", "0", "--init", dir / "backbone.safetensors", "--init-map", "backbone.=:"}));
  CHECK(tensor_gap(read_safetensors(mapped + "/model.safetensors").get("fc1.weight", ""),
                   from.get("fc1.weight", "")) == 0);
  config.init_rename = {"back=", "bone.="};
  Trainer twice(config);
  config.init_rename = {"trunk.="};
  CHECK_THROWS_WITH_AS(Trainer{config}, doctest::Contains("no name begins with 'trunk.'"), UsageError);
  config.init_rename = {"backbone"};
  CHECK_THROWS_WITH_AS(Trainer{config}, doctest::Contains("FROM=TO"), UsageError);
  config.init_rename = {"backbone.fc1=fc1"};
  config.init_partial = true;
  Trainer half(config);
  notes.clear();
  for (const std::string& line : half.notes()) notes += line + "\n";
  CHECK(notes.find("not in the file, start afresh: fc2.weight, fc2.bias") != std::string::npos);
  CHECK(notes.find("not of this model, left out: backbone.fc2.weight") != std::string::npos);
}

TEST_CASE("train --freeze-layers --layer-decay: frozen layers do not move, lower ones move less") {
  const TempDir dir;
  const std::string start = trained(dir, "start", small("digits:train=64,test=32", {}));
  const TensorFile before = read_safetensors(start + "/model.safetensors");
  const auto moved = [&](const std::string& name, const Words& more) {
    Words line = {"--data",  "digits:train=64,test=32",
                  "--model", "mlp:hidden=12-8",
                  "--steps", "1",
                  "--init",  start,
                  "--optim", "sgd:lr=0.1"};
    line.insert(line.end(), more.begin(), more.end());
    trained(dir, name, line);
    const TensorFile after = read_safetensors(dir / name + "/model.safetensors");
    std::map<std::string, double> gaps;
    for (const auto& [parameter, tensor] : after.tensors)
      gaps[parameter] = tensor_gap(tensor, before.get(parameter, ""));
    return gaps;
  };
  auto plain = moved("plain", {}), decay = moved("decay", {"--layer-decay", "0.5"}),
       frozen = moved("frozen", {"--freeze-layers", "-1"});
  CHECK(plain.at("fc1.weight") > 0);
  CHECK(decay.at("fc3.weight") == doctest::Approx(plain.at("fc3.weight")).epsilon(1e-3));
  CHECK(decay.at("fc2.weight") == doctest::Approx(plain.at("fc2.weight") / 2).epsilon(1e-2));
  CHECK(decay.at("fc1.weight") == doctest::Approx(plain.at("fc1.weight") / 4).epsilon(1e-2));
  CHECK(frozen.at("fc1.weight") == 0);
  CHECK(frozen.at("fc2.bias") == 0);
  CHECK(frozen.at("fc3.weight") == doctest::Approx(plain.at("fc3.weight")).epsilon(1e-3));
  CHECK_THROWS_WITH_AS(run({"train", "--layer-decay", "0", "--quiet"}), doctest::Contains("--layer-decay"),
                       UsageError);
}

TEST_CASE("train --freeze-after: trained for the first epochs only, resumed or not") {
  const TempDir dir;
  const auto weights = [&](const std::string& name, const std::string& epochs, const Words& more) {
    Words line = {"--data",       "digits:train=64,test=32",
                  "--model",      "mlp:hidden=12-8",
                  "--epochs",     epochs,
                  "--optim",      "adam:lr=0.01",
                  "--batch-size", "16",
                  "--schedule",   "constant"};
    line.insert(line.end(), more.begin(), more.end());
    return read_safetensors(trained(dir, name, line) + "/model.safetensors");
  };
  const Words late = {"--freeze-after", "fc1.*=2"};
  const TensorFile two = weights("two", "2", {}), plain = weights("plain", "3", {}),
                   frozen = weights("frozen", "3", late), first = weights("parts", "1", late);
  for (const char* name : {"fc1.weight", "fc1.bias"}) {
    CHECK(tensor_gap(frozen.get(name, ""), two.get(name, "")) == 0);
    CHECK(tensor_gap(plain.get(name, ""), two.get(name, "")) > 0);
  }
  CHECK(tensor_gap(frozen.get("fc2.weight", ""), two.get("fc2.weight", "")) > 0);
  REQUIRE(run({"train", "--resume", dir / "parts", "--epochs", "3", "--quiet"}).code == kOk);
  const TensorFile parts = read_safetensors(dir / "parts/model.safetensors");
  for (const auto& [name, tensor] : frozen.tensors) CHECK(tensor_gap(parts.get(name, ""), tensor) == 0);
  const auto refused = [&](const char* text) {
    return complaint({"train", "--data", "digits", "--quiet", "--freeze-after", text});
  };
  CHECK(refused("fc1.*").find("GLOB=EPOCHS") != std::string::npos);
  CHECK(refused("fc1.*=0").find("--freeze-after fc1.*=0") != std::string::npos);
  CHECK(refused("conv*=2").find("no parameter that is trained matches") != std::string::npos);
  CHECK(refused("*=2").find("no parameter is left") != std::string::npos);
}
