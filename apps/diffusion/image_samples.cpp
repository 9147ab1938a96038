#include "apps/diffusion/image_samples.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/error.h"
#include "nn/diffusion/network_denoiser.h"

namespace gradus {
namespace {

constexpr int64 kDrawnAtOnce = 64;

// Noise of images from..to-1, each from a generator of its own.
Tensor image_noise(const Shape& example, int64 from, int64 to, const Rng& rng) {
  Tensor x({to - from, example[0], example[1], example[2]});
  for (int64 i = from; i < to; ++i) {
    Rng own = rng.fork(static_cast<std::uint64_t>(i));
    const Tensor one = own.normal_tensor(example);
    std::copy_n(one.data(), one.numel(), x.mutable_data() + (i - from) * one.numel());
  }
  return x;
}

}  // namespace

ImageSamples draw_images(const ImageSource& source, const std::vector<int64>& classes,
                         const SampleSettings& settings) {
  const SamplerPtr sampler = make_sampler(settings.sampler);
  const GuidancePtr guidance = make_guidance(settings.guidance);
  const SkipPolicyPtr skip = make_skip_policy(settings.skip);
  const NoiseSchedule noise = noise_schedule(source.task.noise);
  NetworkDenoiser denoiser(*source.model, prediction_of(source.task.prediction), std::ssize(noise.alpha_bar));
  const std::vector<NoiseLevel> levels = sampling_levels(noise, sampler->steps());
  const Rng rng = Rng(static_cast<std::uint64_t>(settings.seed)).fork("sample");
  const Shape& example = source.info.example;
  const auto n = std::ssize(classes);
  const bool any = std::any_of(classes.begin(), classes.end(), [](int64 c) { return c >= 0; });
  // Without a class both estimates are the same: guidance has nothing to add.
  const GuidancePtr plain = make_guidance("none");
  Guidance& used = any ? *guidance : *plain;
  if (const int64 seen = used.rehearsals(); seen > 0) {
    IntTensor of(Shape{seen});
    for (int64 i = 0; i < seen; ++i) of.mutable_data()[i] = classes[static_cast<size_t>(i % n)];
    rehearse({denoiser, *sampler, used, *skip, levels}, image_noise(example, 0, seen, rng.fork("rehearsal")),
             of);
  }
  ImageSamples out{Tensor({n, example[0], example[1], example[2]}), {}, 0};
  for (int64 from = 0; from < n; from += kDrawnAtOnce) {
    const int64 to = std::min(from + kDrawnAtOnce, n);
    IntTensor of(Shape{to - from});
    for (int64 i = from; i < to; ++i) of.mutable_data()[i - from] = classes[static_cast<size_t>(i)];
    SamplingRequest part{denoiser, *sampler, used, *skip, levels};
    if (settings.keep_steps && from == 0)
      part.watch = [&](int64, const Tensor&, const Tensor& x0) {
        out.steps.push_back(x0.rows(0, std::min(kStripRows, x0.dim(0))).clone());
      };
    const Sampled drawn = sample(part, image_noise(example, from, to, rng), of,
                                 rng.fork("sampler").fork(static_cast<std::uint64_t>(from)));
    std::copy_n(drawn.x.data(), drawn.x.numel(), out.images.mutable_data() + from * example.numel());
    out.evaluations += drawn.mean_evaluations() * static_cast<double>(to - from) / static_cast<double>(n);
    if (settings.progress) settings.progress(to, n);
  }
  return out;
}

int64 class_of(const std::string& text, const DatasetInfo& info) {
  if (text == "none") return -1;
  const auto named = std::find(info.class_names.begin(), info.class_names.end(), text);
  if (named != info.class_names.end()) return named - info.class_names.begin();
  int64 number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && number >= 0 && number < info.classes)
    return number;
  std::vector<std::string> names = info.class_names;
  if (names.empty()) fail<UsageError>("class {}: expected 0 to {}, or none", text, info.classes - 1);
  names.emplace_back("none");
  throw UsageError(unknown_name("class", text, names));
}

Image image_of(const Tensor& images, int64 row) {
  Image image{images.dim(1), images.dim(2), images.dim(3), {}};
  const int64 size = images.numel() / images.dim(0);
  for (int64 i = row * size; i < (row + 1) * size; ++i) {
    const double v = std::clamp((static_cast<double>(images.data()[i]) + 1) * 127.5, 0.0, 255.0);
    image.pixels.push_back(static_cast<std::uint8_t>(std::lround(v)));
  }
  return image;
}

Image image_grid(const Tensor& images, int64 columns) {
  const int64 n = images.dim(0), c = images.dim(1), h = images.dim(2), w = images.dim(3);
  if (columns <= 0) columns = static_cast<int64>(std::ceil(std::sqrt(static_cast<double>(n))));
  const int64 rows = (n + columns - 1) / columns;
  Image grid{c, rows * (h + 1) + 1, columns * (w + 1) + 1, {}};
  grid.pixels.assign(static_cast<size_t>(c * grid.height * grid.width), 96);
  for (int64 i = 0; i < n; ++i) {
    const Image one = image_of(images, i);
    const int64 top = i / columns * (h + 1) + 1, left = i % columns * (w + 1) + 1;
    for (int64 k = 0; k < c; ++k)
      for (int64 y = 0; y < h; ++y)
        std::copy_n(one.pixels.begin() + (k * h + y) * w, w,
                    grid.pixels.begin() + (k * grid.height + top + y) * grid.width + left);
  }
  return grid;
}

Image step_strip(const std::vector<Tensor>& steps, int64 most) {
  const auto count = std::ssize(steps), shown = std::min(count, most);
  const Shape& shape = steps.at(0).shape();
  Tensor all({shape[0] * shown, shape[1], shape[2], shape[3]});
  const int64 size = shape.numel() / shape[0];
  for (int64 row = 0; row < shape[0]; ++row)
    for (int64 k = 0; k < shown; ++k) {
      const int64 at = shown == 1 ? count - 1 : k * (count - 1) / (shown - 1);
      std::copy_n(steps[static_cast<size_t>(at)].data() + row * size, size,
                  all.mutable_data() + (row * shown + k) * size);
    }
  return image_grid(all, shown);
}

}  // namespace gradus
