#include "optim/objective.h"

#include <cmath>

#include "core/error.h"
#include "optim/elements.h"

namespace gradus {

Needs Needs::operator|(const Needs& o) const {
  return {loss || o.loss,
          re_evaluation || o.re_evaluation,
          hvp || o.hvp,
          per_sample || o.per_sample,
          gauss_newton || o.gauss_newton,
          second_batch || o.second_batch};
}

void require(const Needs& needs, const Needs& offers, const std::string& optimizer) {
  const auto check = [&](bool Needs::*need, const char* what) {
    if (needs.*need && !(offers.*need))
      fail<UsageError>("optimizer {} needs {}, which this training regime cannot give", optimizer, what);
  };
  check(&Needs::loss, "the loss value");
  check(&Needs::re_evaluation, "further loss and gradient evaluations on the same batch");
  check(&Needs::hvp, "Hessian-vector products");
  check(&Needs::per_sample, "per-sample gradients");
  check(&Needs::gauss_newton, "Jacobians of the outputs");
  check(&Needs::second_batch, "a second independent batch");
}

void Objective::unsupported(const char* what) { fail<UsageError>("this objective cannot give {}", what); }
double Objective::loss() { unsupported("loss values at other parameters"); }
std::vector<Tensor> Objective::hvp(std::span<const Tensor>) { unsupported("Hessian-vector products"); }
std::vector<Tensor> Objective::per_sample_gradients() { unsupported("per-sample gradients"); }
GaussNewton Objective::gauss_newton() { unsupported("Jacobians of the outputs"); }
Objective& Objective::second_batch() { unsupported("a second independent batch"); }

GivenGradients::GivenGradients(const Parameters& parameters, double loss)
    : parameters_(parameters), loss_(loss) {}

Snapshot::Snapshot(const Parameters& parameters) : parameters_(parameters) {
  for (const auto& p : parameters) values_.push_back(p->value.clone());
}
void Snapshot::restore() const {
  for (size_t i = 0; i < values_.size(); ++i) parameters_[i]->value.copy_from(values_[i]);
}

void check_gradients(const Parameters& parameters, const std::string& optimizer) {
  for (const auto& p : parameters) {
    if (p->frozen || !p->grad.defined()) continue;
    if (!(p->grad.shape() == p->value.shape()))
      fail<ShapeError>("optimizer {}: the gradient of '{}' has shape {}, the parameter {}", optimizer,
                       p->name, p->grad.shape().str(), p->value.shape().str());
    if (!all_finite(p->grad))
      fail<NumericError>("optimizer {}: the gradient of '{}' is not finite; nothing was changed", optimizer,
                         p->name);
  }
}

}  // namespace gradus
