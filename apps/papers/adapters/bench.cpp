#include "apps/papers/adapters/bench.h"

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "core/error.h"
#include "core/safetensors.h"
#include "nn/modes.h"
#include "nn/registry.h"
#include "nn/state_dict.h"
#include "optim/registry.h"

namespace gradus {
namespace {

DataShape shape_of_task(const ImageTask& task) {
  return {
      .channels = task.channels(), .height = task.side(), .width = task.side(), .classes = task.classes()};
}

void fill_gradients(const Parameters& parameters, const Tensor& loss) {
  std::vector<Tensor> values;
  for (const ParameterPtr& p : parameters) values.push_back(p->value);
  const std::vector<Tensor> grads = grad(loss, values, {.allow_unused = true});
  for (size_t i = 0; i < parameters.size(); ++i) parameters[i]->grad = grads[i];
}

bool of_head(const std::string& name) { return name.starts_with("head.") || name.starts_with("fc3."); }

// The base: trained by AdamW on the other set, from the trial's seed.
void pretrain(const Trial& trial, const BenchSetting& setting, const std::string& path) {
  const ImageTask task(trial, setting.base_data, 1 << 30, setting.batch_size, 64);
  const Rng rng = Rng(static_cast<std::uint64_t>(trial.seed)).fork("base");
  const auto model = make_model(setting.model, shape_of_task(task), rng);
  const OptimizerPtr optimizer = make_optimizer("adamw:lr=3e-3", model->parameters());
  Outcome outcome;
  run_steps(trial, setting.base_steps, outcome, [&](int64 t) {
    const Batch batch = task.batch(t);
    const Tensor loss = cross_entropy((*model)(batch.x), batch.y);
    fill_gradients(model->parameters(), loss);
    optimizer->step(1 - static_cast<double>(t) / static_cast<double>(setting.base_steps),
                    static_cast<double>(loss.item()));
  });
  write_safetensors(path, {state_dict(*model), {}, {}});
}

}  // namespace

AdapterBench::AdapterBench(const Trial& trial, const BenchSetting& setting)
    : trial_(trial),
      rng_(Rng(static_cast<std::uint64_t>(trial.seed)).fork("fine-tuning")),
      task_(trial, setting.data, setting.images, setting.batch_size, setting.test_images) {
  model_ = make_model(setting.model, shape_of_task(task_), rng_);
  const std::string name = fmt::format("{}-{}-{}{}-{}.safetensors", parse_spec(setting.model).name,
                                       parse_spec(setting.base_data).name, setting.base_steps,
                                       trial.tuning ? "-tuning" : "", trial.seed);
  const std::string path = trial.base(name, [&](const std::string& to) { pretrain(trial, setting, to); });
  StateDict state = read_safetensors(path).tensors;
  if (setting.fresh_head) std::erase_if(state, [](const auto& entry) { return of_head(entry.first); });
  load_state_dict(*model_, state, path, !setting.fresh_head);
}

void AdapterBench::adapt(const std::string& spec) {
  if (spec == "none") return;
  if (spec != "head") {
    attach_adapters(*model_, spec, rng_.fork("adapter"));
    return;
  }
  for (const ParameterPtr& p : model_->parameters()) p->frozen = !of_head(p->name);
}

OptimizerPtr AdapterBench::optimizer(const std::string& optim) {
  return make_optimizer(
      optim, model_->trainable(),
      {{.names = {"head.*"}, .kinds = {}, .options = {{"lr", fmt::format("{}", kHeadLr)}}}});
}

double AdapterBench::gradient(const Batch& batch, const Penalty& penalty) {
  const Tensor logits = (*model_)(batch.x), loss = cross_entropy(logits, batch.y);
  Tensor whole = loss;
  if (penalty)
    if (const Tensor more = penalty(batch, logits); more.defined()) whole = whole + more;
  fill_gradients(model_->trainable(), whole);
  return static_cast<double>(loss.item());
}

bool AdapterBench::train(const std::string& optim, int64 steps, Outcome& outcome, const Behind& behind,
                         const Penalty& penalty) {
  const OptimizerPtr rule = optimizer(optim);
  return run_steps(trial_, steps, outcome, [&](int64 t) {
    const double loss = gradient(task_.batch(t), penalty);
    rule->step(1, loss);
    if (behind) behind(t, loss);
  });
}

double AdapterBench::test_accuracy() {
  const ModeScope evaluation(*model_, false);
  return task_.test_accuracy([&](const Tensor& x) { return (*model_)(x); });
}

double AdapterBench::loss_on(const Batch& batch) {
  const Recording off(false);
  const ModeScope evaluation(*model_, false);
  return static_cast<double>(cross_entropy((*model_)(batch.x), batch.y).item());
}

}  // namespace gradus
