// Recurrent language model.
//
// Graves, "Generating Sequences With Recurrent Neural Networks", 2013, arXiv 1308.0850, in its plain form:
// embedding, LSTM layers, linear head.
#pragma once

#include "nn/layers/embedding.h"
#include "nn/layers/linear.h"
#include "nn/layers/recurrent.h"
#include "nn/model.h"

namespace gradus {

class CharLstm : public TokenModel {
 public:
  static constexpr Task kTask = Task::kLanguageModel;
  static constexpr const char* kSource = __FILE__;
  struct Options {
    int64 block = 64, dim = 64, hidden = 256, layers = 1;
    double dropout = 0;
    void visit(auto&& f) {
      f("block", block, "length of the training windows", at_least(1));
      f("dim", dim, "size of the embedding", at_least(1));
      f("hidden", hidden, "units of each LSTM layer", at_least(1));
      f("layers", layers, "LSTM layers", at_least(1));
      f("dropout", dropout, "dropout between LSTM layers", decay_rate());
    }
  };
  CharLstm(const Options& options, const DataShape& data);
  Tensor forward(const Input& ids) override { return head_(lstm_(embed_(ids))); }
  std::unique_ptr<Decoder> decoder(int64 batch, const DecodeOptions& options = {}) override;
  std::string describe() const override { return "CharLstm"; }

 private:
  friend class LstmDecoder;
  Embedding& embed_;
  LSTM& lstm_;
  Linear& head_;
};

}  // namespace gradus
