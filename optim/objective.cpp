#include "optim/objective.h"

#include <cmath>

#include "core/error.h"
#include "optim/elements.h"

namespace gradus {

std::span<const NeedText> need_texts() {
  static constexpr NeedText kTexts[] = {
      {&Needs::loss, "loss", "the loss value"},
      {&Needs::re_evaluation, "re-evaluation", "further loss and gradient evaluations on the same batch"},
      {&Needs::hvp, "hvp", "Hessian-vector products"},
      {&Needs::per_sample, "per-sample", "per-sample gradients"},
      {&Needs::gauss_newton, "gauss-newton", "Jacobians of the outputs"},
      {&Needs::second_batch, "second-batch", "a second independent batch"},
      {&Needs::full_gradient, "full-gradient", "the gradient over all data"},
      {&Needs::sampled_labels, "sampled-labels", "gradients with labels drawn from the model's distribution"},
  };
  return kTexts;
}

Needs Needs::operator|(const Needs& o) const {
  Needs both = *this;
  for (const NeedText& t : need_texts()) both.*t.need = this->*t.need || o.*t.need;
  return both;
}

bool Needs::beyond(const Needs& given) const {
  for (const NeedText& t : need_texts())
    if (this->*t.need && !(given.*t.need)) return true;
  return false;
}

Needs Needs::everything() {
  Needs all;
  for (const NeedText& t : need_texts()) all.*t.need = true;
  return all;
}

void require(const Needs& needs, const Needs& offers, const std::string& optimizer) {
  for (const NeedText& t : need_texts())
    if (needs.*t.need && !(offers.*t.need))
      fail<UsageError>("optimizer {} needs {}, which this training regime cannot give", optimizer, t.what);
}

void Objective::unsupported(const char* what) { fail<UsageError>("this objective cannot give {}", what); }
double Objective::loss() { unsupported("loss values at other parameters"); }
std::vector<Tensor> Objective::hvp(std::span<const Tensor>) { unsupported("Hessian-vector products"); }
std::vector<Tensor> Objective::per_sample_gradients() { unsupported("per-sample gradients"); }
GaussNewton Objective::gauss_newton() { unsupported("Jacobians of the outputs"); }
Objective& Objective::second_batch() { unsupported("a second independent batch"); }
std::vector<Tensor> Objective::full_gradient() { unsupported("the gradient over all data"); }
SampledGradient Objective::sampled_gradient(const Rng&) { unsupported("gradients with sampled labels"); }

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
