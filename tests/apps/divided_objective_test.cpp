// A step whose batch is divided, in a fixed number of parts or among ranks.
#include "apps/train/divided_objective.h"

#include <doctest/doctest.h>

#include <cmath>
#include <mutex>

#include "apps/train/gradient_buckets.h"
#include "core/error.h"
#include "nn/batch_part.h"
#include "nn/registry.h"
#include "nn/state_dict.h"
#include "tests/thread_ranks.h"

using namespace gradus;
using gradus::tests::ThreadRanks;

namespace {

struct Divided {
  static constexpr double kNear = sizeof(real) == 8 ? 1e-10 : 1e-4;

  // A model of its own, the same each time; and all that a step leaves.
  struct Left {
    double loss = 0;
    Score score;
    std::vector<Tensor> gradient, buffers, product;
    Rng::State generator{};
  };
  struct How {
    std::string model;
    int64 examples = 7;
    int batches = 1;
    Division division = {};
    bool divided = true, second_order = false;
    LossOptions options = {};
  };

  static Left step(const How& how) {
    const DataShape data{.channels = 1, .height = 8, .width = 8, .classes = 3};
    const auto model = make_model(how.model, data, Rng(1));
    const Parameters parameters = model->parameters();
    std::vector<Batch> batches;
    for (int b = 0; b < how.batches; ++b) {
      Batch batch;
      batch.x = Rng(2 + static_cast<std::uint64_t>(b)).normal_tensor({how.examples - b, 1, 8, 8});
      batch.y = IntTensor({how.examples - b});
      batch.index = IntTensor({how.examples - b});
      for (int64 i = 0; i < how.examples - b; ++i)
        batch.y.mutable_data()[i] = (i + b) % 3, batch.index.mutable_data()[i] = i;
      batches.push_back(std::move(batch));
    }
    Left left;
    const auto run = [&](auto& objective) {
      left.loss = objective.gradient();
      left.score = objective.score();
      std::vector<Tensor> v;
      for (const auto& p : parameters) {
        left.gradient.push_back(p->grad.clone());
        v.push_back(Tensor::ones(p->value.shape()));
      }
      left.generator = model->run().rng.state();
      model->visit([&](Module& m, const std::string&) {
        for (const Module::NamedBuffer& b : m.buffers()) left.buffers.push_back(b.value.clone());
      });
      if (how.second_order) left.product = objective.hvp(v);
      CHECK(std::abs(objective.loss() - left.loss) < kNear);  // the same masks again
    };
    if (how.divided) {
      DividedObjective objective(*model, parameters, batches, how.options, how.division);
      run(objective);
    } else {
      ModelObjective objective(*model, parameters, batches, how.options);
      run(objective);
    }
    return left;
  }

  static double gap_of(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
    double worst = a.size() == b.size() ? 0 : INFINITY;
    for (size_t i = 0; i < a.size(); ++i)
      for (int64 k = 0; k < a[i].numel(); ++k)
        worst = std::max(worst,
                         std::abs(static_cast<double>(a[i].data()[k]) - static_cast<double>(b[i].data()[k])));
    return worst;
  }
  static bool same(const Left& a, const Left& b) {
    return a.loss == b.loss && a.score == b.score && gap_of(a.gradient, b.gradient) == 0 &&
           gap_of(a.buffers, b.buffers) == 0 && gap_of(a.product, b.product) == 0 &&
           a.generator == b.generator;
  }
  static void check_near(const Left& a, const Left& b) {
    CHECK(std::abs(a.loss - b.loss) < kNear);
    CHECK(a.score.correct == b.score.correct);
    CHECK(a.score.count == b.score.count);
    CHECK(gap_of(a.gradient, b.gradient) < kNear);
    CHECK(gap_of(a.buffers, b.buffers) < kNear);
    CHECK(gap_of(a.product, b.product) < 10 * kNear);
    CHECK(a.generator == b.generator);
  }
  // What each rank is left with.
  static std::vector<Left> on_ranks(int ranks, How how) {
    std::vector<Left> all(static_cast<size_t>(ranks));
    ThreadRanks::run(ranks, [&](Communicator& world) {
      How own = how;
      own.division.ranks = &world;
      all[static_cast<size_t>(world.rank())] = step(own);
    });
    return all;
  }
};

const char* const kWithDropout = "mlp:hidden=5-4,act=tanh,dropout=0.3";

}  // namespace

