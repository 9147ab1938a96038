#include "apps/bench/bench.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "apps/bench/autodiff.h"
#include "apps/bench/division.h"
#include "apps/bench/hypergradient.h"
#include "apps/bench/workload.h"
#include "core/allocator.h"
#include "core/error.h"
#include "core/threads.h"

using namespace gradus;

namespace {

std::vector<bench::Row> rows_of(const std::vector<std::string>& names, const bench::Options& options) {
  std::vector<bench::Row> rows;
  bench::run(names, options, [&](const bench::Row& row) { rows.push_back(row); });
  return rows;
}

}  // namespace

// Trained parameters and work of the standard steps, counted by hand from their layers.
TEST_CASE("bench: workloads are the standard ones") {
  const struct {
    const char* name;
    int64 parameters, batch;
    double mflop_a_sample;  // forward
  } expected[] = {
      {"mlp", 784 * 256 + 256 + 256 * 128 + 128 + 128 * 10 + 10, 128, 0.4695},
      {"lenet", 320 + 18496 + 9216 * 128 + 128 + 1290, 64, 24.0},
      {"resnet20", 272474, 128, 81.6},
      {"vit", 0, 128, 165.7},
      {"gpt", 0, 12, 110.1},
      {"airbench", 0, 128, 236.0},
      // A and B of rank 8 beside qkv (128 to 384) and proj of six blocks, and the head; two thirds of the work.
      {"vit-lora", 6 * 8 * (128 + 384 + 128 + 128) + 1290, 128, 110.5},
      {"unet", 0, 64, 93.7},
      {"mobilenet", 149322, 128, 14.69},  // the parameters of the same network in PyTorch, and of the next
      {"char-lstm", 350593, 32, 44.07}};
  REQUIRE(bench::training_workloads().size() == std::size(expected));
  for (std::size_t i = 0; i < std::size(expected); ++i) {
    const bench::Workload& w = bench::training_workloads()[i];
    CAPTURE(std::string(w.name));
    CHECK(w.name == std::string(expected[i].name));
    CHECK(w.batch == expected[i].batch);
    const double mflop = w.gflop * 1e3 / static_cast<double>(w.batch) / 3;
    CHECK(mflop == doctest::Approx(expected[i].mflop_a_sample).epsilon(0.02));
    if (expected[i].parameters) CHECK(bench::training_step(w, "", 2).parameters == expected[i].parameters);
  }
}

TEST_CASE("bench: a step cut for several threads") {
  // 10 s, of which 8 in loops whose longest parts come to 3 s; 100 loops, each 1 ms dearer with a further thread.
  const bench::DividedStep d =
      bench::divided_step(4, {.total_s = 10, .parts_s = 8, .longest_s = 3, .loops = 100}, 1e-3);
  CHECK(d.step_s == doctest::Approx(2 + 3 + 0.3));
  CHECK(d.outside == doctest::Approx(0.2));
  CHECK(d.balance == doctest::Approx(8.0 / 4 / 3));
  CHECK(d.ratio == doctest::Approx(10 / 5.3));
  int runs = 0;
  const DivisionOfWork work = bench::median_division(3, 5, [&] {
    ++runs;
    parallel_for(9, 1, [](int64, int64) {});
    parallel_for(9, 1, [](int64, int64) {});
  });
  CHECK(runs == 6);
  CHECK(work.loops == 2);
}

TEST_CASE("bench: a row has the same keys whatever was measured") {
  const auto rows = rows_of({"mlp"}, {.seconds = 1e-3, .batch = 4});
  REQUIRE(rows.size() == 1);
  const auto json = nlohmann::json::parse(bench::json_line(rows[0]));
  CHECK(json["workload"] == "mlp");
  CHECK(json["params"] == 235146);
  CHECK(json["step_s"].get<double>() > 0);
  CHECK(json["samples_per_s"].get<double>() == doctest::Approx(4 / json["step_s"].get<double>()));
  CHECK(json["percent_of_peak"].get<double>() > 0);
  CHECK(json["allocations_per_step"].get<double>() >= 0);
  CHECK(json["peak_rss"].get<double>() > 1e6);
  CHECK(json["threads"].get<int>() >= 1);
  bench::Row bare{.workload = "stream", .part = "copy", .step_s = 0.5, .more = {{"gb_per_s", 2.0}}};
  const auto other = nlohmann::json::parse(bench::json_line(bare));
  for (const auto& [key, value] : json.items())
    if (key != "page_faults_per_step" && key != "peak_tensor_bytes") CHECK_MESSAGE(other.contains(key), key);
  // Weights, their gradients and Adam's two means.
  CHECK(json["peak_tensor_bytes"].get<double>() >= 4.0 * 235146 * sizeof(real));
  CHECK(other["gflops"].is_null());
  CHECK(other["part"] == "copy");
  CHECK(other["gb_per_s"] == 2.0);
}

