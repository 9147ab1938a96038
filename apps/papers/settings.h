// Settings that several experiments share.
#pragma once

#include "apps/train/config.h"

namespace gradus {

/// For `eval_every`: the test set is scored once, behind the last step. A run has one point a curve then.
inline constexpr int64 kAtTheEnd = int64{1} << 40;

/// A transformer of two layers of 64 on windows of 32 characters, gradients clipped at norm 1, cosine without warm-up: seconds
/// a run.
TrainConfig small_language_model(int64 steps = 500);
/// A convolutional network of 8 and 16 channels on Fashion-MNIST, cosine, scored at the end: seconds a run.
TrainConfig small_images(int64 images = 5000, int64 epochs = 5);

}  // namespace gradus
