// Several looks at each test image, over which a model's outputs are averaged. What `gradus eval --views` and `predict --views` may name.
//
// Papers: Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", NeurIPS 2012, section 4.1
//         (mirror); Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024, arXiv 2404.00498, section 3.5 (translate, both).
//   mirror:    output = (f(x) + f(mirror x))/2
//   translate: output = f(x)/2 + (f(x moved up and left by a pixel) + f(x moved down and right))/4, the border reflected
//   both:      each look of translate and its mirror image, six in all
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/options.h"
#include "data/dataset.h"
#include "nn/model.h"

namespace gradus {

/// A look: pixel (y, x) of it is (y + dy, x + dx) of the image, mirrored or not; weights of all looks sum to 1.
struct ImageView {
  double weight = 1;
  int64 dy = 0, dx = 0;
  bool mirrored = false;
};
struct ImageViewEntry {
  std::string name, summary, paper;
  std::vector<OptionInfo> options;
  /// The looks that each of those before becomes.
  std::function<std::vector<ImageView>(const ImageView&)> widen;
};
const std::vector<ImageViewEntry>& image_views();
/// "mirror,translate" as looks. Throws UsageError for unknown names (naming the nearest) and a name that comes twice.
std::vector<ImageView> parse_views(const std::string& text);

/// Throws UsageError, opened by `flag`, unless the data are images and the model's outputs are of whole images (classes, numbers).
void check_views(const Model& model, const DatasetInfo& info, const std::string& flag);
/// The weighted mean of outputs (B,...) over the looks at x (B,C,H,W). The model is asked as it is.
Tensor output_over_views(Model& model, const Tensor& x, const std::vector<ImageView>& views);

}  // namespace gradus