// Threads that happen to overlap for the first time may still need a scratch block each; that ends.
TEST_CASE("bench: a step of every workload takes no memory from the system once it is warm") {
  for (const bench::Workload& w : bench::training_workloads()) {
    CAPTURE(std::string(w.name));
    const bench::Step step = bench::training_step(w, "", 2);
    int quiet = 0;
    for (int i = 0; i < 200 && quiet < 10; ++i) {
      const auto before = allocator_stats().system_allocations;
      step.run();
      quiet = allocator_stats().system_allocations == before ? quiet + 1 : 0;
    }
    CHECK(quiet == 10);
  }
}

TEST_CASE("bench: another optimizer, one that evaluates the batch again too") {
  const auto rows = rows_of({"mlp"}, {.seconds = 1e-3, .optimizer = "sam(sgd:lr=0.1)", .batch = 4});
  CHECK(rows.at(0).step_s > 0);
}

TEST_CASE("bench: names that do not exist are refused before anything runs, with the nearest") {
  int measured = 0;
  const auto refused = [&](const std::vector<std::string>& names, const bench::Options& options,
                           const char* part) {
    try {
      bench::run(names, options, [&](const bench::Row&) { ++measured; });
      FAIL("not refused");
    } catch (const UsageError& e) {
      CHECK_MESSAGE(std::string(e.what()).find(part) != std::string::npos, e.what());
    }
  };
  refused({"mlp", "resnet2"}, {}, "resnet20");
  refused({"mlp", "optim:adm"}, {}, "adam");
  refused({"mlp", "optim:adam:betaa1=0.5"}, {}, "beta1");
  refused({"mlp"}, {.optimizer = "adamm"}, "adam");
  CHECK(measured == 0);
}

TEST_CASE("bench: an optimizer's bytes are parameter, gradient and state, in and out") {
  const double n = 1e7 * sizeof(real);
  CHECK(bench::optimizer_step("sgd").bytes == 3 * n);
  CHECK(bench::optimizer_step("adam").bytes == 7 * n);
}

// Softmax regression of 100*200 weights: the gradient holds exp(decay), w^2, their product, gradients of parts and whole.
TEST_CASE("bench: an implicit hypergradient takes at most the memory of four gradients") {
  const bench::HypergradientCosts c = bench::measure_hypergradient(200, 2, 1e-3);
  CHECK(c.hyperparameters == 20000);
  const double vector = 20000 * sizeof(real);
  CHECK(c.gradient_bytes >= vector);
  CHECK(c.implicit_bytes >= 3 * vector);  // the series needs two, its product one
  CHECK(c.implicit_bytes <= 4 * c.gradient_bytes);
  CHECK(c.implicit > 0);
}

TEST_CASE("bench: a step by forward gradients is measured in forward passes") {
  const bench::ForwardGradientCosts c = bench::measure_forward_gradient("mlp:hidden=8", 4, 1e-3);
  CHECK(c.model == "mlp:hidden=8");
  CHECK(c.batch == 4);
  for (const double seconds : {c.forward, c.gradient, c.signs, c.normals}) CHECK(seconds > 0);
}

TEST_CASE("bench: a problem is measured with the optimizer that is named, a wrong one refused beforehand") {
  const auto rows = rows_of({"problem:quadratic:size=30"}, {.seconds = 1e-3, .optimizer = "sgd:lr=0.1"});
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].workload == "problem:quadratic:size=30");
  CHECK(rows[0].params == 30);
  CHECK(rows[0].step_s > 0);
  CHECK_THROWS_WITH_AS(rows_of({"problem:rosenbrok"}, {}), doctest::Contains("rosenbrock"), UsageError);
}
