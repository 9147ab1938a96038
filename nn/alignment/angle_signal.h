// How much the hidden states of a sequence point the same way: prompts where they do give larger gradients and are learned first.
//
// Paper: Wang, Ke, Ye, Lin, Fu, Zhang, Keutzer, Xu, Chen, "Angles Don't Lie: Unlocking Training-Efficient RL Through the Model's
//        Own Signals", NeurIPS 2025, arXiv 2506.02281.
//   C = cosines of the rows of H (T,D), the inputs of the last block's perceptron; Q the tokens of the question, behind a prefix P
//   intra = mean of C[i,j] over i, j in Q, j <= i;  inter = mean over i in Q, j in P (0 without a prefix)
//   signal = intra + w_inter*inter;  angle = mean over all rows, j <= i
// Departure: means over the entries that are not masked (the released code divides by the count of all).
#pragma once

#include "core/tensor.h"

namespace gradus {

struct AngleSignal {
  double intra = 0, inter = 0, signal = 0, angle = 0;
};
/// hidden (T,D); rows shorter than 1e-12 count as that long. Throws ShapeError, DataError unless 0 <= prefix_len < T.
AngleSignal angle_signal(const Tensor& hidden, int64 prefix_len = 0, double w_inter = 8);

}  // namespace gradus
