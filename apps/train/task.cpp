#include "apps/train/task.h"

#include <algorithm>

#include "autograd/ops/nn_ops.h"
#include "core/error.h"

namespace gradus {

DataShape data_shape(const DatasetInfo& info) {
  DataShape shape;
  shape.targets = info.targets;
  if (info.kind == DataKind::kText) {
    shape.vocabulary = info.classes;
    return shape;
  }
  shape.classes = info.classes;
  const Shape& e = info.example;
  if (e.rank() == 3) {
    shape.channels = e[0], shape.height = e[1], shape.width = e[2];
  } else {
    shape.channels = e.numel(), shape.height = shape.width = 1;
  }
  return shape;
}

DataShape default_shape(Task task) {
  if (task == Task::kLanguageModel) return {.vocabulary = 65};
  return {.channels = 1, .height = 28, .width = 28, .classes = 10};
}

nlohmann::ordered_json info_json(const DatasetInfo& info) {
  nlohmann::ordered_json json;
  json["name"] = info.name;
  json["kind"] = kind_name(info.kind);
  json["example"] = std::vector<int64>(info.example.begin(), info.example.end());
  json["classes"] = info.classes;
  json["targets"] = info.targets;
  json["class_names"] = info.class_names;
  json["mean"] = info.mean;
  json["std"] = info.std;
  // Tokens may be any bytes, which JSON strings cannot hold: as lists of byte values.
  auto& vocabulary = json["vocabulary"] = nlohmann::ordered_json::array();
  for (const std::string& token : info.vocabulary)
    vocabulary.push_back(
        std::vector<int>(reinterpret_cast<const unsigned char*>(token.data()),
                         reinterpret_cast<const unsigned char*>(token.data()) + token.size()));
  return json;
}

DatasetInfo info_from_json(const nlohmann::json& json, const std::string& source) {
  DatasetInfo info;
  try {
    info.name = json.at("name").get<std::string>();
    const auto kind = json.at("kind").get<std::string>();
    for (const DataKind k : {DataKind::kImages, DataKind::kVectors, DataKind::kText})
      if (kind == kind_name(k)) info.kind = k;
    info.example = Shape(json.at("example").get<std::vector<int64>>());
    info.classes = json.at("classes").get<int64>();
    info.targets = json.at("targets").get<int64>();
    info.class_names = json.at("class_names").get<std::vector<std::string>>();
    info.mean = json.at("mean").get<std::vector<double>>();
    info.std = json.at("std").get<std::vector<double>>();
    for (const auto& token : json.at("vocabulary")) {
      const auto bytes = token.get<std::vector<int>>();
      std::string text;
      for (const int byte : bytes) text += static_cast<char>(byte);
      info.vocabulary.push_back(text);
    }
  } catch (const nlohmann::json::exception& e) {
    fail<DataError>("{}: the description of the data is damaged: {}", source, e.what());
  }
  return info;
}

Input input_of(const Batch& batch) { return batch.tokens.defined() ? Input(batch.tokens) : Input(batch.x); }

Tensor loss_of(Task task, const Tensor& output, const Batch& batch, double label_smoothing) {
  const bool labels = task == Task::kClassification || task == Task::kLanguageModel;
  if (task == Task::kClassification && batch.targets.defined())
    return soft_cross_entropy(output, batch.targets);
  if (labels && !batch.y.defined()) fail<UsageError>("{} needs labelled data", task_name(task));
  if (task == Task::kRegression && !batch.targets.defined())
    fail<UsageError>("regression needs data with real targets");
  if (task == Task::kDenoising)
    fail<UsageError>("the train command does not train {} models", task_name(task));
  return task_loss(task, output, input_of(batch), {batch.y, batch.targets},
                   static_cast<real>(label_smoothing));
}

Score& Score::operator+=(const Score& o) {
  loss_sum += o.loss_sum, correct += o.correct, count += o.count, labelled += o.labelled;
  return *this;
}

Score score_of(Task task, const Tensor& output, const Batch& batch, double mean_loss) {
  Score score;
  const bool labels = batch.y.defined() && (task == Task::kClassification || task == Task::kLanguageModel);
  score.count = labels ? batch.y.numel() : batch.size();
  score.loss_sum = mean_loss * static_cast<double>(score.count);
  if (!labels) return score;
  score.labelled = score.count;
  const int64 classes = output.dim(output.rank() - 1);
  const real* row = output.data();
  for (int64 i = 0; i < score.count; ++i, row += classes)
    score.correct += std::max_element(row, row + classes) - row == batch.y[i];
  return score;
}

}  // namespace gradus
