// Decoder-only transformer.
//
// Radford et al., "Language Models are Unsupervised Multitask Learners" (GPT-2), 2019: token and learned
// position embeddings, pre-norm causal blocks with GELU, layer norm, linear head. Names and first values are
// nanoGPT's: weights N(0, 0.02), residual projections N(0, 0.02 / sqrt(2 layers)), biases 0; exact GELU; head
// not tied unless asked.
#pragma once

#include "nn/layers/container.h"
#include "nn/layers/embedding.h"
#include "nn/layers/transformer.h"
#include "nn/model.h"

namespace gradus {

/// Output layer without bias; its weight may be another module's.
class LanguageHead : public Module {
 public:
  LanguageHead(int64 dim, int64 vocabulary, bool tied);
  /// Uses `slot` as the weight (for heads made with tied = true).
  void tie(const ParamSlot& slot);
  Tensor forward(const Input& x) override;
  std::string describe() const override;
  int64 flops(const Shape& input, const Shape& output) const override;

  ParamSlot weight;
};

struct GptOptions {
  int64 block = 64, dim = 128, layers = 4, heads = 4;
  double dropout = 0, mlp_ratio = 4;
  bool bias = true, tie = false;
  std::string positions = "learned", act = "gelu", norm = "layer";
  void visit(auto&& f) {
    f("block", block, "longest context", at_least(1));
    f("dim", dim, "size of the embedding", at_least(1));
    f("layers", layers, "number of blocks", at_least(1));
    f("heads", heads, "attention heads; divide dim", at_least(1));
    f("dropout", dropout, "dropout on embeddings, attention and residual branches", decay_rate());
    f("mlp_ratio", mlp_ratio, "hidden units of the perceptrons over dim", positive());
    f("bias", bias, "biases in linear layers and norms");
    f("tie", tie, "output layer shares the token embedding");
    f("positions", positions, "how positions enter", choices({"learned", "sinusoidal", "rotary", "none"}));
    f("act", act, "activation of the perceptrons", activation_choices());
    f("norm", norm, "layer norm or RMS norm", choices({"layer", "rms"}));
  }
};

/// Everything below the head: ids (N,T) -> (N,T,dim), T at most `block`, else ShapeError.
class GptTrunk : public Module {
 public:
  GptTrunk(const GptOptions& options, int64 vocabulary);
  Tensor forward(const Input& ids) override;
  /// Continues sequences whose first `caches[0].length` positions were read before; of the last one: (N,T) -> (N,1,dim).
  Tensor continued(const IntTensor& ids, std::vector<KeyValueCache>& caches);
  std::vector<KeyValueCache> make_caches(int64 batch) const;
  std::string describe() const override { return "GptTrunk"; }

  Embedding& wte;

 private:
  Tensor embed(const IntTensor& ids, int64 first);

  GptOptions options_;
  Embedding* wpe_ = nullptr;
  Tensor sinusoids_;
  Dropout& drop_;
  ModuleList<TransformerBlock>& h_;
  Module& ln_f_;
};

class Gpt : public TokenModel {
 public:
  static constexpr Task kTask = Task::kLanguageModel;
  static constexpr const char* kSource = __FILE__;
  using Options = GptOptions;
  Gpt(const Options& options, const DataShape& data);
  Tensor forward(const Input& ids) override { return lm_head_(transformer_(ids)); }
  std::unique_ptr<Decoder> decoder(int64 batch, const DecodeOptions& options = {}) override;
  std::string describe() const override { return "Gpt"; }

 private:
  friend class GptDecoder;
  GptTrunk& transformer_;
  LanguageHead& lm_head_;
};

}  // namespace gradus
