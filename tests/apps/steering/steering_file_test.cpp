// Files of steering vectors: read back as written, refused where they do not fit, and what a scope adds.
#include "apps/steering/steering_file.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "core/safetensors.h"
#include "nn/generate.h"
#include "nn/registry.h"
#include "tests/temp_dir.h"

namespace gradus::steering_file_tests {

std::unique_ptr<Model> small_gpt() {
  auto model = make_model("gpt:block=16,dim=8,layers=2,heads=2", {.vocabulary = 6}, Rng(1));
  return model;
}

std::vector<int64> text_of(Model& model, int64 count) {
  std::vector<int64> out;
  Rng rng(3);
  const std::vector<int64> prompt{1, 2, 3};
  generate(dynamic_cast<TokenModel&>(model), prompt, count, {}, rng, [&](int64 id) {
    out.push_back(id);
    return true;
  });
  return out;
}

TEST_CASE("steering file: read back as written") {
  const TempDir dir;
  const std::string path = dir / "s.safetensors";
  Rng rng(1);
  SteeredModule two{"transformer.h.1",
                    {rng.normal_tensor({2, 8}), zero_probe(rng.normal_tensor({5, 8}), 2), {}}};
  two.steering.probe.weight = rng.normal_tensor({2, 8});
  write_steering(path, {two, {"transformer.h.0", {rng.normal_tensor({1, 8}), {}, {}}}});
  const std::vector<SteeredModule> read = read_steering(path);
  REQUIRE(read.size() == 2);
  const SteeredModule& back = read[0].name == two.name ? read[0] : read[1];
  CHECK(back.steering.vectors.values() == two.steering.vectors.values());
  CHECK(back.steering.probe.weight.values() == two.steering.probe.weight.values());
  CHECK(back.steering.probe.std.values() == two.steering.probe.std.values());
  const auto model = small_gpt();
  CHECK_NOTHROW(SteeringScope(*model, {path + ":layer=*h.1,scale=2"}));
  CHECK_NOTHROW(SteeringScope(*model, {path + ":layer=0", path + ":layer=1,mode=soft"}));
  CHECK_THROWS_AS(SteeringScope(*model, {path + ":layer=7"}), UsageError);
  CHECK_THROWS_AS(SteeringScope(*model, {path + ":strength=7"}), UsageError);
}

TEST_CASE("steering file: what is wrong is named with the file") {
  const TempDir dir;
  const std::string path = dir / "s.safetensors";
  const auto complaint = [&](std::vector<std::pair<std::string, Tensor>> tensors) -> std::string {
    write_safetensors(path, {std::move(tensors), {}, {}});
    try {
      read_steering(path);
    } catch (const DataError& e) {
      return e.what();
    }
    return "";
  };
  const auto holds = [&](const std::string& said, const std::string& part) {
    INFO(said);
    CHECK(said.find("s.safetensors") != said.npos);
    CHECK(said.find(part) != said.npos);
  };
  holds(complaint({{"a", Tensor::zeros({2})}}), "no steering vectors");
  holds(complaint({{"h.vectors", Tensor::zeros({2, 3})}}), "h.probe.weight");
  holds(complaint({{"h.vectors", Tensor::zeros({2, 3})},
                   {"h.probe.weight", Tensor::zeros({2, 4})},
                   {"h.probe.bias", Tensor::zeros({2})}}),
        "h.probe.weight has shape (2, 4), expected (2, 3)");
  holds(complaint({{"h.vectors", Tensor::full({3}, real(INFINITY))}}), "not finite");
  holds(complaint({{"h.vectors", Tensor::zeros({1, 2, 3})}}), "expected (K,d) or (d)");
  CHECK(complaint({{"h.vectors", Tensor::zeros({3})}}).empty());
}

TEST_CASE("steering scope: changes the text while alive, scale 0 does not, other widths are refused") {
  const TempDir dir;
  const std::string path = dir / "s.safetensors";
  const auto model = small_gpt();
  const std::vector<int64> plain = text_of(*model, 30);
  write_steering(path, {{"transformer.h.0", {Rng(5).normal_tensor({1, 8}, 0, 50), {}, {}}}});
  {
    const SteeringScope scope(*model, {path});
    CHECK(text_of(*model, 30) != plain);
  }
  CHECK(text_of(*model, 30) == plain);
  {
    const SteeringScope scope(*model, {path + ":scale=0"});
    CHECK(text_of(*model, 30) == plain);
  }
  write_steering(path, {{"transformer.h.0", {Tensor::ones({1, 4}), {}, {}}}});
  const SteeringScope scope(*model, {path});
  CHECK_THROWS_AS(text_of(*model, 1), DataError);
}

}  // namespace gradus::steering_file_tests
