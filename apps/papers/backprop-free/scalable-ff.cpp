// Scalable Forward-Forward Algorithm.
#include "apps/papers/backprop-free/scalable-ff_cases.h"
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"

namespace gradus::paper_entries {
namespace {

//EXPERIMENT

}  // namespace

Paper scalable_ff() {
  return {.slug = "scalable-ff",
          .family = "backprop-free",
          .title = "Scalable Forward-Forward Algorithm",
          .authors = "Krutsylo",
          .venue = "arXiv",
          .year = 2025,
          .arxiv = "2501.03176",
          .idea =
              "Every block is trained by its own goodness, read off an auxiliary convolution with a channel "
              "a class: one pass, any architecture, "
              "no gradient between blocks. Claimed: comparable to backpropagation, better on small data.",
          .equations =
              "a = aux(z),  G[n,c] = mean over (H,W) of a[n,c]^2\n"
              "ce: -log softmax(scale*G)_y;  ff: softplus(-(G_y - tau)) + mean over c != y of softplus(G_c - "
              "tau)\n"
              "h = layernorm(z) goes on, detached;  scores = mean over blocks of softmax(G)",
          .files = {"nn/local/goodness.cpp", "nn/local/forward_forward.cpp",
                    "apps/backprop_free/forward_forward_training.cpp"},
          .use = "ForwardForwardTraining of apps/backprop_free/forward_forward_training.h",
          .functions = scalable_ff_functions(),
          .experiment = nullptr,
          .minutes = 5};
}

}  // namespace gradus::paper_entries
