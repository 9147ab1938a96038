#include "apps/train/fit.h"

#include <filesystem>

#include "apps/train/trainer.h"
#include "core/error.h"

namespace gradus {

FitResult fit(Model& model, const Data& data, TrainConfig config, const FitOptions& options) {
  if (!data.train || !data.test)
    fail<UsageError>("fit: needs examples to train on and examples to test with");
  const TrainConfig defaults;
  config.data = defaults.data, config.model = defaults.model;  // (checked by name, and there may be none)
  check(config);
  config.data = data.info().name;
  config.model = model.spec();
  FitResult result;
  Trainer trainer(config, data, model);
  bool stopped = false;
  trainer.observe_rows([&](const MetricsRow& row) {
    result.rows.push_back(row);
    if (options.on_row) options.on_row(row);
  });
  if (options.on_step)
    trainer.observe_steps(
        [&](int64 step, double loss) { stopped = stopped || !options.on_step(step, loss); });
  const bool goes_on = !options.out.empty() && std::filesystem::exists(options.out + "/config.json");
  const RunDirectory run = options.out.empty() ? RunDirectory::none()
                           : goes_on           ? RunDirectory::open(options.out)
                                               : RunDirectory::create(options.out, "fit", config);
  result.ended = trainer.train(run, options.quiet, [&] { return stopped || interrupted(); });
  result.steps = trainer.state().step;
  const Score& test = trainer.scores().sums();
  result.test_loss = test.loss();
  result.test_accuracy = test.accuracy();
  return result;
}

}  // namespace gradus
