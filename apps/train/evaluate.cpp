#include "apps/train/evaluate.h"

#include <cmath>
#include <numeric>

#include "core/error.h"
#include "data/loader.h"
#include "nn/modes.h"

namespace gradus {
namespace {

// The first n examples of a batch.
Batch first_rows(const Batch& batch, int64 n) {
  Batch part = batch;
  part.index = batch.index.rows(0, n);
  if (batch.x.defined()) part.x = batch.x.rows(0, n);
  if (batch.tokens.defined()) part.tokens = batch.tokens.rows(0, n);
  if (batch.y.defined()) part.y = batch.y.rows(0, n);
  if (batch.targets.defined()) part.targets = batch.targets.rows(0, n);
  return part;
}

// In training mode batch norm can take no statistics of a single value.
Tensor output_for(Model& model, const Batch& batch, const EvaluateOptions& options) {
  try {
    return model(input_of(batch));
  } catch (const ShapeError& e) {
    if (!options.training || batch.size() > 1) throw;
    fail<UsageError>("a batch of one example cannot be run as in training ({}); take another batch size",
                     e.what());
  }
}

}  // namespace

void check_outputs(const Batch& batch, const Tensor& output) {
  const int64 one = output.numel() / output.dim(0);
  for (int64 i = 0; i < output.numel(); ++i)
    if (!std::isfinite(output.data()[i]))
      fail<NumericError>("the model's output for {} {} is {}: its weights cannot be used",
                         batch.tokens.defined() ? "the text at token" : "example", batch.index[i / one],
                         output.data()[i]);
}

std::optional<Score> evaluate(Model& model, const DatasetPtr& data, const EvaluateOptions& options) {
  const ModeScope mode(model, options.training);
  const Recording off(false);
  Loader loader(data, {.batch_size = options.batch_size});
  int64 left = options.limit ? std::min(options.limit, data->size()) : data->size();
  Score score;
  for (Batch batch; left > 0 && loader.next(batch);) {
    if (options.stop && options.stop()) return std::nullopt;
    if (batch.size() > left) batch = first_rows(batch, left);
    left -= batch.size();
    const Tensor output = output_for(model, batch, options);
    score += score_of(model.task(), output, batch, loss_of(model.task(), output, batch).item());
    if (options.each) options.each(batch, output);
  }
  return score;
}

}  // namespace gradus
