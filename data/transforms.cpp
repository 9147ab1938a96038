// The transforms of `--augment`. All of them work on normalised pixels; "black" is what a zero pixel became.
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.h"
#include "data/augment.h"
#include "data/augmentations/transform_entry.h"
#include "data/image_shift.h"
#include "data/pixel_maps.h"

namespace gradus {
namespace {

real black(const DatasetInfo& info, int64 channel) {
  const auto c = static_cast<std::size_t>(channel);
  return static_cast<real>(-info.mean[c] / info.std[c]);
}

// A random window of the image with a border around it.
class PadCrop : public Transform {
 public:
  struct Options {
    int64 pad = 4;
    std::string fill = "black";
    void visit(auto&& f) {
      f("pad", pad, "pixels added on each side before cutting out the old size at random", between(1, 1024));
      f("fill", fill, "what the border shows", choices({"black", "mirror"}));
    }
  };
  explicit PadCrop(Options o) : o_(std::move(o)) {}
  void apply_example(real* image, Rng& rng, const ExampleContext& context) const override {
    const int64 dy = rng.below(2 * o_.pad + 1) - o_.pad, dx = rng.below(2 * o_.pad + 1) - o_.pad;
    std::vector<real> border;
    if (o_.fill == "black")
      for (int64 k = 0; k < context.info.example[0]; ++k) border.push_back(black(context.info, k));
    shift_image(image, context.info.example, dy, dx, border);
  }

 private:
  Options o_;
};

class Flip : public Transform {
 public:
  struct Options {
    double p = 0.5;
    void visit(auto&& f) { f("p", p, "probability of a mirror image, left to right", between(0, 1)); }
  };
  explicit Flip(Options o) : o_(o) {}
  void apply_example(real* image, Rng& rng, const ExampleContext& context) const override {
    if (rng.bernoulli(o_.p)) mirror_image(image, context.info.example);
  }

 private:
  Options o_;
};

// Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024, arXiv 2404.00498, section 3.6: a coin
// decides for each image in the first epoch, from then on every image alternates, so that two epochs in a row
// always show both sides.
class AlternatingFlip : public Transform {
 public:
  struct Options {
    void visit(auto&&) {}
  };
  explicit AlternatingFlip(Options) {}
  void apply_example(real* image, Rng&, const ExampleContext& context) const override {
    Rng coin = Rng(context.seed).fork("alternating-flip").fork(static_cast<std::uint64_t>(context.index));
    if ((static_cast<int64>(coin.bits32() & 1) + context.epoch) % 2)
      mirror_image(image, context.info.example);
  }
};

// DeVries, Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout", 2017, arXiv
// 1708.04552: a square whose centre may lie anywhere in the image is set to the mean, which is 0 after
// normalisation.
class Cutout : public Transform {
 public:
  struct Options {
    int64 size = 8;
    void visit(auto&& f) { f("size", size, "side of the square that is wiped out", between(1, 4096)); }
  };
  explicit Cutout(Options o) : o_(o) {}
  void apply_example(real* image, Rng& rng, const ExampleContext& context) const override {
    const int64 c = context.info.example[0], h = context.info.example[1], w = context.info.example[2];
    const int64 top = rng.below(h) - o_.size / 2, left = rng.below(w) - o_.size / 2;
    const int64 y0 = std::max<int64>(0, top), y1 = std::min(h, top + o_.size);
    const int64 x0 = std::max<int64>(0, left), x1 = std::min(w, left + o_.size);
    for (int64 k = 0; k < c; ++k)
      for (int64 y = y0; y < y1; ++y)
        std::fill(image + (k * h + y) * w + x0, image + (k * h + y) * w + x1, real{0});
  }

