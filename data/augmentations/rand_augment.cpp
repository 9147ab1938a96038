// RandAugment.
// Paper: Cubuk, Zoph, Shlens, Le, "RandAugment: Practical Automated Data Augmentation with a Reduced Search Space", NeurIPS 2020,
//        arXiv 1909.13719: `ops` of fourteen operations, each drawn evenly, at one strength M of 0..30.
// `magnitude=-1` draws the strength of every operation anew and uniformly, with ops=1: TrivialAugment (Mueller, Hutter, ICCV 2021,
// arXiv 2103.10158) on the same operations.
// Strengths at M = 30: rotate 30 degrees, shear 0.3, translate 0.3 of the side, colour, contrast, brightness and sharpness a
// factor of 1 +- 0.9, posterise to 4 bits, solarise everything. Signs are drawn. What comes from outside is the training mean.
#include <array>
#include <cmath>
#include <numbers>

#include "data/augmentations/image_ops.h"
#include "data/augmentations/transform_entry.h"

namespace gradus {
namespace {

struct Operation {
  const char* name;
  void (*apply)(FloatImage& image, double share, double sign, double outside);  // share = M/30
};

constexpr double kFactor = 0.9, kShear = 0.3, kTranslate = 0.3, kDegrees = 30;

constexpr std::array<Operation, 14> kOperations = {{
    {"identity", [](FloatImage&, double, double, double) {}},
    {"auto-contrast", [](FloatImage& i, double, double, double) { auto_contrast(i); }},
    {"equalise", [](FloatImage& i, double, double, double) { equalise(i); }},
    {"rotate",
     [](FloatImage& i, double share, double sign, double outside) {
       const double angle = sign * share * kDegrees * std::numbers::pi / 180, c = std::cos(angle),
                    s = std::sin(angle);
       move_pixels(i, {.a = c, .b = -s, .d = s, .e = c}, outside);
     }},
    {"solarise", [](FloatImage& i, double share, double, double) { solarise(i, 1 - share); }},
    {"colour", [](FloatImage& i, double share, double sign,
                  double) { adjust_saturation(i, 1 + sign * share * kFactor); }},
    {"posterise", [](FloatImage& i, double share, double,
                     double) { posterise(i, 8 - static_cast<int>(std::lround(4 * share))); }},
    {"contrast", [](FloatImage& i, double share, double sign,
                    double) { adjust_contrast(i, 1 + sign * share * kFactor); }},
    {"brightness", [](FloatImage& i, double share, double sign,
                      double) { adjust_brightness(i, 1 + sign * share * kFactor); }},
    {"sharpness", [](FloatImage& i, double share, double sign,
                     double) { adjust_sharpness(i, 1 + sign * share * kFactor); }},
    {"shear-x", [](FloatImage& i, double share, double sign,
                   double outside) { move_pixels(i, {.b = sign * share * kShear}, outside); }},
    {"shear-y", [](FloatImage& i, double share, double sign,
                   double outside) { move_pixels(i, {.d = sign * share * kShear}, outside); }},
    {"translate-x",
     [](FloatImage& i, double share, double sign, double outside) {
       move_pixels(i, {.c = sign * share * kTranslate * static_cast<double>(i.W)}, outside);
     }},
    {"translate-y",
     [](FloatImage& i, double share, double sign, double outside) {
       move_pixels(i, {.f = sign * share * kTranslate * static_cast<double>(i.H)}, outside);
     }},
}};

class RandAugment : public Transform {
 public:
  struct Options {
    int64 ops = 2;
    double magnitude = 9;
    void visit(auto&& f) {
      f("ops", ops, "operations on each image, one after the other", between(1, 14));
      f("magnitude", magnitude, "strength of all of them, 0 to 30; -1: drawn anew for each", between(-1, 30));
    }
  };
  explicit RandAugment(Options o) : o_(o) {}
  void apply_example(real* image, Rng& rng, const ExampleContext& context) const override {
    double outside = 0;
    for (const double m : context.info.mean) outside += m / static_cast<double>(context.info.mean.size());
    as_unit_image(image, context.info, [&](FloatImage& unit) {
      for (int64 k = 0; k < o_.ops; ++k) {
        const Operation& operation = kOperations[static_cast<size_t>(rng.below(std::ssize(kOperations)))];
        const double drawn = rng.uniform(0, 1), sign = rng.bernoulli(0.5) ? 1 : -1;
        operation.apply(unit, o_.magnitude < 0 ? drawn : o_.magnitude / 30, sign, outside);
      }
    });
  }

 private:
  Options o_;
};

}  // namespace

TransformEntry rand_augment_entry() {
  return transform_entry<RandAugment>("rand-augment",
                                      "a few random operations on colours and geometry, at one strength");
}

}  // namespace gradus
