#include "nn/models/gpt.h"

#include <algorithm>
#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/shape_ops.h"
#include "core/kernels/weight_panels.h"
#include "nn/modes.h"

namespace gradus {
namespace {

BlockOptions block_options(const GptOptions& o) {
  return {.dim = o.dim,
          .heads = o.heads,
          .mlp_ratio = o.mlp_ratio,
          .causal = true,
          .rotary = o.positions == "rotary",
          .rms_norm = o.norm == "rms",
          .bias = o.bias,
          .eps = 1e-5,
          .dropout = o.dropout,
          .act = o.act,
          .names = kNanoGptNames};
}

}  // namespace

LanguageHead::LanguageHead(int64 dim, int64 vocabulary, bool tied) {
  if (!tied) weight = parameter("weight", ParamKind::kHead, {vocabulary, dim}, init::normal(0.02));
}

void LanguageHead::tie(const ParamSlot& slot) {
  share("weight", slot);
  weight = slot;
}

Tensor LanguageHead::forward(const Input& x) { return linear(x.values(), weight); }

std::string LanguageHead::describe() const {
  return fmt::format("Linear({}, {}, bias=false)", weight.shape()[1], weight.shape()[0]);
}

int64 LanguageHead::flops(const Shape&, const Shape& output) const {
  return 2 * output.numel() * weight.shape()[1];
}

GptTrunk::GptTrunk(const GptOptions& o, int64 vocabulary)
    : wte(add<Embedding>("wte", vocabulary, o.dim)),
      options_(o),
      wpe_(o.positions == "learned" ? &add<Embedding>("wpe", o.block, o.dim) : nullptr),
      sinusoids_(o.positions == "sinusoidal" ? sinusoidal_positions(o.block, o.dim) : Tensor()),
      drop_(add<Dropout>("drop", o.dropout)),
      h_(add<ModuleList<TransformerBlock>>("h")),
      ln_f_(adopt("ln_f", make_block_norm(block_options(o)))) {
  for (int64 i = 0; i < o.layers; ++i) h_.push(block_options(o));
  const double residual_std = 0.02 / std::sqrt(2.0 * static_cast<double>(o.layers));
  visit([&](Module& m, const std::string&) {
    if (const auto* e = dynamic_cast<Embedding*>(&m)) e->weight.set_init(init::normal(0.02));
    if (const auto* l = dynamic_cast<Linear*>(&m)) {
      l->weight.set_init(init::normal(m.name() == "c_proj" ? residual_std : 0.02));
      if (l->bias) l->bias.set_init(init::zeros());
    }
  });
}

// Positions are numbered from `first` on.
Tensor GptTrunk::embed(const IntTensor& ids, int64 first) {
  if (ids.rank() != 2 || first + ids.dim(1) > options_.block)
    fail<ShapeError>("gpt: {} tokens of shape {} behind {} do not fit a context of {}", ids.numel(),
                     ids.shape().str(), first, options_.block);
  Tensor h = wte(ids);  // (N,T,dim)
  const int64 end = first + ids.dim(1);
  if (wpe_) {
    IntTensor positions = IntTensor::arange(ids.dim(1));
    for (int64 t = 0; t < ids.dim(1); ++t) positions.mutable_data()[t] += first;
    h = h + (*wpe_)(positions);
  }
  if (sinusoids_.defined()) h = h + sinusoids_.rows(first, end);
  return drop_(h);
}

Tensor GptTrunk::forward(const Input& ids) {
  Tensor h = embed(ids.ids(), 0);
  h_.for_each([&](TransformerBlock& block, size_t) { h = block(h); });
  return ln_f_(h);
}

Tensor GptTrunk::continued(const IntTensor& ids, std::vector<KeyValueCache>& caches) {
  return call(ids, [&] {
    Tensor h = embed(ids, caches.at(0).length);
    // Behind the last layer's keys and values nobody asks for the positions before the last.
    h_.for_each([&](TransformerBlock& block, size_t i) {
      h = block.continued(h, caches[i], i + 1 == h_.size() ? 1 : 0);
    });
    return ln_f_(h);
  });
}

std::vector<KeyValueCache> GptTrunk::make_caches(int64 batch) const {
  std::vector<KeyValueCache> caches;
  for (size_t i = 0; i < h_.size(); ++i) caches.push_back(h_[i].attn.make_cache(batch, options_.block));
  return caches;
}

// Keeps the window of tokens the model looks at: it grows to the context's size, then loses its oldest
// tokens, `forget` at a time. Positions count from the window's start, so a window that moved is read again.
class GptDecoder : public Decoder {
 public:
  GptDecoder(Gpt& model, int64 batch, const DecodeOptions& options)
      : model_(model), cache_(options.cache), windows_(static_cast<size_t>(std::max<int64>(batch, 0))) {
    const int64 block = model.block();
    forget_ = options.forget ? options.forget : std::max<int64>(1, block / 2);
    if (batch < 1 || forget_ < 1 || forget_ > block)
      fail<UsageError>("gpt decoder: batch = {}, forget = {}: needs batch >= 1 and 1 <= forget <= {}", batch,
                       forget_, block);
    if (cache_) caches_ = model.transformer_.make_caches(batch);
  }

  Tensor feed(const IntTensor& ids) override {
    const int64 batch = static_cast<int64>(windows_.size());
    if (ids.rank() != 2 || ids.dim(0) != batch || ids.dim(1) < 1)
      fail<ShapeError>("gpt decoder: needs ids ({},T), T >= 1, got {}", batch, ids.shape().str());
    int64 read = cache_ ? caches_[0].length : 0;  // how much of the window the caches hold
    for (int64 t = 0; t < ids.dim(1); ++t) {
      if (static_cast<int64>(windows_[0].size()) == model_.block()) {
        for (auto& w : windows_) w.erase(w.begin(), w.begin() + forget_);
        read = 0;
      }
      for (int64 n = 0; n < batch; ++n) windows_[static_cast<size_t>(n)].push_back(ids[n * ids.dim(1) + t]);
    }
    return run(read);
  }

 private:
  Tensor run(int64 read) {
    const Recording off(false);
    const ModeScope evaluation(model_, false);
    const kernels::WeightPanels::Scope packed(panels_);
    const int64 batch = static_cast<int64>(windows_.size()), size = static_cast<int64>(windows_[0].size());
    IntTensor fresh({batch, size - read});
    int64* out = fresh.mutable_data();
    for (const auto& w : windows_) out = std::copy(w.begin() + read, w.end(), out);
    Tensor h;
    if (cache_) {
      for (KeyValueCache& c : caches_) c.length = read;
      h = model_.transformer_.continued(fresh, caches_);
    } else {
      h = model_.transformer_(fresh);
    }
    const int64 t = h.dim(1);
    return model_.lm_head_(reshape(slice(h, 1, t - 1, t), Shape{batch, h.dim(2)}));
  }

  Gpt& model_;
  bool cache_;
  kernels::WeightPanels panels_;
  int64 forget_;
  std::vector<std::vector<int64>> windows_;
  std::vector<KeyValueCache> caches_;
};

Gpt::Gpt(const Options& o, const DataShape& data)
    : TokenModel(data, o.block, "gpt"),
      transformer_(add<GptTrunk>("transformer", o, data.vocabulary)),
      lm_head_(add<LanguageHead>("lm_head", o.dim, data.vocabulary, o.tie)) {
  if (o.tie) lm_head_.tie(transformer_.wte.weight);
}

std::unique_ptr<Decoder> Gpt::decoder(int64 batch, const DecodeOptions& options) {
  return std::make_unique<GptDecoder>(*this, batch, options);
}

}  // namespace gradus
