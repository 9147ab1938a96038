// CSFA.
// Paper: Yu, Lu, Zhang, "Generalized Incremental Learning under Concept Drift across Evolving Data Streams", 2025, arXiv 2506.05736.
//   new classes: P_c = (1-shift)*p_c + shift*q_c, q_c a mixture of base prototypes;  drift: entropy of reliable rows at perturbed
//   scales and shifts, along d = g_p - alpha*(g - (<g, g_p>/||g_p||^2)*g_p)
// The claims at our scale: the harmonic mean of base and new accuracy on drifting streams is above the unadapted network's, and not
// behind SAR and TENT by half a point; calibration alone costs at most a point of base accuracy and raises that of new classes.
//   MNIST; base classes 0-5, then {6,7} and {8,9} by five shots each; behind each session a stream of 40 batches of 64 images of all
//   classes seen, turned from 0 to 45 degrees in the first, noisy up to 0.6 in the second; perceptron with batch norm
// Departures: everything but the abstract is put together from its parts (card); a perceptron 784-64-32 for three convolutions.
#include <cmath>

#include "apps/continual/plain_learner.h"
#include "apps/continual/rsgs.h"
#include "apps/papers/continual/csfa_cases.h"
#include "apps/papers/continual/stream_run.h"
#include "apps/papers/entries.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "data/loader.h"
#include "nn/continual/prototypes.h"

