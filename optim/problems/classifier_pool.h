// A pool of labelled examples with the cross-entropy of a classifier each, as a function of all its parameters in one vector.
#pragma once

#include <functional>

#include "autograd/functional/functional.h"
#include "optim/methods/gradient_moments.h"

namespace gradus {

class ClassifierPool final : public ExamplePool {
 public:
  /// Logits (m,C) of examples (m,d), row by row.
  using Logits = std::function<Tensor(std::span<const Tensor> parameters, const Tensor& x)>;
  /// x (M,d), labels (M); `like`: shapes of the parameters. Throws ShapeError for another number of labels.
  ClassifierPool(Logits logits, Tensors like, Tensor x, IntTensor labels);

  int64 size() const override { return all_.labels.numel(); }
  double loss(std::span<const double> theta, std::span<const int64> index) const override;
  std::vector<double> gradient(std::span<const double> theta, std::span<const int64> index) const override;
  double mean_square_gradient(std::span<const double> theta) const override;

 private:
  struct Rows {
    Tensor x;
    IntTensor labels;
  };
  Rows rows(std::span<const int64> index) const;
  Tensors parameters(std::span<const double> theta) const;

  Logits logits_;
  Tensors like_;
  Rows all_;
};

}  // namespace gradus
