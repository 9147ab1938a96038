// ImageSet: labelled 8-bit images held in memory; what every image reader produces.
#pragma once

#include <span>
#include <vector>

#include "core/byte_source.h"
#include "data/dataset.h"

namespace gradus {

class ImageSet : public Dataset {
 public:
  /// `images[i]` points to the info.example.numel() pixels of example i, inside of one of the buffers of
  /// `storage`. Throws DataError if there are no examples, counts differ or a label is outside of
  /// 0..classes-1.
  ImageSet(DatasetInfo info, std::vector<ByteBuffer> storage, std::vector<const std::uint8_t*> images,
           std::vector<std::uint8_t> labels);
  /// Images one after the other in one buffer.
  ImageSet(DatasetInfo info, ByteBuffer pixels, std::vector<std::uint8_t> labels);

  int64 size() const override { return static_cast<int64>(labels_.size()); }
  void expect(int64 i) const override;
  int64 label(int64 i) const override { return labels_[static_cast<std::size_t>(i)]; }
  void read_pixels(int64 i, std::uint8_t* out) const override;

 private:
  void check() const;

  std::vector<ByteBuffer> storage_;
  std::vector<const std::uint8_t*> images_;
  std::vector<std::uint8_t> labels_;
};

/// Sets the mean and the standard deviation of each channel over all pixels of `images` (C,H,W each).
void measure_pixels(DatasetInfo& info, std::span<const std::uint8_t* const> images);

}  // namespace gradus
