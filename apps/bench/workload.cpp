#include "apps/bench/workload.h"

#include <memory>

#include "apps/train/objective.h"
#include "autograd/grad.h"
#include "autograd/ops/nn_ops.h"
#include "nn/adapters/registry.h"
#include "nn/recompute.h"
#include "nn/registry.h"
#include "optim/problems/function_objective.h"
#include "optim/problems/registry.h"
#include "optim/registry.h"

namespace gradus::bench {
namespace {

// Multiply-adds of one sample, in thousands of millions.
constexpr double conv(double in, double out, double taps, double pixels) {
  return in * out * taps * pixels * 1e-9;
}

constexpr double kMlp = conv(784, 256, 1, 1) + conv(256, 128, 1, 1) + conv(128, 10, 1, 1);
constexpr double kLenet =
    conv(1, 32, 9, 676) + conv(32, 64, 9, 576) + conv(9216, 128, 1, 1) + conv(128, 10, 1, 1);
constexpr double kResnet20 = conv(3, 16, 9, 1024) + 6 * conv(16, 16, 9, 1024) +  //
                             conv(16, 32, 9 + 1, 256) + 5 * conv(32, 32, 9, 256) + conv(32, 64, 9 + 1, 64) +
                             5 * conv(64, 64, 9, 64) + conv(64, 10, 1, 1);
// Per block: qkv, projection and the perceptron, 12 d^2 a token; attention, twice T*d a token.
constexpr double transformer(double tokens, double d, double blocks) {
  return blocks * (conv(d, d, 12, tokens) + conv(tokens, d, 2, tokens));
}
constexpr double kVit = conv(48, 128, 1, 64) + transformer(64, 128, 6) + conv(128, 10, 1, 1);
constexpr double kGpt = transformer(64, 128, 4) + conv(128, 65, 1, 64);
constexpr double kAirbench = conv(3, 24, 4, 961) + conv(24, 64, 9, 961) + conv(64, 64, 9, 225) +
                             conv(64, 256, 9, 225) + 2 * conv(256, 256, 9, 49) + conv(256, 256, 9, 9) +
                             conv(256, 10, 1, 1);
// Of 28x28 images with 16, 32 and 32 channels at 784, 196 and 49 pixels; the embedding of time and class does not count.
constexpr double unet_block(double in, double out, double pixels) {
  return conv(in, out, 9, pixels) + conv(out, out, 9, pixels) + (in == out ? 0 : conv(in, out, 1, pixels));
}
constexpr double kUnet = conv(1, 16, 9, 784) + unet_block(16, 16, 784) + conv(16, 16, 9, 196) +
                         unet_block(16, 32, 196) + conv(32, 32, 9, 49) + unet_block(32, 32, 49) +  // down
                         2 * unet_block(32, 32, 49) + conv(32, 32, 4, 49) + conv(49, 32, 2, 49) +  // middle
                         2 * unet_block(64, 32, 49) + conv(32, 32, 9, 196) + unet_block(64, 32, 196) +  //
                         unet_block(48, 32, 196) + conv(32, 32, 9, 784) + unet_block(48, 16, 784) +
                         unet_block(32, 16, 784) +  // up
                         conv(16, 1, 9, 784);
// An inverted residual: 1x1 to `hidden` channels, depthwise 3x3, 1x1 to `out`, from `in_pixels` pixels to `pixels`.
constexpr double residual(double in, double hidden, double out, double in_pixels, double pixels) {
  return conv(in, hidden, 1, in_pixels) + conv(1, hidden, 9, pixels) + conv(hidden, out, 1, pixels);
}
constexpr double kMobilenet = conv(3, 16, 9, 1024) + conv(1, 16, 9, 1024) + conv(16, 16, 1, 1024) +
                              residual(16, 64, 24, 1024, 256) + residual(24, 96, 24, 256, 256) +
                              residual(24, 96, 32, 256, 64) + residual(32, 128, 32, 64, 64) +
                              residual(32, 128, 64, 64, 16) + residual(64, 256, 64, 16, 16) +
                              residual(64, 256, 96, 16, 16) + conv(96, 256, 1, 16) + conv(256, 10, 1, 1);
// Four gates of 256 units a token, of 64 inputs and 256 units.
constexpr double kCharLstm = 64 * (conv(64 + 256, 4 * 256, 1, 1) + conv(256, 65, 1, 1));
// Two operations a multiply-add; forward, input gradient and weight gradient.
constexpr double step_gflop(double batch, double sample) { return 6 * batch * sample; }

constexpr int64 kOptimizerRows = 2500, kOptimizerColumns = 4000;

ParameterPtr random_parameter(const Shape& shape) {
  Rng rng(2);
  ParameterPtr parameter = make_parameter("weight", ParamKind::kWeight, rng.normal_tensor(shape));
  parameter->grad = rng.normal_tensor(shape);
  return parameter;
}

}  // namespace

const std::vector<Workload>& training_workloads() {
  static const DataShape digits{.channels = 1, .height = 28, .width = 28, .classes = 10};
  static const DataShape cifar{.channels = 3, .height = 32, .width = 32, .classes = 10};
  static const std::vector<Workload> table{
      {"mlp", "mlp:hidden=256-128", "adam", 128, digits, step_gflop(128, kMlp)},
      {"lenet", "lenet", "adam", 64, digits, step_gflop(64, kLenet)},
      {"resnet20", "resnet20", "sgd:lr=0.01,momentum=0.9,weight_decay=5e-4", 128, cifar,
       step_gflop(128, kResnet20)},
      {"vit", "vit:patch=4,dim=128,depth=6,heads=4", "adamw", 128, cifar, step_gflop(128, kVit)},
      {"gpt", "gpt:block=64,dim=128,layers=4,heads=4", "adamw", 12, {.vocabulary = 65}, step_gflop(12, kGpt)},
      {"airbench", "airbench", "sgd:lr=0.01,momentum=0.9,nesterov=true", 128, cifar,
       step_gflop(128, kAirbench)},
      {"vit-lora", "vit:patch=4,dim=128,depth=6,heads=4", "adamw", 128, cifar, step_gflop(128, kVit) * 2 / 3,
       "lora:rank=8,alpha=16,targets=*attn.qkv+*attn.proj"},
      {"unet", "unet", "adam", 64, digits, step_gflop(64, kUnet)},
      {"mobilenet", "mobilenet-mini", "sgd:lr=0.01,momentum=0.9,weight_decay=5e-4", 128, cifar,
       step_gflop(128, kMobilenet)},
      {"char-lstm",
       "char-lstm:block=64,dim=64,hidden=256",
       "adam",
       32,
       {.vocabulary = 65},
       step_gflop(32, kCharLstm)},
  };
  return table;
}

const std::vector<Workload>& large_workloads() {
  static const DataShape cifar{.channels = 3, .height = 32, .width = 32, .classes = 10};
  static const DataShape photos{.channels = 3, .height = 96, .width = 96, .classes = 10};
  constexpr double kGpt10 = transformer(256, 384, 6) + conv(384, 65, 1, 256);
  constexpr double kGpt40 = transformer(256, 640, 8) + conv(640, 65, 1, 256);
  constexpr double kVit384 = conv(48, 384, 1, 64) + transformer(64, 384, 6) + conv(384, 10, 1, 1);
  // Four times the channels: sixteen times the work, but for the first convolution and the last layer.
  constexpr double kWide = 16 * kResnet20 - 12 * conv(3, 16, 9, 1024) - 12 * conv(64, 10, 1, 1);
  constexpr double kPhotos = 9 * kResnet20;
  static const std::vector<Workload> table{
      {"gpt-10m",
       "gpt:block=256,dim=384,layers=6,heads=6",
       "adamw",
       4,
       {.vocabulary = 65},
       step_gflop(4, kGpt10)},
      {"gpt-40m",
       "gpt:block=256,dim=640,layers=8,heads=10",
       "adamw",
       2,
       {.vocabulary = 65},
       step_gflop(2, kGpt40)},
      {"vit-384", "vit:patch=4,dim=384,depth=6,heads=6", "adamw", 32, cifar, step_gflop(32, kVit384)},
      {"resnet20-wide", "resnet20:width=64", "sgd:lr=0.01,momentum=0.9,weight_decay=5e-4", 32, cifar,
       step_gflop(32, kWide)},
      {"resnet20-96", "resnet20", "sgd:lr=0.01,momentum=0.9,weight_decay=5e-4", 16, photos,
       step_gflop(16, kPhotos)},
  };
  return table;
}

namespace {

// The mean squared error of the noise in random images at random times, half of them with a class.
std::function<void()> denoising_step(const std::shared_ptr<Model>& model, const Parameters& parameters,
                                     const std::shared_ptr<Optimizer>& optimizer, int64 batch_size, Rng rng) {
  Input input(rng.normal_tensor(model->example(batch_size).shape()));
  input.time = rng.uniform_tensor({batch_size});
  input.classes = IntTensor::full({batch_size}, -1);
  for (int64 i = 0; i < batch_size; i += 2) input.classes.mutable_data()[i] = rng.below(10);
  const Tensor noise = rng.normal_tensor(input.shape());
  std::vector<Tensor> values;
  for (const ParameterPtr& p : parameters) values.push_back(p->value);
  return [=] {
    const std::vector<Tensor> grads = grad(mse_loss((*model)(input), noise), values);
    for (size_t i = 0; i < grads.size(); ++i) parameters[i]->grad = grads[i];
    optimizer->step();
    for (const ParameterPtr& p : parameters) p->grad = Tensor();
  };
}

}  // namespace

Step training_step(const Workload& w, const std::string& spec, int64 batch_size, bool recompute) {
  if (batch_size == 0) batch_size = w.batch;
  Rng rng(1);
  const std::shared_ptr<Model> model = make_model(w.model, w.data, rng);
  if (w.adapter) attach_adapters(*model, w.adapter, rng);
  if (recompute) recompute_blocks(*model);
  const auto parameters = std::make_shared<const Parameters>(model->parameters());
  const std::shared_ptr<Optimizer> optimizer = make_optimizer(spec.empty() ? w.optimizer : spec, *parameters);
  Step step;
  for (const ParameterPtr& p : *parameters)
    if (!p->frozen) step.parameters += p->value.numel();
  if (model->task() == Task::kDenoising) {
    step.run = denoising_step(model, *parameters, optimizer, batch_size, rng.fork("noise"));
    return step;
  }
  const auto draw = [&](const Shape& s, int64 n) {
    IntTensor t(s);
    for (int64 i = 0; i < t.numel(); ++i) t.mutable_data()[i] = rng.below(n);
    return t;
  };
  const Shape shape = model->example(batch_size).shape();
  Batch batch;
  if (w.data.vocabulary > 0) {
    batch.tokens = draw(shape, w.data.vocabulary);
    batch.y = draw(shape, w.data.vocabulary);
  } else {
    batch.x = rng.normal_tensor(shape);
    batch.y = draw({batch_size}, w.data.classes);
  }
  batch.index = IntTensor::arange(batch_size);
  step.run = [=] {
    ModelObjective objective(*model, *parameters, {batch}, {.keep_graph = optimizer->needs().hvp},
                             {.second = [=] { return batch; },
                              .all = [=](const std::function<void(const Batch&)>& use) { use(batch); }});
    optimizer->step(objective);
    for (const ParameterPtr& p : *parameters) p->grad = Tensor();
  };
  return step;
}

Step optimizer_step(const std::string& spec) {
  const ParameterPtr parameter = random_parameter({kOptimizerRows, kOptimizerColumns});
  const std::shared_ptr<Optimizer> optimizer = make_optimizer(spec, {parameter});
  Step step{[=] { optimizer->step(); }, parameter->value.numel()};
  constexpr int kLeast = 2, kMost = 12;  // some rules have all of their state only when a ring is full
  std::size_t held = 0;
  for (int warm = 0; warm < kLeast || (warm < kMost && optimizer->state_bytes() > held); ++warm) {
    held = optimizer->state_bytes();
    step.run();
  }
  step.bytes = state_cost(parse_spec(spec), {256, 256}).bytes_moved * static_cast<double>(step.parameters);
  return step;
}

Step problem_step(const std::string& name, const std::string& spec) {
  const auto problem = std::make_shared<SmallProblem>(make_problem(name, Rng(1)));
  const auto parameters = std::make_shared<Parameters>();
  Step step;
  for (const Tensor& t : problem->start) {
    parameters->push_back(make_parameter("w", ParamKind::kWeight, t));
    step.parameters += t.numel();
  }
  const std::shared_ptr<Optimizer> optimizer = make_optimizer(spec, *parameters);
  step.run = [=] {
    FunctionObjective objective(*parameters, problem->loss);
    optimizer->step(objective);
  };
  return step;
}

void check_optimizer(const std::string& spec) { make_optimizer(spec, {random_parameter({2, 2})}); }

}  // namespace gradus::bench
