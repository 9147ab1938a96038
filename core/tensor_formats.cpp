#include "core/tensor_formats.h"

#include <filesystem>

#include "core/error.h"
#include "core/npz.h"

namespace gradus {

void check_tensors_path(const std::string& path) {
  const std::string extension = std::filesystem::path(path).extension().string();
  if (extension != ".safetensors" && extension != ".npz")
    fail<UsageError>("{}: the name of the file says its format: .safetensors or .npz", path);
}

void write_tensors(const std::string& path, const TensorFile& file) {
  check_tensors_path(path);
  path.ends_with(".npz") ? write_npz(path, file) : write_safetensors(path, file);
}

}  // namespace gradus
