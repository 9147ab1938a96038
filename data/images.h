// ImageSet: labelled 8-bit images held in memory; what every image reader produces.
#pragma once

#include "core/byte_source.h"
#include "data/dataset.h"

namespace gradus {

class ImageSet : public Dataset {
 public:
  /// `pixels` holds labels.size() images of info.example, one after the other. Throws DataError if the sizes
  /// do not agree or a label is outside of 0..classes-1.
  ImageSet(DatasetInfo info, ByteBuffer pixels, std::vector<std::uint8_t> labels);

  int64 size() const override { return static_cast<int64>(labels_.size()); }
  int64 label(int64 i) const override { return labels_[static_cast<std::size_t>(i)]; }
  void read_pixels(int64 i, std::uint8_t* out) const override;

 private:
  ByteBuffer pixels_;
  std::vector<std::uint8_t> labels_;
};

}  // namespace gradus