 private:
  Options o_;
};

class Rotation : public Transform {
 public:
  struct Options {
    double degrees = 15;
    void visit(auto&& f) {
      f("degrees", degrees, "turn by a random angle up to this, either way; black from outside",
        between(0, 180));
    }
  };
  explicit Rotation(Options o) : o_(o) {}
  void apply_example(real* image, Rng& rng, const ExampleContext& context) const override {
    const int64 c = context.info.example[0], h = context.info.example[1], w = context.info.example[2];
    const Turn turn(rng.uniform(-o_.degrees, o_.degrees), h, w);
    std::vector<real> plane(static_cast<std::size_t>(h * w));
    for (int64 k = 0; k < c; ++k) {
      real* out = image + k * h * w;
      std::copy_n(out, h * w, plane.begin());
      const auto border = static_cast<double>(black(context.info, k));
      for (int64 y = 0; y < h; ++y)
        for (int64 x = 0; x < w; ++x) {
          double from_y, from_x;
          turn.source(y, x, from_y, from_x);
          out[y * w + x] = static_cast<real>(bilinear(plane.data(), h, w, from_y, from_x, border));
        }
    }
  }

 private:
  Options o_;
};

// --- transforms that mix the examples of a batch
// ------------------------------------------------------------------

// Gamma(shape, 1) by Marsaglia and Tsang, "A Simple Method for Generating Gamma Variables", 2000; below 1
// through Gamma(shape + 1) U^(1/shape).
double gamma_draw(double shape, Rng& rng) {
  if (shape < 1) return gamma_draw(shape + 1, rng) * std::pow(1 - rng.uniform(), 1 / shape);
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = rng.normal(), v = std::pow(1 + c * x, 3);
    if (v > 0 && std::log(1 - rng.uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

double beta_draw(double alpha, Rng& rng) {
  const double a = gamma_draw(alpha, rng), b = gamma_draw(alpha, rng);
  return a + b > 0 ? a / (a + b) : 0.5;
}

// targets <- lambda targets + (1 - lambda) targets[partner], from the labels where there are no distributions
// yet; and y becomes the label that weighs most.
void mix_targets(Batch& batch, const std::vector<int64>& partner, real lambda, int64 classes) {
  const int64 n = batch.size();
  if (!batch.targets.defined()) {
    batch.targets = Tensor::zeros({n, classes});
    for (int64 i = 0; i < n; ++i) batch.targets.mutable_data()[i * classes + batch.y[i]] = 1;
  }
  const Tensor before = batch.targets.clone();
  real* t = batch.targets.mutable_data();
  for (int64 i = 0; i < n; ++i) {
    const real* other = before.data() + partner[static_cast<std::size_t>(i)] * classes;
    for (int64 c = 0; c < classes; ++c)
      t[i * classes + c] = lambda * t[i * classes + c] + (1 - lambda) * other[c];
  }
  if (lambda < real(0.5)) {
    const std::vector<int64> y = batch.y.values();
    for (int64 i = 0; i < n; ++i)
      batch.y.mutable_data()[i] = y[static_cast<std::size_t>(partner[static_cast<std::size_t>(i)])];
  }
}

struct MixOptions {
  double alpha;
  void visit(auto&& f) {
    f("alpha", alpha, "the share of the first image is drawn from Beta(alpha, alpha)", positive());
  }
};

// Zhang, Cisse, Dauphin, Lopez-Paz, "mixup: Beyond Empirical Risk Minimization", ICLR 2018, arXiv 1710.09412,
// with one lambda a batch and a random partner in the batch, as in the authors' code.
class Mixup : public Transform {
 public:
  struct Options : MixOptions {
    Options() : MixOptions{0.2} {}
  };
  explicit Mixup(Options o) : o_(o) {}
  void apply_batch(Batch& batch, Rng& rng, const DatasetInfo& info) const override {
    const auto lambda = static_cast<real>(beta_draw(o_.alpha, rng));
    const std::vector<int64> partner = rng.permutation(batch.size());
    const Tensor before = batch.x.clone();
    const int64 size = info.example.numel();
    real* x = batch.x.mutable_data();
    for (int64 i = 0; i < batch.size(); ++i) {
      const real* other = before.data() + partner[static_cast<std::size_t>(i)] * size;
      for (int64 k = 0; k < size; ++k) x[i * size + k] = lambda * x[i * size + k] + (1 - lambda) * other[k];
    }
    mix_targets(batch, partner, lambda, info.classes);
  }

 private:
  Options o_;
};

// Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features", ICCV
// 2019, arXiv 1905.04899: a rectangle of area 1 - lambda comes from the partner; the targets follow the area
// that fits in the image.
class Cutmix : public Transform {
 public:
  struct Options : MixOptions {
    Options() : MixOptions{1} {}
  };
  explicit Cutmix(Options o) : o_(o) {}
  void apply_batch(Batch& batch, Rng& rng, const DatasetInfo& info) const override {
    const int64 c = info.example[0], h = info.example[1], w = info.example[2];
    const double side = std::sqrt(1 - beta_draw(o_.alpha, rng));
    const auto cut_h = static_cast<int64>(static_cast<double>(h) * side),
               cut_w = static_cast<int64>(static_cast<double>(w) * side);
    const int64 cy = rng.below(h), cx = rng.below(w);
    const int64 y0 = std::max<int64>(0, cy - cut_h / 2), y1 = std::min(h, cy - cut_h / 2 + cut_h);
    const int64 x0 = std::max<int64>(0, cx - cut_w / 2), x1 = std::min(w, cx - cut_w / 2 + cut_w);
    const std::vector<int64> partner = rng.permutation(batch.size());
    const Tensor before = batch.x.clone();
    real* x = batch.x.mutable_data();
    for (int64 i = 0; i < batch.size(); ++i)
      for (int64 k = 0; k < c; ++k)
        for (int64 y = y0; y < y1; ++y) {
          const int64 own = ((i * c + k) * h + y) * w,
                      other = ((partner[static_cast<std::size_t>(i)] * c + k) * h + y) * w;
          std::copy(before.data() + other + x0, before.data() + other + x1, x + own + x0);
        }
    const double share = 1 - static_cast<double>((y1 - y0) * (x1 - x0)) / static_cast<double>(h * w);
    mix_targets(batch, partner, static_cast<real>(share), info.classes);
  }

 private:
  Options o_;
};

}  // namespace

const std::vector<TransformEntry>& transforms() {
  static const std::vector<TransformEntry> table = {
      transform_entry<PadCrop>("pad-crop", "shift at random by up to `pad` pixels"),
      transform_entry<Flip>("flip", "mirror images at random"),
      transform_entry<AlternatingFlip>("alternating-flip", "mirror images every other epoch"),
      transform_entry<Rotation>("rotation", "turn at random"),
      resized_crop_entry(),
      colour_jitter_entry(),
      rand_augment_entry(),
      transform_entry<Cutout>("cutout", "wipe out a random square"),
      transform_entry<Mixup>("mixup", "blend pairs of images and their labels"),
      transform_entry<Cutmix>("cutmix", "paste a rectangle of another image, and share the labels"),
  };
  return table;
}

Augmentation parse_augmentation(const std::string& text) {
  if (text.empty() || text == "none") return {};
  std::vector<std::shared_ptr<const Transform>> chain;
  std::vector<std::string> names;
  for (const TransformEntry& e : transforms()) names.push_back(e.name);
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size()) depth += (text[i] == '(') - (text[i] == ')');
    if (i < text.size() && (text[i] != ',' || depth > 0)) continue;
    const Spec spec = parse_spec(text.substr(begin, i - begin));
    begin = i + 1;
    const auto it = std::find_if(transforms().begin(), transforms().end(),
                                 [&](const TransformEntry& e) { return e.name == spec.name; });
    if (it == transforms().end()) throw UsageError(unknown_name("transform", spec.name, names));
    OptionList options = parse_options(spec.inner);
    options.insert(options.end(), spec.options.begin(), spec.options.end());
    chain.push_back(it->make(options));
  }
  return Augmentation(std::move(chain));
}

}  // namespace gradus
