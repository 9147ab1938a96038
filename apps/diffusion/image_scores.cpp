#include "apps/diffusion/image_scores.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "apps/train/checkpoint.h"
#include "apps/train/trainer.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"
#include "nn/diffusion/frechet_distance.h"
#include "nn/modes.h"
#include "nn/registry.h"
#include "nn/steering/taps.h"

namespace gradus {
namespace {

constexpr const char* kClassifier = "lenet";
constexpr const char* kFeatureLayer = "fc1";

std::vector<int64> first_rows(const Dataset& set, int64 most) {
  std::vector<int64> rows(static_cast<size_t>(std::min(set.size(), most)));
  std::iota(rows.begin(), rows.end(), int64{0});
  return rows;
}

}  // namespace

FeatureClassifier::FeatureClassifier(const std::string& path, const Data& data, const std::string& data_spec,
                                     const std::string& data_dir,
                                     const std::function<void(const std::string&)>& say) {
  if (data.info().classes < 2)
    fail<UsageError>("--fid: {} has no classes, so there is no classifier whose features could be compared",
                     data_spec);
  if (!std::filesystem::exists(path)) {
    say(fmt::format("training a classifier for --fid, kept as {}", path));
    TrainConfig config;
    config.data = data_spec, config.data_dir = data_dir, config.model = kClassifier;
    config.optim = "adamw:lr=1e-3", config.schedule = "cosine:warmup=100", config.validation = 0;
    config.epochs = data.train->size() > 20000 ? 3 : 8;
    Trainer trainer(config);
    if (!trainer.train(RunDirectory::none(), true)) fail<UsageError>("--fid: interrupted");
    save_weights(path, trainer.model(), trainer.info());
  }
  const WeightsOrigin origin = read_origin(path);
  if (!origin.model || !origin.data || parse_spec(*origin.model).name != kClassifier)
    fail<DataError>("{}: no classifier of gradus ({}) with its data", path, kClassifier);
  info_ = *origin.data;
  if (!(info_.example == data.info().example) || info_.classes != data.info().classes)
    fail<DataError>("{}: is for images {} of {} classes, the data have {} and {}", path, info_.example.str(),
                    info_.classes, data.info().example.str(), data.info().classes);
  model_ = make_model(*origin.model, data_shape(info_), Rng(0));
  load_weights(path, *model_);
  model_->set_training(false);
}

FeatureClassifier::Seen FeatureClassifier::look(const Tensor& images) const {
  const Recording off(false);
  const int64 channels = images.dim(1), plane = images.dim(2) * images.dim(3), n = images.dim(0);
  Seen seen;
  constexpr int64 kAtOnce = 250;
  for (int64 from = 0; from < n; from += kAtOnce) {
    const int64 to = std::min(from + kAtOnce, n);
    Tensor x = images.rows(from, to).clone();
    real* v = x.mutable_data();
    for (int64 i = 0; i < x.numel(); ++i) {
      const auto c = static_cast<size_t>(i / plane % channels);
      const double pixel = (std::clamp(static_cast<double>(v[i]), -1.0, 1.0) + 1) / 2;
      v[i] = static_cast<real>((pixel - info_.mean[c]) / info_.std[c]);
    }
    Tensor features, logits;
    {
      const ActivationTaps taps(*model_, {kFeatureLayer}, [&](size_t, const Tensor& y) {
        features = y.detach();
        return Tensor();
      });
      logits = (*model_)(Input(x));
    }
    if (!seen.features.defined()) seen.features = Tensor({n, features.dim(1)});
    std::copy_n(features.data(), features.numel(), seen.features.mutable_data() + from * features.dim(1));
    for (const int64 c : argmax(logits, 1).span()) seen.classes.push_back(c);
  }
  return seen;
}

ImageScores FeatureClassifier::score(const Tensor& images, const std::vector<int64>& classes,
                                     const Data& data, int64 most) const {
  const std::vector<int64> test_rows = first_rows(*data.test, most);
  const Seen real_images = look(signed_pixels(*data.test, test_rows)),
             again = look(signed_pixels(*data.train, first_rows(*data.train, images.dim(0)))),
             drawn = look(images);
  ImageScores s;
  s.frechet = frechet_distance(drawn.features, real_images.features);
  s.floor = frechet_distance(again.features, real_images.features);
  int64 right = 0, asked = 0, known = 0;
  for (size_t i = 0; i < classes.size(); ++i) {
    asked += classes[i] >= 0;
    right += classes[i] >= 0 && drawn.classes[i] == classes[i];
  }
  for (size_t i = 0; i < test_rows.size(); ++i)
    known += real_images.classes[i] == data.test->label(test_rows[i]);
  s.agreement = asked ? static_cast<double>(right) / static_cast<double>(asked) : std::nan("");
  s.classifier_accuracy = static_cast<double>(known) / static_cast<double>(test_rows.size());
  return s;
}

}  // namespace gradus
