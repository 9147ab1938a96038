#include "nn/registry.h"

#include "nn/model_entry.h"
#include "nn/models/airbench.h"
#include "nn/models/autoencoder.h"
#include "nn/models/char_lstm.h"
#include "nn/models/dit.h"
#include "nn/models/gpt.h"
#include "nn/models/lenet.h"
#include "nn/models/mlp.h"
#include "nn/models/mobilenet.h"
#include "nn/models/nf_resnet.h"
#include "nn/models/residual_mlp.h"
#include "nn/models/resnet.h"
#include "nn/models/sape.h"
#include "nn/models/siren.h"
#include "nn/models/unet.h"
#include "nn/models/vgg.h"
#include "nn/models/vit.h"
#include "nn/models/wrn.h"

namespace gradus {
namespace {

template <class M, ModelPreset<M> Change = nullptr>
ModelEntry entry(const char* name, const char* summary, const char* tiny, const DataShape& tiny_data) {
  return model_entry_of<M, Change>(name, summary, tiny, tiny_data);
}

template <int64 depth>
void resnet_depth(ResNet::Options& o) {
  o.depth = depth;
}

constexpr DataShape images(int64 channels, int64 side) {
  return {.channels = channels, .height = side, .width = side, .classes = 3};
}
constexpr DataShape kText{.vocabulary = 7};
constexpr DataShape kCoordinates{.channels = 2, .height = 1, .width = 1, .targets = 3};

// Grows by add_model.
std::vector<ModelEntry>& model_table() {
  static std::vector<ModelEntry> table = {
      entry<Mlp>("mlp", "fully connected layers fc1, fc2, ...", "hidden=5-4,act=tanh", images(1, 3)),
      entry<ResidualMlp>("residual-mlp", "residual perceptron, normalised branches, no biases",
                         "width=5,hidden=4,blocks=2", images(1, 3)),
      entry<LeNet>("lenet", "two valid 3x3 convolutions, max pooling, two linear layers",
                   "conv1=2,conv2=3,hidden=4", images(1, 8)),
      entry<Vgg>("vgg", "3x3 convolutions with max pooling, 11 to 19 layers", "width=2", images(2, 8)),
      entry<ResNet, resnet_depth<8>>("resnet8", "residual network of 8 layers", "width=2", images(2, 6)),
      entry<ResNet, resnet_depth<20>>("resnet20", "residual network of 20 layers", "width=2", images(2, 6)),
      entry<ResNet, resnet_depth<32>>("resnet32", "residual network of 32 layers", "width=2", images(2, 6)),
      entry<ResNet, resnet_depth<56>>("resnet56", "residual network of 56 layers", "width=2", images(2, 6)),
      entry<NfResNet>("nf-resnet", "residual network without normalisation, scaled weight standardisation",
                      "depth=8,width=2", images(2, 8)),
      entry<WideResNet>("wrn", "wide residual network, pre-activation", "depth=10,width=1,channels=2",
                        images(2, 6)),
      entry<MobileNetMini>("mobilenet-mini", "small MobileNetV2: depthwise convolutions, inverted residuals",
                           "width=0.125,expand=2", images(2, 12)),
      entry<Airbench>("airbench", "whitening convolution and three blocks: the CIFAR-10 speed run",
                      "widths=4-5-6", images(1, 14)),
      entry<Vit>("vit", "vision transformer, mean pooling", "patch=2,dim=8,depth=2,heads=2", images(2, 4)),
      entry<Gpt>("gpt", "decoder-only transformer on tokens", "block=6,dim=8,layers=2,heads=2", kText),
      entry<UNet>("unet", "U-Net that predicts noise, given time and class", "channels=4,mults=1-2,heads=2",
                  images(1, 4)),
      entry<Dit>("dit", "diffusion transformer that predicts noise or v, given time and class",
                 "patch=2,dim=8,depth=2,heads=2", images(1, 4)),
      entry<Autoencoder>("autoencoder", "fully connected encoder and mirrored decoder",
                         "hidden=6,code=3,act=tanh", images(1, 3)),
      entry<CharLstm>("char-lstm", "LSTM language model", "block=5,dim=4,hidden=5,layers=2", kText),
      entry<Siren>("siren", "coordinate network with sine activations",
                   "hidden=6,layers=2,omega=2,omega_first=2", kCoordinates),
      entry<Sape>("sape", "coordinate network whose Fourier features come where they are needed",
                  "hidden=5,layers=2,frequencies=3,sigma=1,res=4,channels=all", kCoordinates),
  };
  return table;
}

}  // namespace

std::span<const ModelEntry> models() { return model_table(); }

void add_model(const ModelEntry& entry) {
  for (const ModelEntry& e : models())
    if (std::string_view(e.name) == entry.name) fail<UsageError>("model '{}' is there already", e.name);
  model_table().push_back(entry);
}

const ModelEntry& model_entry(const std::string& name) {
  std::vector<std::string> names;
  for (const ModelEntry& e : models()) {
    if (name == e.name) return e;
    names.emplace_back(e.name);
  }
  throw UsageError(unknown_name("model", name, names));
}

namespace {

// The text of a model, taken apart.
Spec model_spec(const std::string& text) {
  Spec spec = parse_spec(text);
  if (!spec.inner.empty()) fail<UsageError>("model {}: takes nothing in parentheses", spec.name);
  return spec;
}

}  // namespace

const ModelEntry& check_model_spec(const std::string& text) {
  const Spec spec = model_spec(text);
  const ModelEntry& entry = model_entry(spec.name);
  entry.check(spec.options, spec.name);
  return entry;
}

std::unique_ptr<Model> make_model(const std::string& text, const DataShape& data, const Rng& rng) {
  const Spec spec = model_spec(text);
  std::unique_ptr<Model> model = model_entry(spec.name).build(spec.options, data, spec.name);
  model->initialise(rng.fork("init"));
  model->run().rng = rng.fork("dropout");
  return model;
}

}  // namespace gradus
