// BBTv2: the prompts of all layers are searched by CMA-ES, layer after layer, from losses alone.
//
// Paper: Sun, He, Qian, Zhou, Huang, Qiu, "BBTv2: Towards a Gradient-Free Future with Large Language Models", EMNLP 2022,
//        arXiv 2205.11200; version "v1", prompts of the first layer alone: "Black-Box Tuning", ICML 2022, arXiv 2201.03514.
//   prompt_l = projection_l z_l;  one CMA-ES a layer (mean 0, step sigma)
//   round: for l = 0, ..., L-1: lam candidates z; fitness = loss with prompt l = projection_l z and the best prompts elsewhere;
//          best prompt l = projection_l (best z of all so far)
//   std_0 from the embedding, std_l from what layer l reads in the very first evaluation (nn/adapters/deep_prompt.h)
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/options.h"
#include "core/tensor.h"
#include "nn/adapters/deep_prompt.h"
#include "optim/methods/cma_es.h"

namespace gradus {

struct BlackBoxOptions {
  std::string version = "v2";
  int64 n_prompt = 2, offset = 1;
  double alpha = 1, sigma = 1;
  void visit(auto&& f) {
    f("version", version, "prompts of all layers, or of the first alone", choices({"v2", "v1"}));
    f("n_prompt", n_prompt, "tokens of a prompt", at_least(1));
    f("offset", offset, "the first of these tokens", at_least(0));
    f("alpha", alpha, "size of a prompt against the hidden states", at_least(0));
    f("sigma", sigma, "first step size of the search", positive());
  }
};

class BlackBoxPrompts {
 public:
  /// The network and its few examples; the projections' normals (L, n_prompt*D, d); population lam. Throws ShapeError, UsageError.
  BlackBoxPrompts(const MixingNetwork& net, Tensor hidden, IntTensor labels, const Tensor& embedding,
                  const Tensor& projection_normals, int64 lam, const BlackBoxOptions& options);

  int64 searched_layers() const { return o_.version == "v1" ? 1 : net_.layers(); }
  /// One generation of layer l, from normals (lam*d). Returns the best loss that this layer's search has seen.
  double generation(int64 l, std::span<const double> normals);

  const Tensor& best_prompts() const { return best_; }                ///< (L,n_prompt,D)
  const std::vector<double>& projection_std() const { return std_; }  ///< 0 where none is drawn (yet)
  double sigma(int64 l) const { return search_[static_cast<size_t>(l)].sigma(); }
  int64 forward_passes() const { return passes_; }

 private:
  std::vector<double> project(int64 l, std::span<const double> z) const;
  double evaluate(int64 l, std::span<const double> z);

  MixingNetwork net_;
  Tensor hidden_, projection_, best_;
  IntTensor labels_;
  BlackBoxOptions o_;
  std::vector<double> std_;
  std::vector<CmaEs> search_;
  int64 passes_ = 0;
};

}  // namespace gradus
