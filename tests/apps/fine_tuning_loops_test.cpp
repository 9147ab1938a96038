// Loops of fine-tuning that are not one step after the other on a fixed model: prompts that are searched, ranks that move.
#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <numeric>

#include "apps/finetune/black_box_prompts.h"
#include "apps/finetune/elastic_training.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "core/error.h"
#include "nn/registry.h"
#include "optim/registry.h"

using namespace gradus;

namespace gradus::fine_tuning_loops_tests {

MixingNetwork network(Rng& rng) {
  return {rng.normal_tensor({2, 4, 4}), rng.normal_tensor({2, 4, 4}), rng.normal_tensor({3, 4})};
}

TEST_CASE(
    "black-box prompts: lam evaluations a generation, best losses never rise, v1 leaves other layers alone") {
  for (const char* version : {"v2", "v1"}) {
    CAPTURE(version);
    Rng rng(2);
    const MixingNetwork net = network(rng);
    BlackBoxOptions options;
    options.version = version;
    BlackBoxPrompts search(net, rng.normal_tensor({6, 4, 4}), IntTensor::from({6}, {0, 1, 2, 0, 1, 2}),
                           rng.normal_tensor({5, 4}), rng.normal_tensor({2, 8, 3}), 4, options);
    CHECK(search.searched_layers() == (options.version == "v2" ? 2 : 1));
    std::vector<double> best(2, 1e9), normals(12);
    for (int round = 0; round < 5; ++round)
      for (int64 l = 0; l < search.searched_layers(); ++l) {
        for (double& z : normals) z = rng.normal();
        const double now = search.generation(l, normals);
        CHECK(now <= best[static_cast<size_t>(l)]);
        best[static_cast<size_t>(l)] = now;
      }
    CHECK(search.forward_passes() == 5 * search.searched_layers() * 4);
    const Tensor second = search.best_prompts().rows(1, 2);
    CHECK(std::all_of(second.span().begin(), second.span().end(), [](real v) { return v == 0; }) ==
          (options.version == "v1"));
    CHECK((search.projection_std()[1] == 0) == (options.version == "v1"));
    CHECK_THROWS_AS(search.generation(2, normals), UsageError);
  }
}

struct ElasticRun {
  std::unique_ptr<Model> model =
      make_model("mlp:hidden=6-5", {.channels = 1, .height = 3, .width = 3, .classes = 2}, Rng(1));
  Batch batch;
  ElasticRun() {
    attach_adapters(*model, "elalora:rank=3", Rng(2));
    Rng rng(3);
    batch.x = rng.normal_tensor({8, 1, 3, 3});
    batch.y = IntTensor::from({8}, {0, 1, 0, 1, 1, 0, 1, 0});
  }
  double gradient(const ElasticTraining::Penalty& penalty) {
    const Tensor logits = (*model)(batch.x), loss = cross_entropy(logits, batch.y);
    const Tensor more = penalty ? penalty(batch, logits) : Tensor();
    std::vector<Tensor> at;
    const Parameters all = model->trainable();
    for (const ParameterPtr& p : all) at.push_back(p->value);
    const std::vector<Tensor> grads = grad(more.defined() ? loss + more : loss, at, {.allow_unused = true});
    for (size_t i = 0; i < all.size(); ++i) all[i]->grad = grads[i];
    return static_cast<double>(loss.item());
  }
  OptimizerPtr optimizer() { return make_optimizer("adamw:lr=0.05", model->trainable()); }
};

TEST_CASE("elastic training: ranks move and their sum stays; the optimizer goes on where tensors stayed") {
  ElasticRun run;
  ElasticOptions options;
  options.schedule = {2, 1, 2, 9, 2, true};
  ElasticTraining training(
      *run.model, options, [&] { return run.optimizer(); }, Rng(4));
  std::vector<double> losses;
  for (int t = 0; t < 9; ++t)
    losses.push_back(training.step([&](const ElasticTraining::Penalty& p) { return run.gradient(p); }));
  const std::vector<int64> ranks = training.ranks();
  CHECK(std::accumulate(ranks.begin(), ranks.end(), int64{0}) == 6);
  for (const AdaptedLayer& l : adapted_layers(*run.model)) {
    const auto& a = dynamic_cast<const ElaloraAdapter&>(*l.adapter());
    CHECK(a.A.shape()[0] == a.E.shape()[0]);
    CHECK(a.B.shape()[1] == a.E.shape()[0]);
  }
  CHECK(losses.back() < losses.front());
}

// The optimizer's tensors of one factor, by slot.
std::map<std::string, std::vector<real>> state_of(const Optimizer& optimizer, const std::string& factor) {
  std::map<std::string, std::vector<real>> slots;
  for (const auto& [key, tensor] : optimizer.save_state().tensors)
    if (const size_t at = key.find(factor + "/"); at != std::string::npos)
      slots[key.substr(at + factor.size() + 1)] = tensor.values();
  return slots;
}

TEST_CASE("elastic training: moments of components that stay go along, those of new ones are 0") {
  // One round at step 2: the same run without it has the moments to be carried.
  for (const bool carry : {true, false}) {
    CAPTURE(carry);
    ElasticRun elastic, fixed;
    ElasticOptions options;
    options.schedule = {.b = 2, .init_warmup = 1, .final_warmup = 1, .total_steps = 9, .mask_interval = 1};
    options.carry_state = carry;
    ElasticOptions still = options;
    still.schedule.b = 0;
    ElasticTraining one(
        *elastic.model, options, [&] { return elastic.optimizer(); }, Rng(4)),
        other(
            *fixed.model, still, [&] { return fixed.optimizer(); }, Rng(4));
    for (int t = 0; t < 3; ++t) {
      one.step([&](const ElasticTraining::Penalty& p) { return elastic.gradient(p); });
      other.step([&](const ElasticTraining::Penalty& p) { return fixed.gradient(p); });
    }
    const std::vector<AdaptedLayer> moved = adapted_layers(*elastic.model),
                                    as_was = adapted_layers(*fixed.model);
    int64 carried = 0, fresh = 0;
    for (size_t j = 0; j < moved.size(); ++j) {
      const auto& now = dynamic_cast<const ElaloraAdapter&>(*moved[j].adapter());
      const auto& before = dynamic_cast<const ElaloraAdapter&>(*as_was[j].adapter());
      const int64 rank = now.E.shape()[0], width = now.A.shape()[1], out = now.B.shape()[0],
                  rank_before = before.E.shape()[0];
      const std::string path = moved[j].path + ".adapter.";
      const auto a = state_of(one.optimizer(), path + "lora_A"),
                 b = state_of(one.optimizer(), path + "lora_B"),
                 a0 = state_of(other.optimizer(), path + "lora_A"),
                 b0 = state_of(other.optimizer(), path + "lora_B");
      const Tensor A = now.A.value().detach(), A0 = before.A.value().detach();
      for (int64 i = 0; i < rank; ++i) {
        // A row that stayed is a row of the run without moves; others are new.
        int64 from = -1;
        for (int64 k = 0; k < rank_before && from < 0; ++k)
          if (std::equal(A.data() + i * width, A.data() + (i + 1) * width, A0.data() + k * width)) from = k;
        (from < 0 ? fresh : carried) += 1;
        if (!carry) continue;
        REQUIRE(a.size() == 2);  // both moments
        for (const auto& [slot, values] : a)
          for (int64 c = 0; c < width; ++c)
            CHECK(values[static_cast<size_t>(i * width + c)] ==
                  (from < 0 ? 0 : a0.at(slot)[static_cast<size_t>(from * width + c)]));
        for (const auto& [slot, values] : b)
          for (int64 o = 0; o < out; ++o)
            CHECK(values[static_cast<size_t>(o * rank + i)] ==
                  (from < 0 ? 0 : b0.at(slot)[static_cast<size_t>(o * rank_before + from)]));
      }
      if (!carry) CHECK(a.empty());
    }
    CHECK(carried == 4);
    CHECK(fresh == 2);
  }
}

TEST_CASE("elastic training: state that is not one number an element starts afresh, and training goes on") {
  ElasticRun run;
  ElasticOptions options;
  options.schedule = {.b = 2, .init_warmup = 1, .final_warmup = 1, .total_steps = 8, .mask_interval = 2};
  ElasticTraining training(
      *run.model, options,
      [&] { return make_optimizer("adafactor:relative_step=false,lr=0.01", run.model->trainable()); },
      Rng(4));
  for (int t = 0; t < 8; ++t) {
    const double loss = training.step([&](const ElasticTraining::Penalty& p) { return run.gradient(p); });
    CHECK(std::isfinite(loss));
  }
  const std::vector<int64> ranks = training.ranks();
  CHECK(std::accumulate(ranks.begin(), ranks.end(), int64{0}) == 6);
}

TEST_CASE("elastic training: without moves it is the plain training of the same adapters, bit for bit") {
  ElasticRun elastic, plain;
  ElasticOptions options;
  options.schedule = {0, 1, 2, 6, 1, true};
  ElasticTraining training(
      *elastic.model, options, [&] { return elastic.optimizer(); }, Rng(4));
  const OptimizerPtr rule = plain.optimizer();
  for (int t = 0; t < 6; ++t) {
    training.step([&](const ElasticTraining::Penalty& p) { return elastic.gradient(p); });
    plain.gradient([&](const Batch&, const Tensor&) {
      std::vector<Tensor> A, B;
      for (const AdaptedLayer& l : adapted_layers(*plain.model)) {
        const auto& a = dynamic_cast<const ElaloraAdapter&>(*l.adapter());
        A.push_back(a.A.value());
        B.push_back(a.B.value());
      }
      return orthogonality_penalty(A, B, options.reg_orth_coef);
    });
    rule->step();
  }
  const Parameters one = elastic.model->trainable(), other = plain.model->trainable();
  for (size_t i = 0; i < one.size(); ++i) CHECK(one[i]->value.values() == other[i]->value.values());
}

TEST_CASE("elastic training: a model without such adapters is refused") {
  const auto model =
      make_model("mlp:hidden=4", {.channels = 1, .height = 2, .width = 2, .classes = 2}, Rng(1));
  CHECK_THROWS_AS(ElasticTraining(
                      *model, {}, [&] { return make_optimizer("sgd:lr=1", model->parameters()); }, Rng(1)),
                  UsageError);
}

}  // namespace gradus::fine_tuning_loops_tests
