#include "apps/testtime/adapted_scores.h"


#include "apps/train/evaluate.h"
#include "data/loader.h"
#include "data/views.h"
#include "nn/modes.h"

namespace gradus {

Scores adapted_scores(Model& model, const DatasetPtr& data, const AdaptedScoring& options) {
  const ModeScope mode(model, false);
  const Recording off(false);
  const DatasetPtr part =
      first_examples(data, options.limit > 0 ? std::optional(options.limit) : std::nullopt);
  Scores scores(model.task(), data->info());
  Score sums;
  Loader loader(part, {.batch_size = options.batch_size});
  for (int64 i = 0; i < loader.batches_per_epoch(); ++i) {
    Batch batch = loader.make({0, i});
    if (options.attack) batch = attacked_batch(*options.attack, model, batch, data->info());
    const Tensor output = options.adaptation ? options.adaptation->output(batch) : model(input_of(batch));
    check_outputs(batch, output);
    sums += score_of(model.task(), output, batch,
                     static_cast<double>(loss_of(model.task(), output, batch).item()));
    scores.add(batch, output);
    if (options.each) options.each(batch, output);
  }
  scores.set_sums(sums);
  return scores;
}

}  // namespace gradus
