// gradus sample and eval on runs of --task diffusion: what both take, and what they do.
#pragma once

#include <string>
#include <vector>

#include "apps/commands/weights_flags.h"
#include "apps/diffusion/image_samples.h"

namespace gradus {

/// How images are drawn. The same words in `sample` and `eval --fid`.
struct DrawingFlags {
  std::string sampler = SampleSettings().sampler, guidance = SampleSettings().guidance,
              skip = SampleSettings().skip;
  void visit_drawing(auto&& f) {
    f("sampler", sampler, "images: steps out of noise, NAME[:key=value,...]; see 'model samplers'");
    f("guidance", guidance,
      "images: how the estimates with and without the class are combined, NAME[:key=value,...]; see 'model "
      "guidances'");
    f("skip", skip,
      "images: steps that reuse the network's last answer, NAME[:key=value,...]; see 'model skips'");
  }
};

struct ImageFlags : DrawingFlags {
  std::string of_class, out, images, strip;
  int64 columns = 0;
  void visit_images(auto&& f) {
    f("class", of_class, "images: the class, by number or name, or none; else all in turn");
    visit_drawing(f);
    f("out", out, "images: the grid (.png); else samples.png in the run");
    f("columns", columns, "images: of the grid; 0: one a class, or a square", at_least(0));
    f("images", images, "images: also write each into this folder, CLASS-NUMBER.png");
    f("strip", strip, "images: also write the estimates of the first eight after each step (.png)");
  }
};

/// Whether the weights are a denoiser's: images are drawn from it.
bool draws_images(const Weights& weights);
/// Model, data and task of such weights. Throws UsageError where the folder of the run is not named, so that its task is not known.
ImageSource image_source(const std::string& run, const Weights& weights);

/// `gradus sample` on images: draws `count`.
int sample_images(const std::string& run, const Weights& weights, const ImageFlags& flags, int64 count,
                  int64 seed, bool json, bool quiet);

struct FidFlags : DrawingFlags {
  bool fid = false;
  int64 count = 1000, seed = 0;
  std::string classifier;
  void visit_fid(auto&& f) {
    f("fid", fid,
      "of a run of --task diffusion: the Frechet distance of images drawn from it to the test images, in the "
      "features of "
      "a classifier of our own");
    f("count", count, "fid: how many are drawn, and how many test images", at_least(2));
    visit_drawing(f);
    f("seed", seed, "fid: of the noise", at_least(0));
    f("classifier", classifier,
      "fid: weights of a lenet on the same data; else trained once and kept in the run");
  }
};
/// `gradus eval RUN --fid`.
int eval_images(const std::string& run, const Weights& weights, const FidFlags& flags, bool json);

}  // namespace gradus
