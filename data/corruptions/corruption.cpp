#include "data/corruptions/corruption.h"

#include "core/error.h"

namespace gradus {
namespace {

class CorruptedImages final : public Dataset {
 public:
  CorruptedImages(DatasetPtr base, const Corruption& kind, const CorruptionOptions& options)
      : Dataset(base->info()),
        base_(std::move(base)),
        kind_(kind),
        severity_(static_cast<int>(options.severity)),
        rng_(Rng(static_cast<std::uint64_t>(options.seed)).fork(kind.name)) {}
  int64 size() const override { return base_->size(); }
  void expect(int64 i) const override { base_->expect(i); }
  int64 label(int64 i) const override { return base_->label(i); }
  void read_targets(int64 i, real* out) const override { base_->read_targets(i, out); }
  void read_pixels(int64 i, std::uint8_t* out) const override {
    base_->read_pixels(i, out);
    FloatImage image(info_.example[0], info_.example[1], info_.example[2]);
    for (size_t k = 0; k < image.v.size(); ++k) image.v[k] = out[k] / 255.0;
    Rng rng = rng_.fork(static_cast<std::uint64_t>(i));
    kind_.apply(image, severity_, rng);
    for (size_t k = 0; k < image.v.size(); ++k)
      out[k] = static_cast<std::uint8_t>(std::lround(255 * std::clamp(image.v[k], 0.0, 1.0)));
  }

 private:
  DatasetPtr base_;
  const Corruption& kind_;
  int severity_;
  Rng rng_;
};

}  // namespace

const std::vector<Corruption>& corruptions() {
  using namespace corruption;
  static const std::vector<Corruption> table = {
      {"gaussian-noise", "noise", "normal noise on every value", "deviation 0.05 0.08 0.12 0.18 0.26",
       gaussian_noise},
      {"shot-noise", "noise", "counts of few photons", "photons of white 120 60 25 12 5", shot_noise},
      {"impulse-noise", "noise", "values set to 0 or 1", "share 0.02 0.04 0.08 0.14 0.22", impulse_noise},
      {"defocus-blur", "blur", "a disc", "radius 0.6 0.9 1.3 1.8 2.5", defocus_blur},
      {"glass-blur", "blur", "pixels change places, between two blurs",
       "share 0.2 0.4 0.8 0.6 1, reach 1 1 1 2 2, deviation 0.3 to 0.7", glass_blur},
      {"motion-blur", "blur", "a line within 45 degrees of level", "length 2 3 4.5 6 8", motion_blur},
      {"zoom-blur", "blur", "the mean of growing images", "up to 1.08 1.14 1.22 1.32 1.45 times", zoom_blur},
      {"snow", "weather", "streaks over a paler image", "share of flakes 0.01 0.02 0.03 0.045 0.06", snow},
      {"frost", "weather", "ridges of ice", "ice 0.25 0.4 0.5 0.65 0.8", frost},
      {"fog", "weather", "a cloud over the image", "thickness 0.2 0.4 0.6 0.9 1.3", fog},
      {"brightness", "weather", "more light", "summand 0.08 0.15 0.22 0.3 0.4", brightness},
      {"contrast", "digital", "values nearer to the mean", "factor 0.75 0.55 0.4 0.25 0.15", contrast},
      {"elastic-transform", "digital", "places move smoothly", "reach 0.8 1.2 1.7 2.3 3", elastic_transform},
      {"pixelate", "digital", "squares of one value", "squares a side of 32: 24 19 15 11 8", pixelate},
      {"jpeg-compression", "digital", "the loss of JPEG files", "quality 40 25 18 12 7", jpeg_compression}};
  return table;
}

DatasetPtr corrupted(DatasetPtr base, const std::string& spec) {
  const Spec parsed = parse_spec(spec);
  std::vector<std::string> names;
  for (const Corruption& c : corruptions()) names.push_back(c.name);
  CorruptionOptions options;
  for (const Corruption& c : corruptions())
    if (c.name == parsed.name) {
      set_options(options, parsed.options, "corruption " + c.name);
      if (base->info().kind != DataKind::kImages)
        fail<UsageError>("corruption {}: data set {} has no images", c.name, base->info().name);
      return std::make_shared<CorruptedImages>(std::move(base), c, options);
    }
  fail<UsageError>("{}", unknown_name("corruption", parsed.name, names));
}

}  // namespace gradus
