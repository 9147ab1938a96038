#include "apps/train/task.h"

#include <algorithm>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "data/table_encoding.h"
#include "nn/registry.h"

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

DataShape default_shape(const ModelEntry& entry) {
  if (entry.tiny_data.targets > 0) return entry.tiny_data;
  if (entry.task == Task::kLanguageModel) return {.vocabulary = 65};
  return {.channels = 1, .height = 28, .width = 28, .classes = 10};
}

namespace {

nlohmann::ordered_json table_json(const TableInfo& table) {
  nlohmann::ordered_json json = {
      {"width", table.width}, {"left_out", table.left_out}, {"fill_missing", table.fill_missing}};
  auto& columns = json["columns"] = nlohmann::ordered_json::array();
  for (const TableColumn& c : table.columns)
    columns.push_back({{"name", c.name},
                       {"position", c.position},
                       {"categories", c.categories},
                       {"indicator", c.indicator},
                       {"fill", c.fill}});
  return json;
}

TableInfo table_from_json(const nlohmann::json& json) {
  TableInfo table;
  table.width = json.at("width").get<int64>();
  table.left_out = json.at("left_out").get<std::vector<std::string>>();
  table.fill_missing = json.at("fill_missing").get<bool>();
  for (const auto& c : json.at("columns"))
    table.columns.push_back({c.at("name").get<std::string>(), c.at("position").get<int64>(),
                             c.at("categories").get<std::vector<std::string>>(),
                             c.at("indicator").get<bool>(), c.at("fill").get<double>()});
  return table;
}

// Whether the columns are those of the example.
bool table_fits(const DatasetInfo& info) {
  const auto named = static_cast<int64>(info.columns.size());
  if (info.table.columns.empty()) return named == 0 || named == info.example.numel();
  int64 numbers = 0;
  for (const TableColumn& c : info.table.columns) {
    numbers += numbers_of(c);
    if (c.position < 0 || c.position >= info.table.width ||
        !std::is_sorted(c.categories.begin(), c.categories.end()))
      return false;
  }
  return numbers == info.example.numel() &&
         (named == 0 || named == static_cast<int64>(info.table.columns.size()));
}

}  // namespace

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
  if (info.fit != DatasetInfo().fit) json["fit"] = info.fit;
  json["columns"] = info.columns;
  json["digest"] = info.digest;
  if (!info.table.columns.empty()) json["table"] = table_json(info.table);
  if (!info.target_std.empty()) json["target_mean"] = info.target_mean, json["target_std"] = info.target_std;
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
    info.fit = json.value("fit", info.fit);
    info.complete = json.contains("columns");
    if (info.complete) {
      info.columns = json.at("columns").get<std::vector<std::string>>();
      info.digest = json.at("digest").get<std::string>();
    }
    if (json.contains("table")) info.table = table_from_json(json.at("table"));
    if (json.contains("target_std")) {
      info.target_mean = json.at("target_mean").get<std::vector<double>>();
      info.target_std = json.at("target_std").get<std::vector<double>>();
    }
    for (const auto& token : json.at("vocabulary")) {
      const auto bytes = token.get<std::vector<int>>();
      std::string text;
      for (const int byte : bytes) text += static_cast<char>(byte);
      info.vocabulary.push_back(text);
    }
  } catch (const nlohmann::json::exception& e) {
    fail<DataError>("{}: the description of the data is damaged: {}", source, e.what());
  } catch (const ShapeError& e) {
    fail<DataError>("{}: the description of the data is damaged: {}", source, e.what());
  }
  const auto fits = [](std::size_t n, int64 expected) { return n == 0 || static_cast<int64>(n) == expected; };
  const bool text = info.kind == DataKind::kText;
  const int64 scales =
      info.kind == DataKind::kImages && info.example.rank() ? info.example[0] : info.example.numel();
  if (!fits(info.class_names.size(), info.classes) || (text && !fits(info.vocabulary.size(), info.classes)) ||
      info.mean.size() != info.std.size() || !fits(info.mean.size(), scales) || !table_fits(info) ||
      info.target_mean.size() != info.target_std.size() || !fits(info.target_std.size(), info.targets) ||
      info.example.rank() == 0)
    fail<DataError>("{}: the description of the data is damaged: its lists do not fit its sizes", source);
  return info;
}

Input input_of(const Batch& batch) { return batch.tokens.defined() ? Input(batch.tokens) : Input(batch.x); }

