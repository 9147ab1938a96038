#include "nn/model.h"

namespace gradus {

const char* task_name(Task task) {
  switch (task) {
    case Task::kClassification:
      return "classification";
    case Task::kLanguageModel:
      return "language-model";
    case Task::kAutoencoder:
      return "autoencoder";
    case Task::kRegression:
      return "regression";
    case Task::kDenoising:
      return "denoising";
  }
  return "?";
}

ImageModel::ImageModel(const DataShape& data, const char* where, bool needs_target) : image_(data) {
  if (data.features() < 1)
    fail<UsageError>("model {} needs images or rows of numbers; these data have none", where);
  if (needs_target && outputs() < 1)
    fail<UsageError>("model {} needs labels or targets; these data have none", where);
}

TokenModel::TokenModel(const DataShape& data, int64 block, const char* where)
    : vocabulary_(data.vocabulary), block_(block) {
  if (vocabulary_ < 1) fail<UsageError>("model {} needs text; these data have no vocabulary", where);
}

}  // namespace gradus
