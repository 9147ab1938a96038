// Steering by gradient-trained probes (G-ACT).
// Paper: Sharma, Raman, "Steering Conceptual Bias via Transformer Latent-Subspace Activation", 2025, arXiv 2506.18887.
//   delta_l = a_l(target answer) - a_l(the model's own) of each prompt; k-means of the normalised deltas: K vectors a layer
//   a probe a layer picks the vector:  h <- h + alpha*v[k,l],  k = argmax softmax(W (h - mean)/std + b)
// The claim at our scale: the share of answers in the target dialect rises from about 10 % to 80 % or more while 90 % of all answers
// still are of some dialect; trained probes are more accurate than ACT's cosines, on prompts they were not trained on.
// The problem: one-line functions in four dialects, 70/10/10/10 %, of twelve operations; the target is the C-like one.
// Activations are those of a prompt's last token behind an example in the target dialect, and behind one in the most frequent one;
// what is steered are prompts without an example, at their last token, where the differences were measured; it decides the first
// character of an answer, and the rest follows from that one.
// Departures: vectors are added at one place, not at every character that is written; rotary positions, so that examples of different
// length do not move the activations; two layers of 48.
// Tried before: means of activations over the tokens of answers. They say little of how an answer begins: of alpha from 0.25 to 1
// none raised the target's share above 9 %, and from 1 on answers were no longer valid. Differences of the prompt's last token, added
// at every character that follows too: alpha = 0.25 at best, 2 % in the target dialect and 3 % valid (one vector: 19 and 22 %).
#include <algorithm>
#include <array>

#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/language/g-act_cases.h"
#include "apps/papers/language/text_model.h"
#include "apps/steering/probe_training.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "core/kmeans.h"
#include "nn/steering/taps.h"

namespace gradus::paper_entries {
namespace {

constexpr int64 kDialects = 4, kTarget = 1;

struct DialectTask {
  Alphabet alphabet{"\n abcdefghijklmnopqrstuvwxyz(),:=+-*/%<>&|^{}#;"};
  bool quick;

