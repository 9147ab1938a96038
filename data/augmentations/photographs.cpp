// Transforms for photographs: another part of the picture, another light.
#include <algorithm>
#include <array>
#include <cmath>

#include "data/augmentations/image_ops.h"
#include "data/augmentations/transform_entry.h"

namespace gradus {
namespace {

// Szegedy et al., "Going Deeper with Convolutions", CVPR 2015, arXiv 1409.4842, section 6: a window of random area and aspect
// ratio, brought to the size of the image.
class ResizedCrop : public Transform {
 public:
  struct Options {
    double scale = 0.35, ratio = 4.0 / 3;
    void visit(auto&& f) {
      f("scale", scale, "smallest share of the image's area that the window has; 1 is the largest",
        Limits{.low = 0, .high = 1, .low_open = true});
      f("ratio", ratio, "largest width to height of the window, and height to width", between(1, 16));
    }
  };
  explicit ResizedCrop(Options o) : o_(o) {}
  void apply_example(real* image, Rng& rng, const ExampleContext& context) const override {
    const auto h = static_cast<double>(context.info.example[1]),
               w = static_cast<double>(context.info.example[2]);
    constexpr int kTries = 10;
    double height = h, width = w;
    for (int i = 0; i < kTries; ++i) {
      const double area = h * w * rng.uniform(o_.scale, 1);
      const double ratio = std::exp(rng.uniform(-std::log(o_.ratio), std::log(o_.ratio)));
      const double tried_w = std::sqrt(area * ratio), tried_h = std::sqrt(area / ratio);
      if (tried_w > w || tried_h > h) continue;
      height = tried_h, width = tried_w;
      break;
    }
    const double top = rng.uniform(0, 1) * (h - height), left = rng.uniform(0, 1) * (w - width);
    as_unit_image(image, context.info,
                  [&](FloatImage& unit) { unit = resized_window(unit, top, left, height, width); });
  }

 private:
  Options o_;
};

// Brightness, contrast, saturation and hue, each by a factor of its own, in random order.
class ColourJitter : public Transform {
 public:
  struct Options {
    double brightness = 0.4, contrast = 0.4, saturation = 0.4, hue = 0;
    void visit(auto&& f) {
      f("brightness", brightness, "factor drawn from 1 - this to 1 + this", between(0, 1));
      f("contrast", contrast, "factor drawn from 1 - this to 1 + this", between(0, 1));
      f("saturation", saturation, "factor drawn from 1 - this to 1 + this; grey images have none",
        between(0, 1));
      f("hue", hue, "turn of the colour circle drawn from -this to this", between(0, 0.5));
    }
  };
  explicit ColourJitter(Options o) : o_(o) {}
  void apply_example(real* image, Rng& rng, const ExampleContext& context) const override {
    const auto factor = [&](double spread) { return rng.uniform(1 - spread, 1 + spread); };
    const double brightness = factor(o_.brightness), contrast = factor(o_.contrast),
                 saturation = factor(o_.saturation), hue = rng.uniform(-o_.hue, o_.hue);
    const std::vector<int64> order = rng.permutation(4);
    as_unit_image(image, context.info, [&](FloatImage& unit) {
      for (const int64 k : order) {
        if (k == 0) adjust_brightness(unit, brightness);
        if (k == 1) adjust_contrast(unit, contrast);
        if (k == 2) adjust_saturation(unit, saturation);
        if (k == 3 && o_.hue > 0) adjust_hue(unit, hue);
      }
    });
  }

 private:
  Options o_;
};

}  // namespace

TransformEntry resized_crop_entry() {
  return transform_entry<ResizedCrop>("resized-crop",
                                      "a window of random area and aspect, brought to the image's size");
}
TransformEntry colour_jitter_entry() {
  return transform_entry<ColourJitter>("colour-jitter", "other brightness, contrast, saturation and hue");
}

}  // namespace gradus
