#include "apps/bench/loader_speed.h"

#include <memory>

#include "core/rng.h"
#include "data/images.h"
#include "data/loader.h"

namespace gradus::bench {
namespace {

DatasetPtr random_images(const Shape& chw, int64 count) {
  DatasetInfo info{.name = "random", .kind = DataKind::kImages, .example = chw, .classes = 10};
  info.mean.assign(static_cast<std::size_t>(chw[0]), 0.5);
  info.std.assign(static_cast<std::size_t>(chw[0]), 0.25);
  Rng rng(1);
  ByteBuffer pixels(static_cast<std::size_t>(count * chw.numel()));
  for (std::size_t i = 0; i < pixels.size(); ++i)
    pixels.data()[i] = static_cast<std::uint8_t>(rng.below(256));
  std::vector<std::uint8_t> labels(static_cast<std::size_t>(count));
  for (auto& label : labels) label = static_cast<std::uint8_t>(rng.below(10));
  return std::make_shared<ImageSet>(std::move(info), std::move(pixels), std::move(labels));
}

LoaderSpeed measure(const std::string& name, const DatasetPtr& data, double seconds, const char* augment) {
  const auto loader = [&](int64 prefetch) {
    return std::make_shared<Loader>(data, LoaderOptions{.batch_size = 128,
                                                        .shuffle = true,
                                                        .drop_last = true,
                                                        .prefetch = prefetch,
                                                        .augment = parse_augmentation(augment)});
  };
  const auto take = [](const std::shared_ptr<Loader>& from) {
    return [from] {
      Batch batch;
      if (!from->next(batch)) from->next(batch);
    };
  };
  return {name, 128, time_runs(seconds, 10, take(loader(0))), time_runs(seconds, 10, take(loader(2)))};
}

}  // namespace

std::vector<LoaderSpeed> measure_loader(double seconds) {
  const DatasetPtr digits = random_images({1, 28, 28}, 20000), colour = random_images({3, 32, 32}, 10000);
  return {measure("1x28x28", digits, seconds, ""), measure("3x32x32", colour, seconds, ""),
          measure("3x32x32 augmented", colour, seconds, "pad-crop,flip")};
}

}  // namespace gradus::bench