  struct Prompt {
    std::string op;
    char sign, a, b;
    std::string text() const { return fmt::format("#{} {} {}:", op, a, b); }
    // Python-, C-, Julia- and Rust-like.
    std::string answer(int64 dialect) const {
      switch (dialect) {
        case 0:
          return fmt::format("def {}({},{}):{}{}{}\n", op, a, b, a, sign, b);
        case 1:
          return fmt::format("int {}({},{}){{{}{}{};}}\n", op, a, b, a, sign, b);
        case 2:
          return fmt::format("{}({},{})={}{}{}\n", op, a, b, a, sign, b);
        default:
          return fmt::format("fn {}({},{})->{}{}{}\n", op, a, b, a, sign, b);
      }
    }
  };
  static Prompt prompt(Rng& rng) {
    static const std::array<std::pair<const char*, char>, 12> kOps{{{"add", '+'},
                                                                    {"sub", '-'},
                                                                    {"mul", '*'},
                                                                    {"div", '/'},
                                                                    {"mod", '%'},
                                                                    {"low", '<'},
                                                                    {"top", '>'},
                                                                    {"and", '&'},
                                                                    {"orr", '|'},
                                                                    {"xor", '^'},
                                                                    {"sum", '+'},
                                                                    {"gap", '-'}}};
    const auto& [op, sign] = kOps[static_cast<size_t>(rng.below(12))];
    return {op, sign, static_cast<char>('a' + rng.below(26)), static_cast<char>('a' + rng.below(26))};
  }
  static int64 dialect(Rng& rng) { return rng.bernoulli(0.7) ? 0 : 1 + rng.below(3); }
  std::vector<Prompt> prompts(int64 count, Rng rng) const {
    std::vector<Prompt> all;
    for (int64 i = 0; i < count; ++i) all.push_back(prompt(rng));
    return all;
  }
  int64 layers() const { return quick ? 1 : 2; }
  std::vector<std::string> taps() const {
    std::vector<std::string> names;
    for (int64 l = 0; l < layers(); ++l) names.push_back(fmt::format("transformer.h.{}", l));
    return names;
  }
  TextModel fresh() const {
    return TextModel(quick ? "gpt:block=64,dim=16,layers=1,heads=2,positions=rotary"
                           : "gpt:block=64,dim=48,layers=2,heads=4,positions=rotary",
                     alphabet, Rng(41));
  }
};

// Residuals at each prompt's last token behind an example in a dialect, (N,L,d).
Tensor example_activations(const DialectTask& task, TextModel& model,
                           const std::vector<DialectTask::Prompt>& prompts, int64 dialect) {
  std::vector<std::string> texts;
  for (size_t i = 0; i < prompts.size(); ++i) {
    const DialectTask::Prompt& example = prompts[(i + 1) % prompts.size()];
    texts.push_back(example.text() + example.answer(dialect) + prompts[i].text());
  }
  std::vector<Tensor> last;
  for (const Tensor& h : read_activations(model.net(), task.taps(), model.encoded(texts)))  // (N,T,d) each
    last.push_back(reshape(slice(h, 1, h.dim(1) - 1, h.dim(1)), {h.dim(0), h.dim(2)}));
  return stack(last, 1).detach();
}

Tensor layer_rows(const Tensor& activations, int64 layer) {  // (N,L,d) -> (N,d)
  return reshape(slice(activations, 1, layer, layer + 1), {activations.dim(0), activations.dim(2)});
}
Tensor layer_vectors(const SteeringDirections& s, int64 layer) { return layer_rows(s.vectors, layer); }

// Mean of the members' activations, (K,d).
Tensor member_means(const Tensor& rows, const std::vector<int64>& labels, int64 clusters) {
  Tensor means = Tensor::zeros({clusters, rows.dim(1)});
  std::vector<real> members(static_cast<size_t>(clusters), 0);
  for (const int64 k : labels) ++members[static_cast<size_t>(k)];
  real* to = means.mutable_data();
  for (size_t i = 0; i < labels.size(); ++i)
    for (int64 d = 0; d < rows.dim(1); ++d)
      to[labels[i] * rows.dim(1) + d] +=
          rows.data()[static_cast<int64>(i) * rows.dim(1) + d] / members[static_cast<size_t>(labels[i])];
  return means;
}

Outcome steer_dialects(const Trial& trial) {
  const DialectTask task{.quick = trial.quick};
  const Rng rng = Rng(static_cast<std::uint64_t>(trial.seed)).fork(trial.tuning ? "tuning" : "final");
  TextModel model = task.fresh();
  model.load(trial.base(
      trial.quick ? "quick-dialects.safetensors" : "dialects.safetensors", [&](const std::string& path) {
        TextModel made = task.fresh();
        Rng lines = Rng(41).fork("dialects");
        pretrain(made, trial.quick ? 3 : 900, 3e-3, [&](int64) {
          std::vector<TextPair> batch;
          for (int64 i = 0; i < 24; ++i) {  // one line, or two in one dialect
            const DialectTask::Prompt first = DialectTask::prompt(lines), second = DialectTask::prompt(lines);
            const int64 dialect = DialectTask::dialect(lines);
            const bool two = lines.bernoulli(0.5);
            batch.push_back(
                {first.text(), first.answer(dialect) + (two ? second.text() + second.answer(dialect) : "")});
          }
          return token_batch(task.alphabet, batch);
        });
        made.save(path);
      }));
  const std::string method = trial.word("method");  // none, single, act, g-act
  const int64 clusters = method == "single" || method == "none" ? 1 : 4;
  const auto calibration = task.prompts(trial.quick ? 12 : 300, rng.fork("calibration")),
             fresh = task.prompts(trial.quick ? 8 : 200, rng.fork("test"));
  const Tensor target = example_activations(task, model, calibration, kTarget),
               own = example_activations(task, model, calibration, 0);
  Rng starts = rng.fork("k-means");
  const SteeringDirections directions = steering_directions(target, own, clusters, starts);
  std::vector<LayerSteering> layers;
  Outcome outcome;
  // Accuracy on prompts that were not in the calibration: labels are the nearest centroids of their features.
  const Tensor fresh_own = example_activations(task, model, fresh, 0),
               features = steering_features(example_activations(task, model, fresh, kTarget), fresh_own);
  std::vector<int64> fresh_labels;
  for (int64 i = 0; i < features.dim(0); ++i)
    fresh_labels.push_back(nearest_row(directions.centroids, features.data() + i * features.dim(1)));
  double accuracy = 0;
  for (int64 l = 0; l < task.layers(); ++l) {
    LayerSteering layer{layer_vectors(directions, l), {}, {}};
    Tensor probs;
    if (method == "act") {
      layer.act_means = member_means(layer_rows(own, l), directions.labels, clusters);
      probs = act_probs(layer_rows(fresh_own, l), layer.act_means);
    } else if (method == "g-act") {
      layer.probe =
          train_probe(layer_rows(own, l), directions.labels, clusters, {.lr = 0.02, .epochs = 60}).probe;
      probs = layer.probe.logits(layer_rows(fresh_own, l));
    }
    if (probs) accuracy += probe_accuracy(probs, fresh_labels) / static_cast<double>(task.layers());
    layers.push_back(layer);
  }
  if (clusters > 1) outcome.metrics["probe_accuracy"] = accuracy;

  // Generation with every layer steered at the prompt's last token.
  const SteeringOptions options{.alpha = method == "none" ? 0 : trial.number("alpha")};
  std::vector<std::string> prompts;
  for (const auto& p : fresh) prompts.push_back(p.text());
  Rng draws = rng.fork("draws");
  std::vector<std::string> answers;
  {
    const ActivationTaps taps(model.net(), task.taps(), [&](size_t l, const Tensor& h) {
      const int64 n = h.dim(0), t = h.dim(1), d = h.dim(2);
      if (options.alpha == 0 || t == 1) return Tensor();  // what follows is fed token by token
      const Tensor last = reshape(slice(h, 1, t - 1, t), {n, d});
      const Tensor parts[] = {slice(h, 1, 0, t - 1),
                              reshape(steer(last, layers[l], options).hidden, {n, 1, d})};
      return concat(parts, 1);
    });
    answers = model.sample(prompts, 20, 0.8, draws);
  }
  double hits = 0, valid = 0;
  for (size_t i = 0; i < answers.size(); ++i) {
    const std::string answer = until(answers[i], '\n') + "\n";
    hits += answer == fresh[i].answer(kTarget);
    for (int64 k = 0; k < kDialects; ++k) valid += answer == fresh[i].answer(k);
  }
  outcome.metrics["target_share"] = hits / static_cast<double>(answers.size());
  outcome.metrics["valid_share"] = valid / static_cast<double>(answers.size());
  // What tuning goes by: the target, as long as answers stay valid.
  outcome.metrics["score"] =
      outcome.metrics["target_share"] + std::min(outcome.metrics["valid_share"] - 0.9, 0.0);
  return outcome;
}

void steering_experiment(Experiment& e) {
  for (const char* method : {"g-act", "act", "single"})
    e.arm(method).run(steer_dialects, {{"method", method}}).tune("alpha", {0.25, 0.5, 1, 2, 4});
  e.arm("none").run(steer_dialects, {{"method", "none"}}).untuned("nothing is added");
  e.tune_for("score");
  e.seeds(5);
  e.claim("the target dialect's share without steering is below 20 %", at_most("none", "target_share", 0.2));
  e.claim("with it 80 % or more", at_least("g-act", "target_share", 0.8));
  e.claim("while 90 % of all answers stay valid", at_least("g-act", "valid_share", 0.9));
  e.claim("trained probes are more accurate than cosines", better("g-act", "act", "probe_accuracy"));
  e.claim("four vectors reach more than one", better("g-act", "single", "target_share").reported_only());
}

}  // namespace

Paper g_act() {
  return {
      .slug = "g-act",
      .family = "language",
      .title = "Steering Conceptual Bias via Transformer Latent-Subspace Activation",
      .authors = "Sharma, Raman",
      .venue = "arXiv",
      .year = 2025,
      .arxiv = "2506.18887",
      .idea =
          "Differences of activations between a target style and the model's own are clustered; a small "
          "probe a layer, "
          "trained by gradients, picks which cluster's mean is added to the hidden state. Claimed: the style "
          "changes, and "
          "trained probes are far more accurate than untrained ones.",
      .equations =
          "delta_l = a_l(target) - a_l(own);  clusters of the normalised deltas;  v[k,l] = their mean delta\n"
          "k = argmax softmax(W (h - mean)/std + b);  h = h + alpha*v[k,l]",
      .files = {"nn/steering/steering.cpp", "nn/steering/taps.cpp", "apps/steering/probe_training.cpp",
                "core/kmeans.cpp"},
      .use = "steering_directions and steer of nn/steering/steering.h",
      .functions = g_act_functions(),
      .experiment = steering_experiment,
      .minutes = 2};
}

}  // namespace gradus::paper_entries
