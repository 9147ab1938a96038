// C3A.
// Paper: Chen, Cheng, Liu, Gao, Tsung, Li, Li, "Parameter-Efficient Fine-Tuning via Circular Convolution", ACL 2025,
//        arXiv 2407.19342.
//   y = x (W0 + C/(n*b))',  C[p*b + t, q*b + j] = w[p,q,(j - t) mod b]
// The claims: at no more numbers C3A is as accurate as LoRA (within half a point), at two sizes; the learned matrix has at least
// half of full rank, where LoRA's has one or two.
// Departures: a transformer of two blocks of 32 pre-trained on MNIST for 400 steps, adapters on its attention, 2,000 images of
// Fashion-MNIST, 8 epochs. A block of the network has 128 numbers of C3A with b = 32 and 256 with b = 16, of LoRA 192 with r = 1 and
// 384 with r = 2.
#include "nn/adapters/c3a.h"

#include "apps/papers/adapters/bench.h"
#include "apps/papers/adapters/c3a_cases.h"
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "core/error.h"
#include "core/linalg.h"

namespace gradus::paper_entries {
namespace {

// Singular values above 1e-3 of the largest, as a share of all there are: the mean over the layers.
double rank_share(Model& model) {
  double sum = 0;
  const std::vector<AdaptedLayer> layers = adapted_layers(model);
  for (const AdaptedLayer& l : layers) {
    const Recording off(false);
    const Tensor w = l.layer->weight.parameter()->value.detach();
    Tensor delta = l.adapter()->merged_weight(w).clone();
    for (int64 i = 0; i < w.numel(); ++i) delta.mutable_data()[i] -= w.data()[i];
    const Tensor s = linalg::svd(delta).s;
    int64 count = 0;
    for (const real v : s.span()) count += v > real(1e-3) * s.data()[0];
    sum += static_cast<double>(count) / static_cast<double>(s.numel());
  }
  return layers.empty() ? 0 : sum / static_cast<double>(layers.size());
}

Outcome tune_attention(const Trial& trial) {
  Outcome outcome;
  AdapterBench bench(trial, {});
  bench.adapt(trial.word("adapter"));
  outcome.metrics["trained_numbers"] = static_cast<double>(count_parameters(bench.model()).trainable);
  if (!bench.train("adamw:lr=" + trial.word("lr"), 8 * bench.task().steps_per_epoch(), outcome))
    return outcome;
  outcome.metrics["test_accuracy"] = bench.test_accuracy();
  outcome.metrics["rank_share"] = rank_share(bench.model());
  return outcome;
}

void c3a_experiment(Experiment& e) {
  e.tune_for("test_accuracy");
  const auto arm = [&](const std::string& name, const std::string& adapter, const std::vector<double>& lrs) {
    e.arm(name).run(tune_attention, {{"adapter", adapter}}).tune("lr", lrs);
  };
  const std::vector<double> c3a_lrs = {0.1, 0.3, 1}, lora_lrs = {3e-3, 1e-2, 3e-2};
  arm("c3a-32", "c3a:block=32,targets=*attn*", c3a_lrs);
  arm("c3a-16", "c3a:block=16,targets=*attn*", c3a_lrs);
  arm("lora-1", "lora:rank=1,alpha=1,targets=*attn*", lora_lrs);
  arm("lora-2", "lora:rank=2,alpha=2,targets=*attn*", lora_lrs);
  arm("head", "head", {1e-3, 3e-3, 1e-2});
  e.claim("blocks of 32 do not fall behind LoRA of rank 1",
          not_worse("c3a-32", "lora-1", "test_accuracy", 0.005));
  e.claim("blocks of 16 do not fall behind LoRA of rank 2",
          not_worse("c3a-16", "lora-2", "test_accuracy", 0.005));
  e.claim("the learned matrices have at least half of full rank", at_least("c3a-32", "rank_share", 0.5));
  e.claim("adapters beat the head alone", better("c3a-16", "head", "test_accuracy").reported_only());
}

}  // namespace

Paper c3a() {
  return {.slug = "c3a",
          .family = "adapters",
          .title = "Parameter-Efficient Fine-Tuning via Circular Convolution",
          .authors = "Chen, Cheng, Liu, et al.",
          .venue = "ACL",
          .year = 2025,
          .arxiv = "2407.19342",
          .idea =
              "The update of a weight is a block-circulant matrix, applied by Fourier transforms: its rank "
              "does not hang on the "
              "number of its parameters. Claimed: as good as LoRA at fewer numbers.",
          .equations =
              "C[p*b + t, q*b + j] = w[p,q,(j - t) mod b]\n"
              "y = x (W0 + C/(n*b))'",
          .files = {"nn/adapters/c3a.cpp"},
          .use = "attach_adapters(model, \"c3a:block=16\", rng)",
          .functions = c3a_functions(),
          .experiment = c3a_experiment,
          .minutes = 2};
}

}  // namespace gradus::paper_entries
