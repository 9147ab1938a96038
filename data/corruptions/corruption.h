// Common corruptions: what cameras, weather and files do to test images, in five severities.
//
// Paper: Hendrycks, Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", ICLR 2019, arXiv
//        1903.12261.
// The fifteen kinds are theirs. The strengths are our own, for small images: lengths are given for sides of 32 pixels and grow with
// the side. Departures: frost is drawn, not photographed; jpeg is the loss of the format (8x8 cosine transform, the standard tables)
// without its file; clouds of fog, frost and snow are our own noise.
#pragma once

#include <string>
#include <vector>

#include "core/options.h"
#include "data/corruptions/float_image.h"
#include "data/dataset.h"

namespace gradus {

struct Corruption {
  std::string name, group, summary;
  /// What the severities 1 to 5 mean: "deviation 0.05 0.08 0.12 0.18 0.26".
  std::string strengths;
  /// severity 1..5; values stay in [0,1] or are clipped afterwards.
  void (*apply)(FloatImage& image, int severity, Rng& rng);
};
/// The fifteen, in the paper's order: noise, blur, weather, digital.
const std::vector<Corruption>& corruptions();

struct CorruptionOptions {
  int64 severity = 3, seed = 0;
  void visit(auto&& f) {
    f("severity", severity, "from mild to strong", between(1, 5));
    f("seed", seed, "of what is drawn: the same noise for an example at every severity", at_least(0));
  }
};

/// "gaussian-noise:severity=3": the images of `base`, corrupted whenever they are read, example i by draws of its own. Throws
/// UsageError for an unknown corruption (with the nearest name) or option, and for a set that has no images.
DatasetPtr corrupted(DatasetPtr base, const std::string& spec);

namespace corruption {  // the fifteen, by group
void gaussian_noise(FloatImage&, int, Rng&);
void shot_noise(FloatImage&, int, Rng&);
void impulse_noise(FloatImage&, int, Rng&);
void defocus_blur(FloatImage&, int, Rng&);
void glass_blur(FloatImage&, int, Rng&);
void motion_blur(FloatImage&, int, Rng&);
void zoom_blur(FloatImage&, int, Rng&);
void snow(FloatImage&, int, Rng&);
void frost(FloatImage&, int, Rng&);
void fog(FloatImage&, int, Rng&);
void brightness(FloatImage&, int, Rng&);
void contrast(FloatImage&, int, Rng&);
void elastic_transform(FloatImage&, int, Rng&);
void pixelate(FloatImage&, int, Rng&);
void jpeg_compression(FloatImage&, int, Rng&);
/// The s-th of five strengths, s in 1..5.
inline double strength(const double (&of)[5], int severity) { return of[severity - 1]; }
}  // namespace corruption

}  // namespace gradus
