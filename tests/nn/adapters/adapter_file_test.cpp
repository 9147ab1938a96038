// Adapters as files in PEFT's form: names, layouts, a folder that PEFT's names and keys make, what does not fit.
#include "nn/adapters/adapter_file.h"

#include <filesystem>

#include "core/json_file.h"
#include "core/safetensors.h"
#include "nn/modes.h"
#include "nn/registry.h"
#include "nn/state_dict.h"
#include "tests/nn/compare.h"
#include "tests/nn/hashed.h"
#include "tests/paths.h"
#include "tests/precision.h"
#include "tests/temp_dir.h"

using namespace gradus;
using namespace gradus::tests;

namespace gradus::adapter_file_tests {

const DataShape kTwoByTwo{.channels = 1, .height = 2, .width = 2, .classes = 2};

std::unique_ptr<Model> perceptron() { return make_model("mlp:hidden=4", kTwoByTwo, Rng(1)); }
Tensor outputs(Model& model, const Tensor& x) {
  const Recording off(false);
  const ModeScope evaluation(model, false);
  return model(x);
}

TEST_CASE("adapter files: what is trained alone, under PEFT's names; another model of the base takes it") {
  for (const char* spec : {"lora:rank=2,alpha=3", "dora:rank=1", "allora:rank=2", "c3a:block=2",
                           "ard-lora:r0=1,r_max=2", "elalora:rank=2"}) {
    CAPTURE(spec);
    const TempDir dir;
    const auto model = perceptron(), other = perceptron();
    attach_adapters(*model, spec, Rng(2));
    for (const ParameterPtr& p : model->trainable()) {
      Rng rng = Rng(3).fork(p->name);
      p->value.detach().copy_from(rng.normal_tensor(p->value.shape()));
    }
    save_adapter(dir.path(), *model, spec, "base.safetensors");
    const TensorFile file = read_safetensors(dir.path() + "/adapter_model.safetensors");
    CHECK(file.find("base_model.model.fc2.weight") != nullptr);
    CHECK(file.find("base_model.model.fc1.weight") == nullptr);
    CHECK(file.tensors.size() == model->trainable().size());
    CHECK(load_adapter(*other, dir.path()).size() == 1);
    const Tensor x = numbers({3, 1, 2, 2}, 4);
    CHECK(gap(outputs(*other, x), outputs(*model, x)) == 0);
  }
}

TEST_CASE("adapter files: the configuration says what PEFT asks for") {
  const TempDir dir;
  const auto model = make_model("mlp:hidden=4-3", kTwoByTwo, Rng(1));
  attach_adapters(*model, "lora:rank=2,alpha=3,scaling=rslora,ranks=fc2=1", Rng(2));
  save_adapter(dir.path(), *model, "lora:rank=2,alpha=3,scaling=rslora,ranks=fc2=1", "base.safetensors");
  const nlohmann::json json = read_json(dir.path() + "/adapter_config.json");
  CHECK(json.at("peft_type") == "LORA");
  CHECK(json.at("r") == 2);
  CHECK(json.at("lora_alpha") == 3);
  CHECK(json.at("use_rslora") == true);
  CHECK(json.at("target_modules") == nlohmann::json({"fc1", "fc2"}));
  CHECK(json.at("modules_to_save") == nlohmann::json({"fc3"}));
  CHECK(json.at("rank_pattern") == nlohmann::json({{"fc2", 1}}));
  CHECK(json.at("base_model_name_or_path") == "base.safetensors");
  const Tensor* A =
      read_safetensors(dir.path() + "/adapter_model.safetensors").find("base_model.model.fc1.lora_A.weight");
  CHECK((A && A->shape() == Shape{2, 4}));
}

TEST_CASE("adapter files: a folder of PEFT's, by hand") {
  const auto model = perceptron();
  const std::string folder = (tests_dir() / "fixtures" / "nn" / "peft").string();
  CHECK(adapter_spec_of(folder) == "lora:alpha=3,scaling=standard,targets=fc1,ranks=fc1=2");
  // fc1 of zeros: what reaches fc2 is relu(1.5*B A x).
  for (const char* name : {"fc1.weight", "fc1.bias"})
    model->find_slot(name).parameter()->value.detach().fill(0);
  load_adapter(*model, folder);
  const Tensor y = outputs(*model, Tensor::from({1, 1, 2, 2}, {2, 5, 0, 1}));
  // A x = (2, 4); B A x = (2, 4, 1, 0); times 1.5: (3, 6, 1.5, 0); fc2: 3 + 12 + 4.5 = 19.5.
  CHECK(gap(y, Tensor::from({1, 2}, {real(19.75), real(-19.75)})) < 1e-5);
}

TEST_CASE("adapter files: what is missing, left over or of another shape is named") {
  const TempDir dir;
  const auto model = perceptron();
  CHECK_THROWS_AS(save_adapter(dir.path(), *model, "lora", ""), UsageError);
  attach_adapters(*model, "lora:rank=2", Rng(2));
  save_adapter(dir.path(), *model, "lora:rank=2", "");
  const auto wider = make_model("mlp:hidden=5", kTwoByTwo, Rng(1));
  CHECK(message([&] {
          load_adapter(*wider, dir.path());
        }).find("base_model.model.fc1.lora_B.weight is (4, 2), not (5, 2)") != std::string::npos);
  const auto other = make_model("vit:patch=1,dim=4,depth=1,heads=1", kTwoByTwo, Rng(1));
  CHECK(message([&] { load_adapter(*other, dir.path()); }).find("left over") != std::string::npos);
  write_json(dir.path() + "/adapter_config.json", {{"peft_type", "LOHA"}});
  CHECK(message([&] { adapter_spec_of(dir.path()); }).find("LOHA") != std::string::npos);
  CHECK_THROWS_AS(load_adapter(*model, dir.path() + "/nowhere"), DataError);
}

}  // namespace gradus::adapter_file_tests
