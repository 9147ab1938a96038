#include "apps/commands/output_table.h"

#include <algorithm>
#include <filesystem>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/npy.h"
#include "core/tensor_formats.h"
#include "data/fitted.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

std::string logits_csv(const Tensor& logits, const std::vector<int64>& labels) {
  const int64 columns = logits.rank() > 1 ? logits.dim(logits.rank() - 1) : 1;
  std::string text;
  for (int64 c = 0; c < columns; ++c) text += fmt::format("{}logit_{}", c ? "," : "", c);
  text += labels.empty() ? "\n" : ",label\n";
  for (int64 i = 0; i < logits.numel(); ++i) {
    const int64 row = i / columns, c = i % columns;
    text += fmt::format("{}{}", c ? "," : "", logits.data()[i]);
    if (c + 1 < columns) continue;
    text += labels.empty() ? "\n" : fmt::format(",{}\n", labels[static_cast<size_t>(row)]);
  }
  return text;
}

}  // namespace

void check_outputs_path(const std::string& path) {
  const std::string extension = fs::path(path).extension().string();
  if (extension != ".safetensors" && extension != ".npz" && extension != ".npy" && extension != ".csv")
    fail<UsageError>("--logits {}: the name of the file says its format: .safetensors, .npz, .npy or .csv",
                     path);
  if (const fs::path parent = fs::path(path).parent_path(); !parent.empty() && !fs::is_directory(parent))
    fail<DataError>("--logits {}: there is no folder {}", path, parent.string());
}

void OutputTable::add(const Batch& batch, const Tensor& output) {
  const int64 width = output.numel() / std::max<int64>(output.dim(0), 1);
  for (int64 i = 0; i < output.numel(); ++i)
    values_.push_back(in_units_of_
                          ? static_cast<real>(in_units(static_cast<double>(output.data()[i]),
                                                       static_cast<std::size_t>(i % width), *in_units_of_))
                          : output.data()[i]);
  const auto grow = [](std::vector<int64>& dims, const Shape& shape) {
    const int64 before = dims.empty() ? 0 : dims[0];
    dims.assign(shape.begin(), shape.end());
    dims[0] += before;
  };
  grow(dims_, output.shape());
  if (!batch.y.defined()) return;
  grow(label_dims_, batch.y.shape());
  labels_.insert(labels_.end(), batch.y.data(), batch.y.data() + batch.y.numel());
}

void OutputTable::write(const std::string& path) const {
  const Tensor logits = Tensor::from(Shape(dims_), values_);
  if (path.ends_with(".npy")) return write_npy(path, logits);
  if (path.ends_with(".csv")) return write_file(path, logits_csv(logits, labels_));
  TensorFile file;
  file.tensors.emplace_back("logits", logits);
  if (!label_dims_.empty())
    file.integers.emplace_back("labels", IntTensor::from(Shape(label_dims_), labels_));
  write_tensors(path, file);
}

}  // namespace gradus