namespace {

void check_target(Task task, const Batch& batch) {
  const bool labels = task == Task::kClassification || task == Task::kLanguageModel;
  if (labels && !batch.y.defined()) fail<UsageError>("{} needs labelled data", task_name(task));
  if (task == Task::kRegression && !batch.targets.defined())
    fail<UsageError>("regression needs data with real targets");
  if (task == Task::kDenoising)
    fail<UsageError>("{} models are trained with --task diffusion", task_name(task));
}

}  // namespace

namespace {

// y_c w_c of the examples (B,C): what the terms of the loss are multiplied by.
Tensor weighted_targets(const Tensor& output, const Batch& batch, const ClassLoss& how) {
  const int64 n = output.dim(0), c = output.dim(1);
  Tensor y({n, c});
  for (int64 i = 0; i < n * c; ++i) {
    const int64 k = i % c;
    const double target = batch.targets.defined() ? static_cast<double>(batch.targets.data()[i])
                                                  : (batch.y[i / c] == k ? 1 - how.label_smoothing : 0) +
                                                        how.label_smoothing / static_cast<double>(c);
    y.mutable_data()[i] =
        static_cast<real>(target * (how.weights.empty() ? 1 : how.weights.at(static_cast<size_t>(k))));
  }
  return y;
}

// The loss of each example (B) with weights of classes, focal or both.
Tensor class_losses(const Tensor& output, const Batch& batch, const ClassLoss& how) {
  constexpr real kTiny = real(1e-7);  // no derivative of u^g at u = 0 for g < 1
  const Tensor log_p = log_softmax(output);
  Tensor terms = weighted_targets(output, batch, how) * log_p;
  if (how.focal > 0) terms = terms * pow(clamp(neg(expm1(log_p)), kTiny, 1), static_cast<real>(how.focal));
  return neg(sum(terms, {1}));
}

}  // namespace

Tensor loss_of(Task task, const Tensor& output, const Batch& batch, const ClassLoss& how) {
  if (how.own) return mean(losses_of(task, output, batch, how));
  if (task == Task::kClassification && !how.plain()) {
    if (!batch.targets.defined()) check_target(task, batch);
    return mean(class_losses(output, batch, how));
  }
  if (task == Task::kClassification && batch.targets.defined())
    return soft_cross_entropy(output, batch.targets);
  check_target(task, batch);
  return task_loss(task, output, input_of(batch), {batch.y, batch.targets},
                   static_cast<real>(how.label_smoothing));
}

Tensor losses_of(Task task, const Tensor& output, const Batch& batch, const ClassLoss& how) {
  const int64 n = output.dim(0);
  if (how.own) {
    const Tensor each = how.own(output, batch);
    if (each.shape() != Shape{batch.size()})
      fail<ShapeError>("--loss: gives {} for a batch of {} examples; it has to give one number for each",
                       each.shape().str(), batch.size());
    return each;
  }
  if (task == Task::kClassification && !how.plain()) {
    if (!batch.targets.defined()) check_target(task, batch);
    return class_losses(output, batch, how);
  }
  if (task == Task::kClassification && batch.targets.defined())
    return soft_cross_entropy(output, batch.targets, Reduction::kNone);
  check_target(task, batch);
  const auto smoothing = static_cast<real>(how.label_smoothing);
  if (task == Task::kClassification) return cross_entropy(output, batch.y, Reduction::kNone, smoothing);
  Tensor each;
  if (task == Task::kLanguageModel) {
    const int64 tokens = n * output.dim(1);
    each = cross_entropy(reshape(output, Shape{tokens, output.dim(2)}), batch.y.view({tokens}),
                         Reduction::kNone, smoothing);
  } else {
    each = mse_loss(output, task == Task::kAutoencoder ? batch.x : batch.targets, Reduction::kNone);
  }
  return mean(reshape(each, Shape{n, each.numel() / n}), {1});
}