namespace gradus::paper_entries {
namespace {

constexpr int64 kBase = 6, kShots = 5;

// W2 relu(batch norm(W1 x)) of W1, W2 and lambda = (scale, shift); statistics of the batch, always.
struct NormedNetwork {
  Tensor w1, w2;
  std::vector<Tensor> lambda;
  Tensor features(std::span<const Tensor> at, const Tensor& x) const {
    return matmul(relu(batch_norm(matmul(x, w1, false, true), at[0], at[1], real(1e-5))), w2, false, true);
  }
};

Tensor mean_rows(const Tensor& f, const std::vector<int64>& rows) {
  return mean(index_select(f, 0, IntTensor::from({std::ssize(rows)}, rows)), {0}, true);
}

std::vector<int64> rows_with(const IntTensor& y, int64 label, int64 most) {
  std::vector<int64> rows;
  for (int64 i = 0; i < y.numel() && std::ssize(rows) < most; ++i)
    if (y[i] == label) rows.push_back(i);
  return rows;
}

// Of base classes, by cross-entropy of scaled cosines.
NormedNetwork base_network(const Trial& trial, const LabelledRows& rows, const Rng& rng, Tensor& prototypes) {
  const auto draw = [&](int64 out, int64 in, const char* name) {
    return rng.fork(name).normal_tensor({out, in}, 0,
                                        static_cast<real>(std::sqrt(2.0 / static_cast<double>(in))));
  };
  const int64 n = rows.x.dim(1);
  Descent adam("adam:lr=2e-3",
               std::vector<Tensor>{draw(64, n, "first"), draw(32, 64, "second"), Tensor::ones({64}),
                                   Tensor::zeros({64}), draw(kBase, 32, "classifier")});
  const Recording on(true);
  for (int64 s = 0; s < steps_of(trial, rows, 64, 4); ++s) {
    const LabelledRows b = batch_at(rows, 64, s, rng.fork("order"));
    if (b.x.dim(0) < 2) continue;
    const std::vector<Tensor> p = adam.values();
    const Tensor f = NormedNetwork{p[0], p[1], {}}.features(std::span(p).subspan(2, 2), b.x);
    adam.step(grad(
        cross_entropy(matmul(normalised_rows(f), normalised_rows(p[4]), false, true) * real(16), b.y), p));
  }
  const std::vector<Tensor> p = adam.copies();
  const NormedNetwork net{p[0], p[1], {p[2], p[3]}};
  const Recording off(false);
  const Tensor f = net.features(net.lambda, rows.x);
  std::vector<Tensor> means;
  for (int64 c = 0; c < kBase; ++c) means.push_back(mean_rows(f, rows_with(rows.y, c, rows.y.numel())));
  prototypes = normalised_rows(concat(means, 0));
  return net;
}

RsgsOptions csfa_options(const Trial& trial) {
  RsgsOptions o;
  const std::string& method = trial.word("method");
  o.lr = trial.number("lr");
  if (method != "csfa") o.alpha = 0;
  if (method == "tent") o.rho = 0, o.e0_factor = 1e9;  // every row
  return o;
}

struct StreamScore {
  double base = 0, fresh = 0, base_rows = 0, fresh_rows = 0;
  void add(const IntTensor& predictions, const IntTensor& y) {
    for (int64 i = 0; i < y.numel(); ++i) {
      (y[i] < kBase ? base_rows : fresh_rows) += 1;
      (y[i] < kBase ? base : fresh) += predictions[i] == y[i];
    }
  }
  double base_share() const { return base / std::max(1.0, base_rows); }
  double fresh_share() const { return fresh / std::max(1.0, fresh_rows); }
  double harmonic() const {
    const double a = base_share(), b = fresh_share();
    return a + b > 0 ? 2 * a * b / (a + b) : 0;
  }
};

Outcome csfa_streams(const Trial& trial) {
  const std::string method = trial.word("method");
  const bool adapts = method == "tent" || method == "sar" || method == "csfa";
  const Rng rng = Rng(static_cast<std::uint64_t>(trial.seed)).fork("csfa");
  const TaskSequence all = load_tasks(trial, "mnist", {.kind = "rotated", .tasks = 1}, 6000, 4000);
  const LabelledRows &train = all.train[0], &test = all.test[0];
  std::vector<int64> base_rows;
  for (int64 i = 0; i < train.y.numel(); ++i)
    if (train.y[i] < kBase) base_rows.push_back(i);
  const LabelledRows base = chosen_rows(train, base_rows);
  Tensor prototypes;
  const NormedNetwork net = base_network(trial, base, rng, prototypes);
  const Tensor base_prototypes = prototypes;
  Outcome outcome;
  double harmonic = 0, clean_base = 0, clean_new = 0;
  std::vector<Tensor> lambda = net.lambda;
  for (int64 session = 0; session < 2; ++session) {
    const int64 classes = kBase + 2 * (session + 1);
    {
      const Recording off(false);
      std::vector<Tensor> shots;
      for (int64 c = classes - 2; c < classes; ++c) {
        // Shots go through the network among base images, since its statistics are the batch's.
        const std::vector<int64> rows = rows_with(train.y, c, kShots);
        const Tensor f = net.features(
            lambda,
            joined_rows(chosen_rows(train, rows), {base.x.rows(0, std::min<int64>(59, base.x.dim(0))),
                                                   base.y.rows(0, std::min<int64>(59, base.x.dim(0)))})
                .x);
        Tensor own({1, kShots, f.dim(1)});
        for (int64 k = 0; k < kShots; ++k)
          std::copy_n(f.data() + k % std::ssize(rows) * f.dim(1), f.dim(1),
                      own.mutable_data() + k * f.dim(1));
        shots.push_back(
            calibrate_prototypes(own, base_prototypes, {.shift = method == "source" ? 0.0 : 0.5}).calibrated);
      }
      shots.insert(shots.begin(), prototypes);
      prototypes = concat(shots, 0);
    }
    std::vector<int64> seen;
    for (int64 i = 0; i < test.y.numel(); ++i)
      if (test.y[i] < classes) seen.push_back(i);
    const LabelledRows rows = chosen_rows(test, seen);
    RsgsOptions o;
    if (adapts) o = csfa_options(trial);
    Rsgs rsgs([&](std::span<const Tensor> at, const Tensor& x) { return net.features(at, x); }, lambda,
              prototypes, o);
    const auto predict = [&](const Tensor& x) {
      const Recording off(false);
      return largest_of(
          matmul(normalised_rows(net.features(lambda, x)), normalised_rows(prototypes), false, true));
    };
    StreamScore clean, score;
    clean.add(predict(rows.x), rows.y);
    clean_base += clean.base_share() / 2;
    clean_new += clean.fresh_share() / 2;
    Rng noise = rng.fork("noise").fork(static_cast<std::uint64_t>(session));
    const int64 batches = trial.quick ? 3 : 40, side = 28;
    for (int64 s = 0; s < batches; ++s) {
      trial.checkpoint(static_cast<double>(session * batches + s) / static_cast<double>(2 * batches));
      const LabelledRows b =
          batch_at(rows, 64, s, rng.fork("stream").fork(static_cast<std::uint64_t>(session)));
      const double drift = static_cast<double>(s) / static_cast<double>(std::max<int64>(1, batches - 1));
      const Tensor images = b.x.view({b.x.dim(0), 1, b.x.dim(1) / side, side});
      const real darkest = *std::min_element(b.x.data(), b.x.data() + b.x.numel());
      const Tensor x = (session == 0 ? turned_images(images, 45 * drift, darkest)
                                     : noisy_images(images, 0.6 / 0.3081 * drift, 1 - 0.3 * drift, noise))
                           .view(b.x.shape());
      score.add(adapts ? rsgs.adapt(x).predictions : predict(x), b.y);
    }
    lambda = rsgs.lambda();
    harmonic += score.harmonic() / 2;
    const std::string drift = session == 0 ? "turned" : "noisy";
    outcome.metrics[drift + "_base_accuracy"] = score.base_share();
    outcome.metrics[drift + "_new_accuracy"] = score.fresh_share();
    outcome.metrics[drift + "_harmonic_accuracy"] = score.harmonic();
  }
  outcome.metrics["harmonic_accuracy"] = harmonic;
  outcome.metrics["clean_base_accuracy"] = clean_base;
  outcome.metrics["clean_new_accuracy"] = clean_new;
  return outcome;
}

void csfa_experiment(Experiment& e) {
  for (const char* method : {"csfa", "sar", "tent"})
    e.arm(method).run(csfa_streams, {{"method", method}}).tune("lr", {1e-3, 1e-2, 1e-1});
  for (const char* method : {"source", "calibrated"})
    e.arm(method).run(csfa_streams, {{"method", method}}).untuned("nothing is adapted");
  e.tune_for("harmonic_accuracy");
  e.seeds(5);
  for (const char* method : {"csfa", "sar", "tent"})
    e.claim(std::string(method) + " with calibration is above the network as it was",
            better(method, "source", "harmonic_accuracy"));
  e.claim("at most half a point behind SAR", not_worse("csfa", "sar", "harmonic_accuracy", 0.005));
  e.claim("at most half a point behind TENT", not_worse("csfa", "tent", "harmonic_accuracy", 0.005));
  e.claim("calibration raises the accuracy on new classes",
          better("calibrated", "source", "clean_new_accuracy"));
  e.claim("at a cost of at most a point on base classes",
          not_worse("calibrated", "source", "clean_base_accuracy", 0.01));
}

}  // namespace

Paper csfa() {
  return {.slug = "csfa",
          .family = "continual",
          .title = "Generalized Incremental Learning under Concept Drift across Evolving Data Streams",
          .authors = "Yu, Lu, Zhang",
          .venue = "arXiv",
          .year = 2025,
          .arxiv = "2506.05736",
          .idea =
              "A stream brings new classes with a few labels and unlabelled data that drift: prototypes of "
              "new classes are drawn "
              "towards similar base classes without training, normalisation layers are adapted to reliable "
              "predictions along a step "
              "that also closes the surrogate gap. Claimed: above adaptation by entropy alone.",
          .equations =
              "P_c = (1-shift)*p_c + shift*normalise(sum_b softmax(tau*<p_c, B_b>) B_b)\n"
              "keep: H < e0_factor*log C;  g_p = gradient of mean H at lambda + rho*g/||g||\n"
              "d = g_p - alpha*(g - (<g, g_p>/||g_p||^2)*g_p)",
          .files = {"nn/continual/prototypes.cpp", "optim/methods/gap_direction.cpp",
                    "apps/continual/rsgs.cpp", "data/tasks/task_stream.cpp"},
          .use = "Rsgs of apps/continual/rsgs.h",
          .functions = csfa_functions(),
          .experiment = csfa_experiment,
          .minutes = 1};
}

}  // namespace gradus::paper_entries
