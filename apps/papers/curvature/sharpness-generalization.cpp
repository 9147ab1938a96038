// Sharpness and generalization over a pool of networks.
// Paper: Andriushchenko, Croce, Mueller, Hein, Flammarion, "A Modern Look at the Relationship between Sharpness and
//        Generalization", ICML 2023, arXiv 2302.07011.
//   average  mean of L(w + rho*c*e) - L(w);   worst  max over ||delta/c||_p <= rho of L(w + delta) - L(w);   c = |w| if adaptive
// The claims: no measure goes with the generalization gap in every group of networks; one at least goes with the learning rate;
// only the adaptive forms behind normalised logits leave a rescaled classifier as sharp as it was.
//   24 networks a seed: lr 0.003, 0.03, 0.2; batches of 32, 256; with SAM (rho 0.05) and without; with pad-crop,flip and without;
//   two convolutions of 4 and 8 channels, 500 images of Fashion-MNIST, 6 epochs, momentum 0.9. 16 measures: average and worst
//   case, l2 and linf, plain and adaptive, logits as they are and normalised, by a batch of 128 training images, 4 draws or steps
//   of ascent each. Groups: one learning rate, or one augmentation, each. tau: Kendall's rank correlation.
//   gap: test error - training error, on 500 and 1,000 images; shifted: mean of test errors with noise, and turned by 30 degrees
// Tried before: lr 0.01, 0.05, 0.2, 6 draws or steps: |tau| with the learning rate 0.47 +- 0.08, within noise of 0.4; logits ten
// times as large, by which plain sharpness changes 10 to 22 times, within noise of 10.
// Departures: no batch norm, far fewer images, epochs and steps of ascent, one radius a measure; weight decay is left out.
#include <algorithm>
#include <cmath>

#include "apps/papers/curvature/sharpness_cases.h"
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/landscape.h"
#include "apps/papers/settings.h"
#include "apps/train/evaluate.h"
#include "apps/train/trainer.h"
#include "autograd/functional/flat.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "core/rng.h"
#include "core/statistics.h"
#include "nn/modes.h"
#include "nn/sharpness/sharpness.h"

