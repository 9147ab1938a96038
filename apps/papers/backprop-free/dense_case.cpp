#include "apps/papers/backprop-free/dense_case.h"

#include "autograd/ops/nn_ops.h"
#include "core/error.h"
#include "nn/dense_network.h"

namespace gradus {
namespace {

Shape without_leading(const Shape& shape) {
  if (shape.rank() < 1) fail<ShapeError>("a row of a scalar");
  return Shape(std::vector<int64>(shape.begin() + 1, shape.end()));
}

}  // namespace

Activation case_activation(const std::string& name) {
  if (name == "threshold") return {"threshold", "1 if x > 0 else 0", threshold};
  return activation(name == "logistic" ? "sigmoid" : name);
}

std::vector<Tensor> dense_inputs(const CaseValues& in, const std::string& prefix) {
  const std::vector<Tensor> w = in.tensors(prefix + "W#"), b = in.tensors(prefix + "b#");
  if (w.size() != b.size())
    fail<DataError>("inputs: {} of '{}W#', {} of '{}b#'", w.size(), prefix, b.size(), prefix);
  std::vector<Tensor> all;
  for (size_t i = 0; i < w.size(); ++i) all.insert(all.end(), {w[i], b[i]});
  return all;
}

void set_dense(CaseValues& out, const std::string& prefix, const std::vector<Tensor>& tensors) {
  for (size_t i = 0; i + 1 < tensors.size(); i += 2) {
    const int64 number = static_cast<int64>(i / 2) + 1;
    out.set(numbered_name(prefix + "W#", number), tensors[i]);
    out.set(numbered_name(prefix + "b#", number), tensors[i + 1]);
  }
}

Tensor row_of(const Tensor& x, int64 s) { return x.rows(s, s + 1).view(without_leading(x.shape())); }

IntTensor row_of(const IntTensor& x, int64 s) { return x.rows(s, s + 1).view(without_leading(x.shape())); }

Function dense_loss(const Activation& act, const Tensor& x, const IntTensor& y) {
  return [=](std::span<const Tensor> params) { return cross_entropy(dense_network(params, act, x), y); };
}

std::vector<Tensor> copies_of(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> copies;
  for (const Tensor& t : tensors) copies.push_back(t.clone());
  return copies;
}

}  // namespace gradus
