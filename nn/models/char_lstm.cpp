#include "nn/models/char_lstm.h"

#include "autograd/ops/shape_ops.h"
#include "core/kernels/weight_panels.h"
#include "nn/modes.h"

namespace gradus {

// The state of the LSTM is the memory; without the cache, all that was read is read again.
class LstmDecoder : public Decoder {
 public:
  LstmDecoder(CharLstm& model, int64 batch, const DecodeOptions& options)
      : model_(model), cache_(options.cache), read_(static_cast<size_t>(std::max<int64>(batch, 0))) {
    if (batch < 1) fail<UsageError>("char-lstm decoder: batch = {} must be at least 1", batch);
  }

  Tensor feed(const IntTensor& ids) override {
    const int64 batch = static_cast<int64>(read_.size());
    if (ids.rank() != 2 || ids.dim(0) != batch || ids.dim(1) < 1)
      fail<ShapeError>("char-lstm decoder: needs ids ({},T), T >= 1, got {}", batch, ids.shape().str());
    const Recording off(false);
    const ModeScope evaluation(model_, false);
    const kernels::WeightPanels::Scope packed(panels_);
    IntTensor fresh = ids;
    if (!cache_) {
      state_.clear();
      for (int64 n = 0; n < batch; ++n) {
        auto& all = read_[static_cast<size_t>(n)];
        all.insert(all.end(), ids.data() + n * ids.dim(1), ids.data() + (n + 1) * ids.dim(1));
      }
      fresh = IntTensor({batch, static_cast<int64>(read_[0].size())});
      int64* out = fresh.mutable_data();
      for (const auto& all : read_) out = std::copy(all.begin(), all.end(), out);
    }
    const Tensor h = model_.lstm_.continued(model_.embed_(fresh), state_);
    return model_.head_(reshape(slice(h, 1, h.dim(1) - 1, h.dim(1)), Shape{batch, h.dim(2)}));
  }

 private:
  CharLstm& model_;
  bool cache_;
  kernels::WeightPanels panels_;
  LSTM::State state_;
  std::vector<std::vector<int64>> read_;
};

CharLstm::CharLstm(const Options& o, const DataShape& data)
    : TokenModel(data, o.block, "char-lstm"),
      embed_(add<Embedding>("embed", data.vocabulary, o.dim)),
      lstm_(add<LSTM>("lstm", o.dim, o.hidden, o.layers, o.dropout)),
      head_(add<Linear>("head", o.hidden, data.vocabulary)) {
  head_.weight.set_kind(ParamKind::kHead);
}

std::unique_ptr<Decoder> CharLstm::decoder(int64 batch, const DecodeOptions& options) {
  return std::make_unique<LstmDecoder>(*this, batch, options);
}

}  // namespace gradus
