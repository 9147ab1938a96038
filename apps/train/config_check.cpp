// What is wrong with settings before any data are opened: unknown names, options and values, contradictions.
#include "apps/cli/flags.h"
#include "apps/train/config.h"
#include "apps/train/gradients/gradient_method.h"
#include "apps/train/losses.h"
#include "apps/train/parametrisation.h"
#include "autograd/parameter.h"
#include "core/utf8.h"
#include "data/augment.h"
#include "data/registry.h"
#include "data/selection/sample_selector.h"
#include "nn/adapters/registry.h"
#include "nn/registry.h"
#include "optim/group.h"
#include "optim/registry.h"
#include "optim/schedule.h"

namespace gradus {
namespace {

// A model of a matrix and a vector: enough to see whether an optimizer can be made at all.
Parameters one_of_each() {
  return {make_parameter("fc.weight", ParamKind::kWeight, Tensor::zeros({2, 2})),
          make_parameter("fc.bias", ParamKind::kBias, Tensor::zeros({2}))};
}

}  // namespace

void check_divisible(const TrainConfig& config, const std::string& why) {
  for (const auto& [given, flag] : {std::pair{config.batch_size.adaptive(), "--batch-size adaptive"},
                                    std::pair{config.gradient != "backprop", "--gradient"},
                                    std::pair{config.select != "all", "--select"}})
    if (given) fail<UsageError>("{} takes no {}: it is a matter of whole batches", why, flag);
}

void check(const TrainConfig& config) {
  if (config.epochs && config.steps) fail<UsageError>("--epochs and --steps exclude each other");
  TrainConfig copy = config;  // (fields are visited for writing)
  for (const OptionField& field : fields_of(copy))
    if (const std::string text = field.text(); const auto at = first_invalid_utf8(text))
      fail<UsageError>("{} {}: byte {} is not UTF-8, which the run's config.json must be",
                       flag_name(field.name), printable(text), *at);
  in_flag("--data", [&] { check_data_spec(config.data); });
  in_flag("--model", [&] {
    const ModelEntry& model = check_model_spec(config.model);
    if (model.task == Task::kDenoising)
      fail<UsageError>("{} is for {}: train it with --task diffusion", model.name, task_name(model.task));
  });
  in_flag("--batch-size", [&] {
    config.batch_size.check();
    if (!config.batch_size.adaptive()) return;
    for (const auto& [given, flag] :
         {std::pair{config.steps.has_value(), "--steps: their number is what comes out; give --epochs"},
          std::pair{config.accumulate != 1, "--accumulate"}, std::pair{config.drop_last, "--drop-last"},
          std::pair{config.gradient != "backprop",
                    "--gradient: its test needs the gradients of single examples"}})
      if (given) fail<UsageError>("--batch-size adaptive takes no {}", flag);
  });
  if (config.deterministic) {
    if (config.batch_norm != "auto")
      fail<UsageError>(
          "--deterministic: batch norm takes the statistics of each part; it takes no --batch-norm {}",
          config.batch_norm);
    check_divisible(config, "--deterministic");
  }
  in_flag("--param", [&] { check_parametrisation(config.param); });
  if (!config.adapter.empty()) in_flag("--adapter", [&] { check_adapter_spec(config.adapter); });
  in_flag("--optim", [&] { find_optimizer(parse_spec(config.optim).name); });
  if (!config.companion.empty())
    in_flag("--companion", [&] { find_optimizer(parse_spec(config.companion).name); });
  std::vector<GroupSpec> groups;
  in_flag("--group", [&] {
    for (const std::string& text : config.group) groups.push_back(parse_group(text));
  });
  in_flag("--optim", [&] { make_optimizer(effective_optim(config), one_of_each()); });
  if (!groups.empty())
    in_flag("--group", [&] { make_optimizer(effective_optim(config), one_of_each(), groups); });
  // (Of a schedule that reads a file only the words: the file is opened when training begins.)
  in_flag("--schedule", [&] {
    const ScheduleEntry& schedule = find_schedule(parse_spec(config.schedule).name);
    if (schedule.paths.empty()) make_schedule(config.schedule, {100, 10});
  });
  in_flag("--loss", [&] {
    if (!make_loss(config.loss)) return;
    for (const auto& [given, flag] :
         {std::pair{config.label_smoothing > 0, "--label-smoothing"}, std::pair{config.focal > 0, "--focal"},
          std::pair{!config.class_weights.empty(), "--class-weights"}})
      if (given) fail<UsageError>("{} changes the task's own loss: it takes no --loss {}", flag, config.loss);
  });
  in_flag("--gradient", [&] { check_gradient_method(config.gradient); });
  in_flag("--augment", [&] { parse_augmentation(config.augment); });
  in_flag("--select", [&] {
    if (!make_selector(config.select)) return;
    for (const auto& [given, flag] :
         {std::pair{config.accumulate != 1, "--accumulate: it chooses within the batch of a step"},
          std::pair{config.batch_size.adaptive(), "--batch-size adaptive"},
          std::pair{config.gradient != "backprop", "--gradient"}})
      if (given) fail<UsageError>("--select {} takes no {}", config.select, flag);
  });
}

}  // namespace gradus
