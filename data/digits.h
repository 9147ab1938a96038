// digits: the built-in set. Ten classes of handwritten-looking digits, 28x28, drawn by procedure: no file
// needed.
//
// Each class has several ways of writing it, as strokes through a few points. An example picks one, moves the
// points a little, bends the whole (elastic deformation by a coarse random field, as Simard, Steinkraus,
// Platt, "Best practices for convolutional neural networks applied to visual document analysis", ICDAR 2003,
// do to images), slants, turns, scales and shifts it, and draws it with a pen of random width, ink and grain.
// All arithmetic is on integers, so that every machine and compiler gives the same bytes.
#pragma once

#include "core/options.h"
#include "data/dataset.h"

namespace gradus {

struct DigitsOptions {
  int64 seed = 0;
  int64 train = 12000, test = 2000;

  void visit(auto&& f) {
    f("seed", seed, "of the drawing; other seeds give other examples", at_least(0));
    f("train", train, "number of training examples", between(1, 1000000));
    f("test", test, "number of test examples", between(1, 1000000));
  }
};

/// Training and test set; each is drawn when it is first read. Example i shows the digit i % 10.
Data open_digits(const DigitsOptions& options);

inline constexpr int64 kDigitSide = 28;
/// Draws example `index` of a split (0 training, 1 test): kDigitSide^2 pixels, 0 paper, 255 full ink.
void draw_digit(int64 seed, int64 split, int64 index, std::uint8_t* out);

}  // namespace gradus
