// An image as a field: a pixel's place is an example, its values are the targets.
//
//   x = 2 row/(height-1) - 1, 2 column/(width-1) - 1;  y = pixel/255 of each channel
#pragma once

#include "data/registry.h"
#include "data/vectors.h"

namespace gradus {

struct FieldImageOptions {
  std::string path, colour = "auto";
  double known = 1;
  int64 side = 0, seed = 0;
  void visit(auto&& f) {
    f("path", path, "the image: PNG or JPEG");
    f("known", known,
      "share of the pixels that is trained on, drawn at random; the others are the test set. 1: all are both",
      Limits{0, 1, true});
    f("side", side, "resized so that the longer side has so many pixels; 0: as it is", at_least(0));
    f("colour", colour, "what is fitted: as the image has it, or one channel or three",
      choices({"auto", "grey", "rgb"}));
    f("seed", seed, "of the draw", at_least(0));
  }
};

/// Pixels of an image; knows the whole image's size, whichever of its pixels it holds.
class FieldSet final : public VectorSet {
 public:
  FieldSet(DatasetInfo info, Tensor x, Tensor y, int64 height, int64 width)
      : VectorSet(std::move(info), std::move(x), std::move(y)), height_(height), width_(width) {}
  int64 height() const { return height_; }
  int64 width() const { return width_; }

 private:
  int64 height_, width_;
};

/// The coordinates of all pixels, row by row: (height*width, 2).
Tensor pixel_coordinates(int64 height, int64 width);

/// Throws UsageError without a path, DataError for what is no image, or for too few pixels on either side.
Data open_field(const FieldImageOptions& options);

}  // namespace gradus
