// TAG: an adaptive optimizer that keeps a second moment a task and adds them up by how gradients of the tasks agree.
//
// Paper: Malviya, Ravindran, Chandar, "TAG: Task-based Accumulated Gradients for Lifelong learning", CoLLAs 2022, arXiv 2105.05155.
//   of each tensor by itself, t the present task, unit(m) = m/||m||, 0 of 0:
//   m_t = beta1*m_t + (1-beta1)*g
//   v_t = beta2*v_t + (1-beta2)*g^2                 adagrad: v_t += g^2
//   alpha_tau = exp(-b*<unit(m_t), unit_tau>) for tau < t,  alpha_t = exp(-b);  in the first task alpha = 1
//   V = sum over tau <= t of alpha_tau*v_tau
//   rmsprop, adagrad: p -= lr*g/(sqrt(V) + eps)
//   adam: p -= lr*(m_t/(1-beta1^(n+1)))/(sqrt(V)/sqrt(1-beta2^(n+1)) + eps),  n = steps since the task began
//   at the end of a task unit_t = unit(m_t) is frozen, v_t stays
// Departure: the released code gives NaN where m is 0.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/options.h"
#include "core/tensor.h"
#include "optim/state_archive.h"

namespace gradus {

struct TagOptions {
  std::string optimizer = "rmsprop";
  double lr = 0.01, b = 5, beta1 = 0.9, eps = 1e-8;
  std::optional<double> beta2;
  int64 steps_per_epoch = 0;
  double beta2_used() const { return beta2.value_or(optimizer == "adam" ? 0.999 : 0.99); }
  void visit(auto&& f) {
    f("optimizer", optimizer, "the rule it extends", choices({"rmsprop", "adam", "adagrad"}));
    f("lr", lr, "step size", positive());
    f("b", b, "sharpness of the weights of tasks", at_least(0));
    f("beta1", beta1, "decay of the gradient mean", decay_rate());
    f("beta2", beta2, "decay of the mean of squared gradients; none: 0.99, of adam 0.999", decay_rate());
    f("eps", eps, "added to the root", at_least(0));
    f("steps_per_epoch", steps_per_epoch, "adam: its corrections begin anew after so many; 0: at each task",
      at_least(0));
  }
};

/// Moments of one tensor, a task each.
class TaskMoments {
 public:
  /// Freezes the present task's unit moment and starts another task.
  void begin_task(const Shape& shape);
  /// One step of the present task on `p`; `n`: steps before it.
  void step(Tensor& p, const Tensor& g, int64 n, const TagOptions& o);

  int64 tasks() const { return std::ssize(v_); }
  /// Of the last step: correlations with each earlier task (t), weights of all (t+1).
  const std::vector<double>& correlation() const { return correlation_; }
  const std::vector<double>& alpha() const { return alpha_; }
  const Tensor& second_moment(int64 task) const { return v_[static_cast<size_t>(task)]; }
  /// The frozen one, or the present one as it stands.
  Tensor unit_moment(int64 task) const;
  void state(const StateArchive& archive);

 private:
  std::vector<Tensor> v_, units_;
  Tensor m_;
  std::vector<double> correlation_, alpha_;
};

/// m/||m||, zeros of zeros.
Tensor unit_of(const Tensor& m);
struct TaskWeights {
  std::vector<double> correlation, alpha;
};
/// Of a moment against unit moments of earlier tasks. Throws ShapeError where sizes differ.
TaskWeights task_weights(const Tensor& moment, std::span<const Tensor> units, double b);

class TaskGradients {
 public:
  /// Updates copies of `params`, starting with task 0.
  TaskGradients(std::span<const Tensor> params, const TagOptions& options);
  void begin_task();
  /// Gradients in the order of the parameters. Throws ShapeError, NumericError for one that is not finite (nothing moves).
  void step(std::span<const Tensor> grads);
  int64 tasks() const { return tasks_; }
  const std::vector<Tensor>& params() const { return params_; }
  const TaskMoments& moments(size_t i) const { return moments_[i]; }
  void state(const StateArchive& archive);

 private:
  TagOptions o_;
  std::vector<Tensor> params_;
  std::vector<TaskMoments> moments_;
  int64 tasks_ = 0, n_ = 0;
};

}  // namespace gradus