OutputCurvature output_curvature(Task task, const Tensor& output, const Batch& batch, const ClassLoss& how) {
  if (output.rank() != 2 || task == Task::kLanguageModel)
    fail<UsageError>("Gauss-Newton steps need one vector of outputs an example, got outputs of shape {} ({})",
                     output.shape().str(), task_name(task));
  if (how.own) fail<UsageError>("--loss: Gauss-Newton steps know the curvature of the task's own loss alone");
  if (how.focal > 0) fail<UsageError>("--focal: Gauss-Newton steps have no curvature of the focal loss");
  const bool mixed = task == Task::kClassification && batch.targets.defined();
  if (!mixed) check_target(task, batch);
  const int64 n = output.dim(0), c = output.dim(1);
  const bool classes = task == Task::kClassification;
  const int64 k = classes ? std::max<int64>(c - 1, 1) : c;
  OutputCurvature out{Tensor({n * c}), Tensor::zeros({n, c, c}), Tensor::zeros({n, c, k})};
  std::vector<double> p(static_cast<size_t>(c));
  const Tensor targets = classes ? weighted_targets(output, batch, how) : Tensor();
  for (int64 i = 0; i < n; ++i) {
    const real* z = output.data() + i * c;
    real* slope = out.slope.mutable_data() + i * c;
    real *q = out.curvature.mutable_data() + i * c * c, *root = out.root.mutable_data() + i * c * k;
    if (!classes) {
      const Tensor& y = task == Task::kAutoencoder ? batch.x : batch.targets;
      const double curvature = 2 / static_cast<double>(c);
      for (int64 j = 0; j < c; ++j) {
        slope[j] = static_cast<real>(curvature * static_cast<double>(z[j] - y.data()[i * c + j]));
        q[j * c + j] = static_cast<real>(curvature);
        root[j * k + j] = static_cast<real>(std::sqrt(curvature));
      }
      continue;
    }
    const int64 likely = std::max_element(z, z + c) - z;
    double sum = 0;
    for (int64 j = 0; j < c; ++j)
      sum += p[static_cast<size_t>(j)] = std::exp(static_cast<double>(z[j]) - static_cast<double>(z[likely]));
    for (double& x : p) x /= sum;
    double whole = 0;  // of the targets: 1 without weights
    for (int64 j = 0; j < c; ++j) whole += static_cast<double>(targets.data()[i * c + j]);
    const double side = std::sqrt(whole);
    for (int64 j = 0, column = 0; j < c; ++j) {
      const double pj = p[static_cast<size_t>(j)];
      slope[j] = static_cast<real>(whole * pj - static_cast<double>(targets.data()[i * c + j]));
      for (int64 l = 0; l < c; ++l)
        q[j * c + l] = static_cast<real>(whole * ((j == l ? pj : 0) - pj * p[static_cast<size_t>(l)]));
      // One column of S for every other class.
      if (j == likely) continue;
      const double top = p[static_cast<size_t>(likely)], s = std::sqrt(pj);
      const double a = 1 / (1 + std::sqrt(top));
      for (int64 l = 0; l < c; ++l) {
        const double pl = p[static_cast<size_t>(l)];
        root[l * k + column] =
            static_cast<real>(side * (l == likely ? -std::sqrt(top) * s : (l == j ? s : 0) - a * pl * s));
      }
      ++column;
    }
  }
  return out;
}

Batch with_sampled_labels(Task task, const Tensor& output, const Batch& batch, Rng rng) {
  Batch sampled = batch;
  if (task == Task::kRegression) {
    sampled.targets = output.detach().clone();
    for (int64 i = 0; i < output.numel(); ++i)
      sampled.targets.mutable_data()[i] += static_cast<real>(rng.normal());
    return sampled;
  }
  if (task != Task::kClassification && task != Task::kLanguageModel)
    fail<UsageError>("labels cannot be drawn from the outputs of {} models", task_name(task));
  const int64 classes = output.dim(output.rank() - 1), count = output.numel() / classes;
  sampled.targets = Tensor();
  sampled.y = IntTensor(batch.tokens.defined() ? batch.tokens.shape() : Shape{count});
  std::vector<double> p(static_cast<size_t>(classes));
  for (int64 i = 0; i < count; ++i) {
    const real* z = output.data() + i * classes;
    const double top = static_cast<double>(*std::max_element(z, z + classes));
    double sum = 0;
    for (int64 c = 0; c < classes; ++c)
      sum += p[static_cast<size_t>(c)] = std::exp(static_cast<double>(z[c]) - top);
    double left = rng.uniform() * sum;
    int64 drawn = 0;
    while (drawn + 1 < classes && left >= p[static_cast<size_t>(drawn)])
      left -= p[static_cast<size_t>(drawn++)];
    sampled.y.mutable_data()[i] = drawn;
  }
  return sampled;
}

int64 label_count(const Batch& batch) { return batch.tokens.defined() ? batch.tokens.numel() : batch.size(); }

Batch rows_of(const Batch& batch, int64 begin, int64 end) {
  Batch part;
  part.position = batch.position;
  if (batch.x.defined()) part.x = batch.x.rows(begin, end);
  if (batch.tokens.defined()) part.tokens = batch.tokens.rows(begin, end);
  if (batch.y.defined()) part.y = batch.y.rows(begin, end);
  if (batch.targets.defined()) part.targets = batch.targets.rows(begin, end);
  if (batch.index.defined()) part.index = batch.index.rows(begin, end);
  return part;
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