namespace gradus::paper_entries {
namespace {

constexpr const char* kPool = "fashion-mnist:limit=500,test_limit=1000";

struct SharpnessMeasure {
  bool worst, l2, adaptive, normalized;
  std::string name() const {
    return fmt::format("{}_{}{}{}", worst ? "max" : "avg", l2 ? "l2" : "linf", adaptive ? "_adaptive" : "",
                       normalized ? "_normalized" : "");
  }
  // Radii at which the loss of a network in the middle of the pool about doubles.
  double rho() const {
    if (worst) return l2 ? (adaptive ? 0.25 : 0.25) : (adaptive ? 0.01 : 0.002);
    return l2 ? (adaptive ? 0.2 : 0.02) : (adaptive ? 0.3 : 0.04);
  }
};

std::vector<SharpnessMeasure> all_measures() {
  std::vector<SharpnessMeasure> all;
  for (int i = 0; i < 16; ++i) all.push_back({(i & 1) != 0, (i & 2) != 0, (i & 4) != 0, (i & 8) != 0});
  return all;
}

struct LabelledImages {
  Tensor x;
  IntTensor labels;
};
LabelledImages images_of(const Dataset& set, int64 from, int64 count) {
  const Shape& one = set.info().example;
  LabelledImages out{Tensor({count, one[0], one[1], one[2]}), IntTensor(Shape{count})};
  for (int64 i = 0; i < count; ++i) {
    set.read_reals(from + i, out.x.mutable_data() + i * one.numel());
    out.labels.mutable_data()[i] = set.label(from + i);
  }
  return out;
}

// Mean over batches of training images.
double measure(Model& model, std::span<const Tensor> w, std::span<const LabelledImages> batches,
               const SharpnessMeasure& how, int64 steps, const Rng& rng) {
  const ModeScope evaluation(model, false);
  double sum = 0;
  for (size_t b = 0; b < batches.size(); ++b) {
    const BatchFunction batch =
        classifier_batch([&](std::span<const Tensor> p) { return functional_call(model, p, batches[b].x); },
                         batches[b].labels, how.normalized);
    if (how.worst) {
      sum +=
          worst_case_sharpness(
              batch, w,
              {.rho = how.rho(), .norm = how.l2 ? "l2" : "linf", .adaptive = how.adaptive, .n_iters = steps})
              .change.loss;
    } else {
      Rng draws = rng.fork(b);
      const Shape all{total_size(w)};
      sum +=
          average_sharpness(
              batch, w, [&] { return how.l2 ? draws.normal_tensor(all) : draws.uniform_tensor(all, -1, 1); },
              steps, how.rho(), how.adaptive)
              .loss;
    }
  }
  return sum / static_cast<double>(batches.size());
}

double wrong_share(Model& model, const LabelledImages& images) {
  const ModeScope evaluation(model, false);
  const Recording off(false);
  const Tensor outputs = model(images.x);
  return classifier_batch([&](std::span<const Tensor>) { return outputs; }, images.labels)({}).error;
}

// What the pool knows of one network.
struct PoolMember {
  double lr, batch, augmented, test_error, gap, shifted_error;
  std::vector<double> sharpness;  // by measure
};

std::vector<double> column(const std::vector<PoolMember>& pool,
                           const std::function<double(const PoolMember&)>& f) {
  std::vector<double> out;
  for (const PoolMember& m : pool) out.push_back(f(m));
  return out;
}

// The least tau of a measure with the gap over the groups; NaN (all equal) counts as no relation.
double least_tau(const std::vector<PoolMember>& pool, size_t measure) {
  double least = 1;
  const auto group = [&](const std::function<bool(const PoolMember&)>& in) {
    std::vector<PoolMember> members;
    std::copy_if(pool.begin(), pool.end(), std::back_inserter(members), in);
    const double tau = kendall_tau(column(members, [&](auto& m) { return m.sharpness[measure]; }),
                                   column(members, [](auto& m) { return m.gap; }));
    least = std::min(least, std::isnan(tau) ? 0 : tau);
  };
  for (const double lr : {0.003, 0.03, 0.2}) group([=](auto& m) { return m.lr == lr; });
  for (const double a : {0.0, 1.0}) group([=](auto& m) { return m.augmented == a; });
  return least;
}

Outcome sharpness_pool(const Trial& trial) {
  const int64 size = trial.quick ? 4 : 128, count = trial.quick ? 16 : 1000, steps = trial.quick ? 1 : 4;
  const Rng rng = Rng(static_cast<std::uint64_t>(trial.seed)).fork("sharpness");
  const Data data = trial.data(kPool), turned = trial.data(std::string(kPool) + ",rotate=30");
  const LabelledImages train = images_of(*data.train, 0, std::min(count, data.train->size())),
                       plain = images_of(*data.test, 0, std::min(count, data.test->size())),
                       rotated = images_of(*turned.test, 0, std::min(count, turned.test->size()));
  LabelledImages noisy = plain;
  noisy.x = plain.x + rng.fork("noise").normal_tensor(plain.x.shape()) * real(0.5);
  const std::vector<LabelledImages> batches = {images_of(*data.train, 0, size),
                                               images_of(*data.train, size, size)};
  const std::vector<SharpnessMeasure> measures = all_measures();
  std::vector<PoolMember> pool;
  Outcome outcome;
  for (int i = 0; i < (trial.quick ? 2 : 24); ++i) {
    trial.checkpoint(i / 24.0);
    const double lr = std::array{0.003, 0.03, 0.2}[static_cast<size_t>(i % 3)];
    const bool large = (i / 3) & 1, sam = (i / 6) & 1, augmented = (i / 12) & 1;
    TrainConfig config{.data = kPool,
                       .model = "lenet:conv1=4,conv2=8,hidden=32",
                       .schedule = "constant",
                       .epochs = 6,
                       .batch_size = large ? 256 : 32,
                       .eval_every = kAtTheEnd};
    const std::string sgd = fmt::format("sgd:lr={},momentum=0.9", lr);
    config.optim = sam ? fmt::format("sam({}):rho=0.05", sgd) : sgd;
    if (augmented) config.augment = "pad-crop,flip";
    const Outcome run = trial.train(config, [&](Trainer& trainer, Outcome&) {
      Model& model = trainer.model();
      Tensors w;
      for (const ParameterPtr& p : model.parameters()) w.push_back(p->value.clone());
      PoolMember m{lr, config.batch_size * 1.0, augmented ? 1.0 : 0.0, wrong_share(model, plain), 0, 0, {}};
      m.gap = m.test_error - wrong_share(model, train);
      m.shifted_error = (wrong_share(model, noisy) + wrong_share(model, rotated)) / 2;
      for (const SharpnessMeasure& how : measures)
        m.sharpness.push_back(measure(model, w, batches, how, steps, rng.fork("draws")));
      pool.push_back(m);
      if (i != 1) return;
      // The same classifier with logits thirty times as large: lr 0.03, batches of 32.
      Tensors scaled = w;
      for (size_t k = w.size() - 2; k < w.size(); ++k) scaled[k] = w[k] * real(30);
      double most = 0, change = 1;
      for (size_t k = 0; k < measures.size(); ++k) {
        // Steps along the l2 gradient are shorter where it is longer: only the supremum is invariant.
        if (measures[k].worst && measures[k].l2) continue;
        const double ratio =
            measure(model, scaled, batches, measures[k], steps, rng.fork("draws")) / m.sharpness[k];
        if (measures[k].adaptive && measures[k].normalized) most = std::max(most, std::abs(ratio - 1));
        if (!measures[k].adaptive && !measures[k].normalized)
          change = std::max(change, std::max(ratio, 1 / ratio));
      }
      outcome.metrics["invariant_change"] = most;
      outcome.metrics["plain_decades"] = std::log10(change);
    });
    if (run.diverged) outcome.metrics["diverged"] += 1;
  }
  double consistent = -1, with_lr = 0;
  for (size_t k = 0; k < measures.size(); ++k) {
    const std::vector<double> s = column(pool, [&](auto& m) { return m.sharpness[k]; });
    const auto tau = [&](const std::function<double(const PoolMember&)>& f) {
      const double t = kendall_tau(s, column(pool, f));
      return std::isnan(t) ? 0 : t;
    };
    const std::string name = measures[k].name();
    consistent = std::max(consistent, least_tau(pool, k));
    outcome.metrics["tau_gap_" + name] = tau([](auto& m) { return m.gap; });
    outcome.metrics["tau_test_" + name] = tau([](auto& m) { return m.test_error; });
    outcome.metrics["tau_shifted_" + name] = tau([](auto& m) { return m.shifted_error; });
    const double lr = outcome.metrics["tau_lr_" + name] = tau([](auto& m) { return m.lr; });
    with_lr = std::max(with_lr, std::abs(lr));
  }
  outcome.metrics["consistent_tau"] = consistent;
  outcome.metrics["lr_tau"] = with_lr;
  return outcome;
}

// Logistic regression on two separable clouds: the same classifier w, longer and longer.
Outcome sharpness_of_lengths(const Trial& trial) {
  Rng rng = Rng(static_cast<std::uint64_t>(trial.seed)).fork("lengths");
  constexpr int64 kPoints = 40;
  Tensor x({kPoints, 2});
  IntTensor labels(Shape{kPoints});
  for (int64 i = 0; i < kPoints; ++i) {
    labels.mutable_data()[i] = i % 2;
    for (int64 j = 0; j < 2; ++j)
      x.mutable_data()[i * 2 + j] = static_cast<real>((i % 2 ? 2 : -2) + 0.5 * rng.normal());
  }
  double least = INFINITY, most = 0;
  Outcome outcome;
  Curve& by_length = outcome.curves["adaptive_sharpness"];
  by_length.x_label = "length";
  for (const double a : {0.1, 0.3, 1.0, 3.0, 10.0}) {
    // Logits (0, a*(x1 + x2)).
    const Tensor w = Tensor::from({1, 2}, {static_cast<real>(a), static_cast<real>(a)});
    const BatchFunction batch = classifier_batch(
        [&](std::span<const Tensor> p) {
          const Tensor select = Tensor::from({2, 1}, {0, 1});
          return linear(linear(x, p[0]), select);
        },
        labels);
    const double s =
        worst_case_sharpness(batch, {&w, 1}, {.rho = 0.1, .norm = "linf", .adaptive = true}).change.loss;
    by_length.x.push_back(a), by_length.y.push_back(s);
    least = std::min(least, s), most = std::max(most, s);
  }
  // In single precision the loss of a long classifier is 0.
  outcome.metrics["sharpness_decades"] = std::log10(most / std::max(least, 1e-12));
  return outcome;
}

void sharpness_experiment(Experiment& e) {
  e.arm("pool").run(sharpness_pool);
  e.arm("lengths").run(sharpness_of_lengths);
  e.claim("no measure has tau >= 0.5 with the gap in every group", at_most("pool", "consistent_tau", 0.5));
  e.claim("a measure has |tau| >= 0.4 with the learning rate", at_least("pool", "lr_tau", 0.4));
  e.claim("adaptive sharpness of normalised logits stays where the classifier is rescaled",
          at_most("pool", "invariant_change", 1e-2));
  e.claim("plain sharpness changes more than tenfold", at_least("pool", "plain_decades", 1));
  e.claim("adaptive sharpness of one linear classifier varies a thousandfold with its length",
          at_least("lengths", "sharpness_decades", 3));
}

}  // namespace

Paper sharpness_generalization() {
  return {.slug = "sharpness-generalization",
          .family = "curvature",
          .title = "A Modern Look at the Relationship between Sharpness and Generalization",
          .authors = "Andriushchenko, Croce, Mueller et al.",
          .venue = "ICML",
          .year = 2023,
          .arxiv = "2302.07011",
          .idea =
              "Sharpness, also in forms that reparametrisation does not change, measured over many networks. "
              "Claimed: it goes "
              "with settings of training such as the learning rate, but does not predict generalization.",
          .equations =
              "average: mean of L(w + rho*c*e) - L(w)\n"
              "worst case: max over ||delta/c||_p <= rho of L(w + delta) - L(w)\n"
              "c = |w| if adaptive, else 1;  logits (o - mean(o))/||o - mean(o)|| if normalised",
          .files = {"nn/sharpness/sharpness.cpp", "nn/sharpness/normalize_logits.cpp",
                    "nn/sharpness/ellipsoid.cpp", "core/statistics.cpp"},
          .use = "gradus landscape RUN --rho 0.05",
          .functions = sharpness_functions(),
          .experiment = sharpness_experiment,
          .minutes = 5};
}

}  // namespace gradus::paper_entries
