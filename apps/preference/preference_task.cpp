#include "apps/preference/preference_task.h"

#include <algorithm>

#include "apps/train/checkpoint.h"
#include "apps/train/fine_tuning.h"
#include "autograd/graph.h"
#include "core/error.h"
#include "core/rng.h"
#include "nn/modes.h"
#include "nn/registry.h"
#include "nn/state_dict.h"

namespace gradus {
namespace {

std::unique_ptr<Model> text_model(const std::string& spec, const DatasetInfo& info, const Rng& rng) {
  std::unique_ptr<Model> model = make_model(spec, data_shape(info), rng);
  if (model->task() != Task::kLanguageModel)
    fail<UsageError>("--loss is for language models; {} is for {}", spec, task_name(model->task()));
  return model;
}

}  // namespace

PreferenceTask::PreferenceTask(const PreferenceConfig& config, const std::string& start)
    : config_(config), loss_(dpo_options(config.loss)) {
  const PreferenceDataOptions where = preference_data_options(config.data);
  const std::vector<PreferencePair> pairs = read_preference_pairs(where);
  std::string spec = config.model;
  const std::string weights = !start.empty() ? start : config.init.empty() ? "" : init_file(config.init);
  if (weights.empty()) {
    info_.name = "pairs";
    info_.kind = DataKind::kText;
    info_.vocabulary = characters_of(pairs);
    notes_.push_back("without --init the model and its reference start from random weights");
  } else {
    const WeightsOrigin origin = read_origin(weights);
    if (!origin.data || origin.data->kind != DataKind::kText)
      fail<DataError>("{}: weights that do not say which characters they know", weights);
    info_ = *origin.data;
    if (spec.empty()) spec = origin.model.value_or("");
  }
  if (spec.empty()) spec = "gpt";
  info_.classes = std::ssize(info_.vocabulary);
  const Rng rng(static_cast<std::uint64_t>(config.seed));
  model_ = text_model(spec, info_, rng);
  const int64 block = dynamic_cast<TokenModel&>(*model_).block();
  info_.example = {block};
  if (!weights.empty()) load_weights(weights, *model_);
  reference_ = text_model(spec, info_, rng);
  load_state_dict(*reference_, state_dict(*model_));
  pairs_ = tokenise_pairs(pairs, info_.vocabulary, block, where.path);

  Rng order = rng.fork("held-out pairs");
  const std::vector<int64> shuffled = order.permutation(std::ssize(pairs_));
  const auto held = static_cast<size_t>(config.validation * static_cast<double>(pairs_.size()));
  held_.assign(shuffled.begin(), shuffled.begin() + static_cast<std::ptrdiff_t>(held));
  training_.assign(shuffled.begin() + static_cast<std::ptrdiff_t>(held), shuffled.end());
  if (training_.empty()) fail<UsageError>("--validation {}: leaves no pair to train on", config.validation);
  notes_.push_back(fmt::format("{} pairs, {} of them held out", pairs_.size(), held_.size()));
}

int64 PreferenceTask::steps_per_epoch() const {
  return (std::ssize(training_) + config_.batch_size - 1) / config_.batch_size;
}

std::vector<int64> PreferenceTask::batch_rows(int64 step) const {
  const int64 epoch = step / steps_per_epoch(), from = step % steps_per_epoch() * config_.batch_size;
  Rng rng =
      Rng(static_cast<std::uint64_t>(config_.seed)).fork("pairs").fork(static_cast<std::uint64_t>(epoch));
  const std::vector<int64> order = rng.permutation(std::ssize(training_));
  std::vector<int64> rows;
  for (int64 i = from; i < std::min(from + config_.batch_size, std::ssize(training_)); ++i)
    rows.push_back(training_[static_cast<size_t>(order[static_cast<size_t>(i)])]);
  return rows;
}

PreferenceLoss PreferenceTask::loss_of(std::span<const int64> rows) {
  const auto scored = [&](PairSide side) {
    const ResponseBatch batch = response_batch(pairs_, rows, side);
    Tensor ref = Tensor::zeros(batch.targets.shape());
    if (reference_) {
      const Recording off(false);
      ref = token_logp((*reference_)(batch.ids), batch.targets).detach();
    }
    return ScoredResponses{token_logp((*model_)(batch.ids), batch.targets), ref, batch.mask};
  };
  return dpo_loss(scored(PairSide::kChosen), scored(PairSide::kRejected), loss_);
}

PreferenceScore PreferenceTask::score(std::span<const int64> rows) {
  const Recording off(false);
  const ModeScope evaluation(*model_, false);
  PreferenceScore total;
  for (size_t from = 0; from < rows.size(); from += static_cast<size_t>(config_.batch_size)) {
    const auto part =
        rows.subspan(from, std::min(rows.size() - from, static_cast<size_t>(config_.batch_size)));
    const PreferenceLoss l = loss_of(part);
    total.loss += static_cast<double>(l.loss.item()) * static_cast<double>(part.size());
    for (const real m : l.margin.span()) total.accuracy += m > 0, total.margin += static_cast<double>(m);
    total.pairs += std::ssize(part);
  }
  const auto n = static_cast<double>(std::max<int64>(total.pairs, 1));
  total.loss /= n, total.accuracy /= n, total.margin /= n;
  return total;
}

}  // namespace gradus
