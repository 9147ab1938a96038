// How good drawn images are, by a classifier of our own: the Frechet distance of its features to those of real images, and how often it
// sees the class that was asked for.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "apps/diffusion/image_samples.h"

namespace gradus {

struct ImageScores {
  double frechet = 0, floor = 0;   ///< to the test images; of as many training images to the same
  double agreement = 0;            ///< share of images of their class; NaN without classes
  double classifier_accuracy = 0;  ///< on the test images
};
/// A classifier (lenet) of the run's data: that of `path`, or trained and written there. Its features are the outputs of its last
/// hidden layer. `say` is told what takes time.
class FeatureClassifier {
 public:
  FeatureClassifier(const std::string& path, const Data& data, const std::string& data_spec,
                    const std::string& data_dir, const std::function<void(const std::string&)>& say);
  /// Scores images (n,C,H,W) in [-1,1] of these classes against `data`; of its sets at most `most` images.
  ImageScores score(const Tensor& images, const std::vector<int64>& classes, const Data& data,
                    int64 most) const;

 private:
  struct Seen {
    Tensor features;  // (n,F)
    std::vector<int64> classes;
  };
  Seen look(const Tensor& images) const;

  std::unique_ptr<Model> model_;
  DatasetInfo info_;
};

}  // namespace gradus
