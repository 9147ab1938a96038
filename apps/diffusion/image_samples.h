// Images drawn from a run of --task diffusion, and pictures of them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "apps/diffusion/diffusion_run.h"
#include "core/image.h"
#include "nn/diffusion/sampling.h"

namespace gradus {

/// A trained network with what it was trained for.
struct ImageSource {
  std::unique_ptr<Model> model;
  DatasetInfo info;
  DiffusionTask task;
};

struct SampleSettings {
  std::string sampler = "ddim:steps=25", guidance = "apg:scale=3,eta=0", skip = "none";
  int64 seed = 0;
  bool keep_steps = false;  ///< keep the estimates of every step of the first few images
  std::function<void(int64 drawn, int64 all)> progress = nullptr;
};
/// How many images a strip shows.
inline constexpr int64 kStripRows = 8;

struct ImageSamples {
  Tensor images;              ///< (n,C,H,W), nominally in [-1,1]
  std::vector<Tensor> steps;  ///< noise-free estimates of the first images after each step
  double evaluations = 0;     ///< rows through the network, an image
};
/// An image of each of these classes (-1: none). Image i is a function of seed and i alone (of the batch, with a linear guidance).
/// Throws UsageError for unknown specs and for a class that is not there.
ImageSamples draw_images(const ImageSource& source, const std::vector<int64>& classes,
                         const SampleSettings& settings);

/// "3", the name of a class, or "none"; throws UsageError naming the valid ones.
int64 class_of(const std::string& text, const DatasetInfo& info);

/// One image of a batch as 8 bits.
Image image_of(const Tensor& images, int64 row);
/// Images (n,C,H,W) in rows of `columns`, a pixel apart; 0 columns: as square as it gets.
Image image_grid(const Tensor& images, int64 columns = 0);
/// The steps of a few images, one image a row; no more than `most` steps, evenly chosen, the last included.
Image step_strip(const std::vector<Tensor>& steps, int64 most = 12);

}  // namespace gradus