TEST_CASE("divided objective: parts in a fixed order give the gradient of the whole batch, dropout and all") {
  for (const int batches : {1, 2}) {
    const Divided::Left whole =
        Divided::step({.model = kWithDropout, .batches = batches, .divided = false, .second_order = true});
    for (const int64 parts : {1, 3, 7, 12})  // 12: more than examples
      Divided::check_near(Divided::step({.model = kWithDropout,
                                         .batches = batches,
                                         .division = {.parts = parts},
                                         .second_order = true}),
                          whole);
  }
}

TEST_CASE("divided objective: the same bits whatever ranks have the parts, batch norm's statistics too") {
  for (const char* model : {kWithDropout, "resnet8"})
    for (const int batches : {1, 2}) {
      Divided::How how{.model = model, .batches = batches, .division = {.parts = 3}};
      how.second_order = model == kWithDropout;
      const Divided::Left one = Divided::step(how);
      for (const int ranks : {2, 3, 4})  // 4: one has nothing to do
        for (const Divided::Left& left : Divided::on_ranks(ranks, how)) CHECK(Divided::same(left, one));
    }
}

TEST_CASE("divided objective: ranks with a part each come to what one process does, to rounding") {
  for (const char* model : {kWithDropout, "resnet8"})
    for (const int batches : {1, 2}) {
      Divided::How how{.model = model, .batches = batches, .divided = false};
      how.second_order = model == kWithDropout;
      how.options.keep_graph = how.second_order;
      const Divided::Left whole = Divided::step(how);
      how.divided = true;
      for (const int ranks : {2, 3}) {
        const std::vector<Divided::Left> all = Divided::on_ranks(ranks, how);
        for (const Divided::Left& left : all) {
          Divided::check_near(left, whole);
          CHECK(Divided::same(left, all[0]));  // so the ranks' weights stay the same
        }
      }
    }
  // More ranks than examples.
  const Divided::How few{.model = kWithDropout, .examples = 2, .divided = false};
  Divided::How many = few;
  many.divided = true;
  for (const Divided::Left& left : Divided::on_ranks(3, many)) Divided::check_near(left, Divided::step(few));
}

TEST_CASE("divided objective: a loss that is not finite on one rank is an error on all") {
  int errors = 0;
  std::mutex mutex;
  for (const int64 parts : {0, 2})
    ThreadRanks::run(2, [&](Communicator& world) {
      const auto model =
          make_model("mlp:hidden=4", {.channels = 1, .height = 2, .width = 2, .classes = 3}, Rng(1));
      const Parameters parameters = model->parameters();
      Batch batch;
      batch.x = Tensor::zeros({4, 1, 2, 2});
      batch.x.mutable_data()[15] = static_cast<real>(NAN);  // of the last example
      batch.y = IntTensor::full({4}, 0);
      batch.index = IntTensor::full({4}, 0);
      DividedObjective objective(*model, parameters, {batch}, {}, {.ranks = &world, .parts = parts});
      try {
        objective.gradient();
      } catch (const NumericError&) {
        const std::lock_guard lock(mutex);
        ++errors;
      }
    });
  CHECK(errors == 4);
}

TEST_CASE("gradient buckets: sums over ranks, whatever the order in which gradients come") {
  const std::vector<Tensor> values{Tensor({3}), Tensor({GradientBuckets::kBucket}), Tensor({2, 2})};
  std::mutex mutex;
  ThreadRanks::run(2, [&](Communicator& world) {
    GradientBuckets buckets(world, values, 1);
    for (const size_t i : {1, 2, 0})
      buckets.add(i, Tensor::full(values[i].shape(), real(1 + world.rank())), 0.5, true);
    buckets.others()[0] = real(world.rank());
    const std::vector<Tensor> sums = buckets.finish();
    const std::lock_guard lock(mutex);
    for (size_t i = 0; i < values.size(); ++i) {
      CHECK(sums[i].shape() == values[i].shape());
      for (const real x : sums[i].span()) CHECK(x == real(1.5));
    }
    CHECK(buckets.others()[0] == 1);
  });
}
