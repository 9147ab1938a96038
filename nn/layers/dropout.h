// Layers of noise: active in training mode only, drawing from the tree's shared generator.
#pragma once

#include "nn/module.h"

namespace gradus {

/// Zeroes each element with probability p and scales the rest by 1/(1-p). Srivastava et al., JMLR 2014.
class Dropout : public Module {
 public:
  explicit Dropout(double p);
  Tensor forward(const Input& x) override;
  std::string describe() const override { return fmt::format("Dropout({})", p_); }

 private:
  double p_;
};

/// Drops the whole sample (first axis) with probability p, scaling survivors by 1/(1-p): the residual branch
/// of stochastic depth. Huang et al., ECCV 2016, arXiv 1603.09382; scaling as in timm's DropPath.
class DropPath : public Module {
 public:
  explicit DropPath(double p);
  Tensor forward(const Input& x) override;
  std::string describe() const override { return fmt::format("DropPath({})", p_); }

 private:
  double p_;
};

}  // namespace gradus
