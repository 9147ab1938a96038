#include "data/images.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/error.h"

namespace gradus {

ImageSet::ImageSet(DatasetInfo info, std::vector<ByteBuffer> storage, std::vector<const std::uint8_t*> images,
                   std::vector<std::uint8_t> labels)
    : Dataset(std::move(info)),
      storage_(std::move(storage)),
      images_(std::move(images)),
      labels_(std::move(labels)) {
  check();
}

ImageSet::ImageSet(DatasetInfo info, ByteBuffer pixels, std::vector<std::uint8_t> labels)
    : Dataset(std::move(info)), labels_(std::move(labels)) {
  const auto one = static_cast<std::size_t>(info_.example.numel());
  if (one == 0 || pixels.size() % one != 0)
    fail<DataError>("data set {}: {} bytes are not images {}", info_.name, pixels.size(),
                    info_.example.str());
  for (std::size_t at = 0; at < pixels.size(); at += one) images_.push_back(pixels.data() + at);
  storage_.push_back(std::move(pixels));
  check();
}

void ImageSet::check() const {
  if (labels_.empty()) fail<DataError>("data set {}: holds no images", info_.name);
  if (images_.size() != labels_.size())
    fail<DataError>("data set {}: {} labels for {} images", info_.name, labels_.size(), images_.size());
  for (std::size_t i = 0; i < labels_.size(); ++i)
    if (labels_[i] >= info_.classes)
      fail<DataError>("data set {}: example {} has label {}, but there are {} classes", info_.name, i,
                      labels_[i], info_.classes);
}

void ImageSet::expect(int64 i) const {
  constexpr int64 kLine = 64;
  const auto at = static_cast<std::size_t>(i);
  for (int64 b = 0; b < info_.example.numel(); b += kLine) __builtin_prefetch(images_[at] + b);
  __builtin_prefetch(&labels_[at]);
}

void ImageSet::read_pixels(int64 i, std::uint8_t* out) const {
  std::memcpy(out, images_[static_cast<std::size_t>(i)], static_cast<std::size_t>(info_.example.numel()));
}

void measure_pixels(DatasetInfo& info, std::span<const std::uint8_t* const> images) {
  const int64 channels = info.example[0], plane = info.example[1] * info.example[2];
  info.mean.clear();
  info.std.clear();
  for (int64 c = 0; c < channels; ++c) {
    std::uint64_t sum = 0, squares = 0;  // exact: the order of files cannot matter
    for (const std::uint8_t* image : images)
      for (const std::uint8_t* p = image + c * plane; p != image + (c + 1) * plane; ++p) {
        sum += *p;
        squares += std::uint64_t{*p} * *p;
      }
    const double n = static_cast<double>(images.size()) * static_cast<double>(plane);
    const double mean = static_cast<double>(sum) / n / 255;
    const double variance = static_cast<double>(squares) / n / (255.0 * 255.0) - mean * mean;
    info.mean.push_back(mean);
    info.std.push_back(
        std::max(std::sqrt(std::max(variance, 0.0)), 1.0 / 255));  // a flat channel stays finite
  }
}

}  // namespace gradus
