// From a batch to a loss: what a model's task makes of its output and the batch's targets.
#pragma once

#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/data_shape.h"
#include "data/batch.h"
#include "data/dataset.h"
#include "nn/model.h"
#include "nn/task_loss.h"

namespace gradus {

struct ModelEntry;

/// The sizes a model is built for. Vectors of one axis have their length as channels.
DataShape data_shape(const DatasetInfo& info);
/// Sizes to show or check a model with where no data are named: images 1x28x28 of ten classes, text of 65 different
/// characters; for networks of coordinates two of them and three colours.
DataShape default_shape(const ModelEntry& entry);

/// A data set's description as saved beside weights, so that they bring whatever was fitted on their training data to
/// all other data (data/fitted.h): kind, shape, names of classes and columns, mean and std, vocabulary, digest.
nlohmann::ordered_json info_json(const DatasetInfo& info);
/// The opposite. Weights of an older gradus have neither columns nor digest, and mean and std for images only; they are
/// marked as not `complete`. Throws DataError, opened by `source`, where something is missing or of another type.
DatasetInfo info_from_json(const nlohmann::json& json, const std::string& source);

/// What the model is called with: tokens (B,T) or numbers, vectors as they are.
Input input_of(const Batch& batch);

/// Losses of a batch's examples (B), differentiable, given the model's output.
using ExampleLosses = std::function<Tensor(const Tensor& output, const Batch& batch)>;

/// What a classifier's loss is beside plain cross-entropy. With targets y over the C classes (1 for the label; smoothed; mixed by
/// an augmentation) the loss of an example is
///   sum over c of  y_c w_c (1 - p_c)^g (-log p_c),    g = focal, w = weights of the classes, p = softmax of the logits,
/// and that of a batch the plain mean (so the gradient of a batch is the mean of those of its examples; PyTorch divides by the
/// sum of the weights instead). Focal loss: Lin, Goyal, Girshick, He, Dollar, ICCV 2017, arXiv 1708.02002, equation 5.
struct ClassLoss {
  double label_smoothing = 0, focal = 0;
  std::vector<double> weights = {};  ///< one a class; empty: all 1
  /// In place of all this, of any task (apps/train/losses.h). Null: the task's own.
  ExampleLosses own = nullptr;
  bool plain() const { return focal == 0 && weights.empty(); }
};

/// Mean loss over the batch: cross-entropy with labels (of tokens, over all positions) or with target
/// distributions, mean squared error with real targets or, for an autoencoder, with the input. Throws UsageError
/// for a task that the batch cannot serve.
Tensor loss_of(Task task, const Tensor& output, const Batch& batch, const ClassLoss& how = {});

/// The same for every example (B), whose mean is loss_of: of text, the mean over its positions.
Tensor losses_of(Task task, const Tensor& output, const Batch& batch, const ClassLoss& how = {});
/// Slope (B*C) and curvature (B,C,C) of each example's loss in its outputs (B,C), and a root S (B,C,K) of the curvature,
/// S S' = Q. Cross-entropy, m the likeliest class: slope p - y, Q = diag(p) - p p', and for every other class j a column
/// S_lj = sqrt(p_j)*((l = j) - p_l/(1 + sqrt(p_m))), S_mj = -sqrt(p_m p_j). Squared error over C values: 2(z - y)/C, 2/C.
/// Weights of classes scale them (y by w, p by the sum of y w). Throws UsageError for outputs of another rank and for a focal
/// loss, whose curvature is another.
struct OutputCurvature {
  Tensor slope, curvature, root;
};
OutputCurvature output_curvature(Task task, const Tensor& output, const Batch& batch,
                                 const ClassLoss& how = {});
/// The batch with targets drawn from the model's own distribution, given its output: classes (B) and next tokens (B,T) from
/// the softmax, real targets around the output with variance 1. Draw i of `rng` is that of the i-th label. Throws UsageError
/// for other tasks.
Batch with_sampled_labels(Task task, const Tensor& output, const Batch& batch, Rng rng);
/// How many labels the loss of a batch is the mean of: examples, or tokens.
int64 label_count(const Batch& batch);
/// Examples begin..end-1 of a batch, sharing its storage.
Batch rows_of(const Batch& batch, int64 begin, int64 end);

/// Sums over examples (tokens for text), from which means are taken.
struct Score {
  double loss_sum = 0;
  int64 correct = 0;
  int64 count = 0;     ///< examples or tokens
  int64 labelled = 0;  ///< of these, with a label that a prediction can equal

  double loss() const { return count ? loss_sum / static_cast<double>(count) : std::nan(""); }
  /// Share of correct predictions; NaN where nothing has labels.
  double accuracy() const {
    return labelled ? static_cast<double>(correct) / static_cast<double>(labelled) : std::nan("");
  }
  Score& operator+=(const Score& o);
  bool operator==(const Score&) const = default;
};

/// Score of a batch whose mean loss is known. Predictions are the largest logit of each row.
Score score_of(Task task, const Tensor& output, const Batch& batch, double mean_loss);

}  // namespace gradus
