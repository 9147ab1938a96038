// The loop of `gradus predict`: files in, predictions out, in their order.
#pragma once

#include <functional>

#include "apps/predict/forms.h"
#include "apps/predict/inputs.h"
#include "apps/testtime/image_views.h"

namespace gradus {

struct PredictRun {
  int64 batch_size = 64;
  /// Looks at each image over which outputs are averaged (apps/testtime/image_views.h); none: the image alone.
  std::vector<ImageView> views = {};
  /// Asked between batches; true ends the loop.
  std::function<bool()> stop = nullptr;
  std::function<void(const Prediction&)> each;
  /// A file, or an example of one, for which there is no prediction; `numeric`: the model's output is NaN or infinite.
  std::function<void(const std::string& file, const std::string& what, bool numeric)> failed;
  /// Something that was not as in training, and how it was taken; each once.
  std::function<void(const std::string& what)> noted = nullptr;
  /// Files done so far.
  std::function<void(int64 done)> progress = nullptr;
};

/// Reads the files on all threads, a batch of them at a time, and hands their examples to the model in batches. A file that cannot be
/// read is reported and passed over. Returns the number of files done: all, unless stopped.
int64 predict_files(Model& model, const std::vector<InputFile>& files, const InputOptions& inputs,
                    const PredictRun& run);

}  // namespace gradus
