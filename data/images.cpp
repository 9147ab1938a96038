#include "data/images.h"

#include <cstring>

#include "core/error.h"

namespace gradus {

ImageSet::ImageSet(DatasetInfo info, ByteBuffer pixels, std::vector<std::uint8_t> labels)
    : Dataset(std::move(info)), pixels_(std::move(pixels)), labels_(std::move(labels)) {
  const auto one = static_cast<std::size_t>(info_.example.numel());
  if (one == 0 || pixels_.size() % one != 0 || pixels_.size() / one != labels_.size())
    fail<DataError>("data set {}: {} labels, but {} bytes of images {}", info_.name, labels_.size(),
                    pixels_.size(), info_.example.str());
  for (std::size_t i = 0; i < labels_.size(); ++i)
    if (labels_[i] >= info_.classes)
      fail<DataError>("data set {}: example {} has label {}, but there are {} classes", info_.name, i,
                      labels_[i], info_.classes);
}

void ImageSet::read_pixels(int64 i, std::uint8_t* out) const {
  const auto one = static_cast<std::size_t>(info_.example.numel());
  std::memcpy(out, pixels_.data() + static_cast<std::size_t>(i) * one, one);
}

}  // namespace gradus
