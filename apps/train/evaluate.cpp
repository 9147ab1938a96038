#include "apps/train/evaluate.h"

#include <algorithm>
#include <array>
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

namespace {

// The tensor of rank `from`.
Tensor shared(Communicator& ranks, const Tensor& own, int from) {
  if (ranks.alone()) return own;
  const bool mine = ranks.rank() == from;
  std::array<int64, Shape::kMaxRank + 1> dims{};
  if (mine) {
    dims[0] = own.rank();
    std::copy(own.shape().begin(), own.shape().end(), dims.begin() + 1);
  }
  ranks.broadcast(std::span<int64>(dims), from);
  Tensor t = mine ? own : Tensor(Shape(std::vector<int64>(dims.begin() + 1, dims.begin() + 1 + dims[0])));
  ranks.broadcast(std::span(t.mutable_data(), static_cast<size_t>(t.numel())), from);
  return t;
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
  Communicator& ranks = options.ranks ? *options.ranks : one_process();
  bool more = true;
  while (left > 0 && more) {
    if (options.stop && options.stop()) return std::nullopt;
    std::vector<Batch> batches;  // one a rank
    for (Batch batch; std::ssize(batches) < ranks.size() && left > 0 && (more = loader.next(batch));) {
      if (batch.size() > left) batch = first_rows(batch, left);
      left -= batch.size();
      batches.push_back(std::move(batch));
    }
    Tensor own;
    if (ranks.rank() < std::ssize(batches))
      own = output_for(model, batches[static_cast<size_t>(ranks.rank())], options);
    for (int r = 0; r < std::ssize(batches); ++r) {
      const Batch& batch = batches[static_cast<size_t>(r)];
      const Tensor output = shared(ranks, own, r);
      score += score_of(model.task(), output, batch, loss_of(model.task(), output, batch).item());
      if (options.each) options.each(batch, output);
    }
  }
  return score;
}

}  // namespace gradus
