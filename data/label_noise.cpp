#include "data/label_noise.h"

#include "core/error.h"

namespace gradus {

int64 LabelNoise::wrong(int64 label, int64 draw) const {
  if (label < 0 || label >= classes)
    fail<UsageError>("label noise: label {} is none of {} classes", label, classes);
  if (mode == "directed") return ((label + shift) % classes + classes) % classes;
  if (classes < 2) fail<UsageError>("label noise: of one class there is no wrong label");
  if (draw < 0 || draw > classes - 2)
    fail<UsageError>("label noise: draw {} is not in 0..{}", draw, classes - 2);
  return draw + (draw >= label ? 1 : 0);
}

std::vector<int64> with_label_noise(std::span<const int64> labels, std::span<const int64> flip,
                                    std::span<const int64> draw, const LabelNoise& noise) {
  if (flip.size() != labels.size() || draw.size() != labels.size())
    fail<ShapeError>("label noise: {} labels, {} flips, {} draws", labels.size(), flip.size(), draw.size());
  std::vector<int64> out(labels.begin(), labels.end());
  for (size_t i = 0; i < out.size(); ++i)
    if (flip[i]) out[i] = noise.wrong(out[i], draw[i]);
  return out;
}

}  // namespace gradus
