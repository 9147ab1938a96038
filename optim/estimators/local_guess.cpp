#include "optim/estimators/local_guess.h"

#include "autograd/functional/flat.h"
#include "autograd/functional/functional.h"
#include "autograd/functional/per_sample.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "core/error.h"
#include "optim/estimators/guess_projection.h"

namespace gradus {
namespace {

std::vector<Tensor> joined(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  std::vector<Tensor> all = a;
  all.insert(all.end(), b.begin(), b.end());
  return all;
}

// A pass over all blocks, recorded: outputs x_0 (the input), x_1, ..., x_B, and the loss.
struct WholePass {
  std::vector<Tensor> outputs;
  Tensor loss;
};
WholePass whole_pass(std::span<const GuessBlock> blocks, const Tensor& x, const IntTensor& labels) {
  WholePass pass{{stop_gradient(x)}, {}};
  for (const GuessBlock& b : blocks) pass.outputs.push_back(b.layer(pass.outputs.back()));
  pass.loss = cross_entropy(blocks.back().head(pass.outputs.back()), labels);
  return pass;
}

// Each sample's contribution to the mean loss, for every parameter.
std::vector<Tensor> contributions(const SampleLosses& losses, std::span<const Tensor> params, int64 samples) {
  std::vector<Tensor> grads = per_sample_gradients(losses, params, samples).grads;
  for (Tensor& g : grads) g = g / static_cast<real>(samples);
  return grads;
}

// (...) as (1, ...).
Tensor as_one_sample(const Tensor& v) {
  std::vector<int64> dims{1};
  dims.insert(dims.end(), v.shape().begin(), v.shape().end());
  return v.view(Shape(dims));
}

double joint_cosine(std::span<const Tensor> a, std::span<const Tensor> b) {
  return guess_cosine(flatten_all(a), flatten_all(b));
}

std::vector<Tensor> random_like(std::span<const Tensor> like, const Rng& rng) {
  std::vector<Tensor> all;
  for (size_t i = 0; i < like.size(); ++i) all.push_back(rng.fork(i).normal_tensor(like[i].shape()));
  return all;
}

}  // namespace

GuessGradient guess_gradient(std::span<const GuessBlock> blocks, const Tensor& x, const IntTensor& labels,
                             const GuessOptions& o, const Rng* rng) {
  if (blocks.empty()) fail<UsageError>("local guesses: a network without blocks");
  const bool random = o.guess == "random", global = o.target == "global";
  if (random && !rng) fail<UsageError>("local guesses: random ones need a generator");
  const Recording on(true);
  const size_t last = blocks.size() - 1;
  const int64 samples = x.dim(0);

  GuessGradient out;
  std::vector<Tensor> outputs, of_outputs;  // x_0 ... x_B; gradients of the loss in x_1 ... x_B
  std::vector<std::vector<Tensor>> of_layers;
  {
    const WholePass pass = whole_pass(blocks, x, labels);
    std::vector<Tensor> wanted(pass.outputs.begin() + 1, pass.outputs.end());
    for (const GuessBlock& b : blocks) wanted = joined(wanted, b.layer.params);
    wanted = joined(wanted, blocks[last].head.params);
    const std::vector<Tensor> grads = grad(pass.loss, wanted, {.allow_unused = true});
    auto next = grads.begin();
    const auto take = [&](size_t n) {
      std::vector<Tensor> part(next, next + static_cast<std::ptrdiff_t>(n));
      next += static_cast<std::ptrdiff_t>(n);
      return part;
    };
    of_outputs = take(blocks.size());
    for (const GuessBlock& b : blocks) of_layers.push_back(take(b.layer.params.size()));
    out.heads.resize(blocks.size());
    out.heads[last] = take(blocks[last].head.params.size());
    out.loss = static_cast<double>(pass.loss.item());
    for (const Tensor& h : pass.outputs) outputs.push_back(stop_gradient(h));
  }
  out.layers.resize(blocks.size());
  out.layers[last] = of_layers[last];

  const SampleLosses global_losses = [&](int64 begin, int64 end) {
    Tensor h = x.rows(begin, end);
    for (const GuessBlock& b : blocks) h = b.layer(h);
    return cross_entropy(blocks[last].head(h), labels.rows(begin, end), Reduction::kNone);
  };
  // All blocks' parameters at once: one pass over the network.
  std::vector<Tensor> targets;
  if (global && o.space == "weight" && last > 0) {
    std::vector<Tensor> params;
    for (size_t k = 0; k < last; ++k) params = joined(params, blocks[k].layer.params);
    targets = contributions(global_losses, params, samples);
  }

  size_t first = 0;  // of block k's tensors in `targets`
  for (size_t k = 0; k < last; ++k) {
    const GuessBlock& b = blocks[k];
    const Tensor& input = outputs[k];
    const size_t own = b.layer.params.size();
    // The local gradients: of the block's tensors, its head's, its output.
    const Tensor output = b.layer(input);
    const Tensor local = cross_entropy(b.head(output), labels);
    std::vector<Tensor> grads = grad(local, joined(joined(b.layer.params, b.head.params), {output}));
    const Tensor of_output = grads.back();
    std::vector<Tensor> of_layer(grads.begin(), grads.begin() + static_cast<std::ptrdiff_t>(own));
    out.heads[k].assign(grads.begin() + static_cast<std::ptrdiff_t>(own), grads.end() - 1);
    out.local_losses.push_back(static_cast<double>(local.item()));

    const Recording off(false);
    if (o.space == "activation") {
      const Tensor t = global ? of_outputs[k] : of_output;
      const Tensor g = random ? rng->fork(k).normal_tensor(t.shape()) : of_output;
      out.cosines.push_back(guess_cosine(t, g));
      const char* mode = random && !o.normalise_random ? "random-weight" : "weight";
      const Tensor delta = guess_projection(t, g, {mode, o.eps}).per_sample;
      out.layers[k] = b.layer.pull_back(input, delta);
      continue;
    }
    std::vector<Tensor> t, g;
    if (o.space == "avg-weight") {
      t = global ? of_layers[k] : of_layer;
      g = random ? random_like(b.layer.params, rng->fork(k)) : of_layer;
      for (std::vector<Tensor>* both : {&t, &g})
        for (Tensor& v : *both) v = as_one_sample(v);
    } else {
      const SampleLosses local_losses = [&](int64 begin, int64 end) {
        return cross_entropy(b.head(b.layer(input.rows(begin, end))), labels.rows(begin, end),
                             Reduction::kNone);
      };
      const auto local_parts = [&] {
        const Recording again(true);
        return contributions(local_losses, b.layer.params, samples);
      };
      if (!global || !random) g = local_parts();
      t = global ? std::vector<Tensor>(targets.begin() + static_cast<std::ptrdiff_t>(first),
                                       targets.begin() + static_cast<std::ptrdiff_t>(first + own))
                 : g;
      if (random) g = random_like(t, rng->fork(k));
      first += own;
    }
    out.cosines.push_back(joint_cosine(t, g));
    const char* mode = random && !o.normalise_random ? "random-weight" : "weight";
    for (size_t i = 0; i < own; ++i)
      out.layers[k].push_back(guess_projection(t[i], g[i], {mode, o.eps}).grad);
  }
  return out;
}

}  // namespace gradus
