// What photographs go through, as operations on images of numbers in [0,1]: colours, tone curves, moved and sheared views.
// Factors are those of the usual tools: 1 leaves the image as it is, 0 takes the quality away, 2 doubles it.
#pragma once

#include "data/corruptions/float_image.h"

namespace gradus {

/// Luma of a pixel, 0.299 R + 0.587 G + 0.114 B; of a grey image its value.
double luma(const FloatImage& image, int64 y, int64 x);

/// v*factor, clipped, as all of these are.
void adjust_brightness(FloatImage& image, double factor);
/// Away from or towards the mean luma.
void adjust_contrast(FloatImage& image, double factor);
/// Away from or towards the grey image. Grey images stay.
void adjust_saturation(FloatImage& image, double factor);
/// Turns the hue by a share of the colour circle, -0.5 to 0.5 (HSV). Grey images stay.
void adjust_hue(FloatImage& image, double turn);
/// Away from or towards the image smoothed by (1 1 1; 1 5 1; 1 1 1)/13; the border stays.
void adjust_sharpness(FloatImage& image, double factor);

/// Stretches each channel to [0,1]; a flat channel stays.
void auto_contrast(FloatImage& image);
/// Makes the histogram of each channel even, in 256 steps.
void equalise(FloatImage& image);
/// Values of at least `threshold` are turned into 1 - v.
void solarise(FloatImage& image, double threshold);
/// Keeps the first `bits` bits of the 8 of each value, 1 to 8.
void posterise(FloatImage& image, int bits);

/// Where a pixel of the result comes from: (x', y') = (a x + b y + c, d x + e y + f), measured from the image's centre.
struct AffineMap {
  double a = 1, b = 0, c = 0, d = 0, e = 1, f = 0;
};
/// Bilinear; from outside comes `outside`.
void move_pixels(FloatImage& image, const AffineMap& map, double outside);

/// The window (top, left, height, width) brought to the image's own size, bilinear between pixel centres.
FloatImage resized_window(const FloatImage& image, double top, double left, double height, double width);

}  // namespace gradus
