// The mini-batch objective: everything an optimizer may ask about the loss of the current batch.
//
// A trainer makes one per batch. Its parameters are the live ones: an optimizer may change their values in
// place and ask again. All evaluations of one objective use the same examples, the same dropout masks and,
// after the first, frozen batch statistics, so that they are values of one function.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "autograd/parameter.h"

namespace gradus {

class Rng;

/// What an optimizer needs beyond the gradient of the current batch, or what an objective can give.
struct Needs {
  bool loss = false;            ///< the loss value
  bool re_evaluation = false;   ///< loss and gradient of the same batch at other parameter values
  bool hvp = false;             ///< products with the Hessian
  bool per_sample = false;      ///< the gradient of every example
  bool gauss_newton = false;    ///< outputs, their Jacobian and the loss's derivatives in the outputs
  bool second_batch = false;    ///< a second, independent batch
  bool full_gradient = false;   ///< the gradient over all data
  bool sampled_labels = false;  ///< the gradient with labels drawn from the model's own distribution
  Needs operator|(const Needs& o) const;
  /// Whether it asks for something that `given` lacks.
  bool beyond(const Needs& given) const;
  static Needs everything();
};
/// A need as lists and messages name it.
struct NeedText {
  bool Needs::*need;
  const char* name;  ///< "hvp"
  const char* what;  ///< "Hessian-vector products"
};
/// One for every field of Needs, in their order.
std::span<const NeedText> need_texts();
/// Throws UsageError naming the optimizer and the first need that `offers` lacks.
void require(const Needs& needs, const Needs& offers, const std::string& optimizer);

/// The pieces of a Gauss-Newton model of the batch, n examples with c outputs each; d parameters, concatenated
/// in the order of Objective::parameters() (the trained ones). Read through optim/vocabulary/gauss_newton.h.
struct GaussNewton {
  Tensor jacobian;   ///< (n*c, d) of the outputs; may be undefined where the three functions below are given
  Tensor residual;   ///< (n*c) derivative of each example's loss in its outputs
  Tensor curvature;  ///< (n, c, c) second derivative of each example's loss in its outputs
  /// A root S (n, c, k) of the curvature, S S' = Q, and S' J J' S (n*k, n*k); may be undefined.
  Tensor root = {};
  std::function<Tensor()> root_gram = nullptr;
  /// For models whose Jacobian is too large to hold: J J' (n*c, n*c), J' x (d) of x (n*c), J p (n*c) of p (d).
  std::function<Tensor()> gram = nullptr;
  std::function<Tensor(const Tensor&)> transposed_times = nullptr, times = nullptr;
};

/// A gradient of the batch's loss with labels drawn from the model's own distribution.
struct SampledGradient {
  std::vector<Tensor> gradient;  ///< one tensor per parameter (undefined for frozen ones)
  int64 labels = 0;              ///< how many were drawn: the loss is their mean
};

/// Random vectors that a recorded run prescribes, one tensor per parameter, in the order of parameters() (undefined
/// where it has none).
struct PrescribedDraws {
  std::vector<Tensor> probe;                ///< of this step; empty: none
  std::vector<std::vector<Tensor>> warmup;  ///< of a start that takes several
  bool balance = false;                     ///< what else a method does at random times is due in this step
  /// The 1st, 2nd, ... draw of methods that draw at times of their own, by parameter name, row-major.
  std::vector<std::map<std::string, std::vector<double>>> named = {};
  std::vector<double> labels = {};  ///< what sampled labels of this step are drawn by, one number a row
};

class Objective {
 public:
  virtual ~Objective() = default;

  /// The parameters, as given to the optimizer.
  virtual const Parameters& parameters() const = 0;
  /// What this objective can give. Asking for more throws UsageError.
  virtual Needs offers() const = 0;

  /// Mean loss of the batch at the present parameter values.
  virtual double loss();
  /// The same, and its gradient into Parameter::grad of every parameter that is not frozen (undefined where
  /// the loss does not depend on it).
  virtual double gradient() = 0;
  /// H v at the present parameter values, H the Hessian of loss(). v and the result have one tensor per
  /// parameter, in the order of parameters() (undefined for frozen ones).
  virtual std::vector<Tensor> hvp(std::span<const Tensor> v);
  /// The gradient of every example's loss: one tensor (n, shape of the parameter) per parameter.
  virtual std::vector<Tensor> per_sample_gradients();
  virtual GaussNewton gauss_newton();
  /// An objective of an independent batch of the same size, over the same parameters.
  virtual Objective& second_batch();
  /// The gradient of the mean loss over all data at the present parameter values, one tensor per parameter (undefined for
  /// frozen ones). Parameter::grad stays as it is.
  virtual std::vector<Tensor> full_gradient();
  /// The batch's gradient with labels drawn by `rng` from the model's distribution at the present parameter values.
  /// Parameter::grad stays as it is.
  virtual SampledGradient sampled_gradient(const Rng& rng);
  /// What a replay prescribes in place of random draws; null: methods draw their own.
  virtual const PrescribedDraws* prescribed_draws() const { return nullptr; }

 protected:
  /// Throws UsageError: "this objective has no ...".
  [[noreturn]] static void unsupported(const char* what);
};

/// The objective of a loop that has computed the gradients itself: nothing else can be asked.
class GivenGradients final : public Objective {
 public:
  explicit GivenGradients(const Parameters& parameters, double loss);
  const Parameters& parameters() const override { return parameters_; }
  Needs offers() const override { return {.loss = loss_ == loss_}; }
  double gradient() override { return loss_; }

 private:
  const Parameters& parameters_;
  double loss_;
};

/// Parameter values kept aside; restore() puts back exactly what was there.
class Snapshot {
 public:
  explicit Snapshot(const Parameters& parameters);
  void restore() const;
  /// The kept value of the i-th parameter.
  const Tensor& operator[](size_t i) const { return values_[i]; }

 private:
  const Parameters& parameters_;
  std::vector<Tensor> values_;
};

/// Throws NumericError naming the first parameter whose gradient holds a NaN or an infinity, ShapeError for a
/// gradient of another shape than its parameter. Frozen parameters and undefined gradients are passed over.
void check_gradients(const Parameters& parameters, const std::string& optimizer);

}  // namespace gradus
