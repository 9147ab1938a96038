// Wrong labels, on purpose: what methods that stand them are tried on.
//   directed  y -> (y + shift) mod C
//   random    y -> draw + (1 if draw >= y), draw uniform in 0..C-2: any other class
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/options.h"

namespace gradus {

struct LabelNoise {
  int64 classes = 10;
  std::string mode = "directed";
  int64 shift = 2;
  void visit(auto&& f) {
    f("classes", classes, "classes there are", at_least(1));
    f("mode", mode, "a wrong label: directed always the same other class, random any other",
      choices({"directed", "random"}));
    f("shift", shift, "directed: how many classes further on");
  }
  /// The wrong label of a class. `draw` (random) in 0..classes-2. Throws UsageError for labels and draws out of range, and for random
  /// noise of one class alone.
  int64 wrong(int64 label, int64 draw) const;
};

/// labels[i] made wrong where flip[i] is not 0. All of one length, else ShapeError.
std::vector<int64> with_label_noise(std::span<const int64> labels, std::span<const int64> flip,
                                    std::span<const int64> draw, const LabelNoise& noise);

}  // namespace gradus
