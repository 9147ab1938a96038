#include "optim/wrappers/direction.h"

#include "core/error.h"
#include "optim/elements.h"

namespace gradus {

void Direction::apply() {
  Tensor value = row->parameter->value.detach();
  const Tensor &from = before, &move = step;
  for_each_element(value, from, move, [k = keep](real& w, real b, real s) { w = k * b - s; });
}

std::vector<Tensor> weights_of(std::deque<ParamRow>& rows) {
  std::vector<Tensor> out;
  for (ParamRow& row : rows) out.push_back(row.parameter->frozen ? Tensor() : row.parameter->value.clone());
  return out;
}

std::vector<Direction> directions(std::deque<ParamRow>& rows, const std::vector<Tensor>& before,
                                  const Optimizer& inner, double lr_scale) {
  std::vector<Direction> out;
  for (size_t i = 0; i < rows.size(); ++i) {
    ParamRow& row = rows[i];
    if (!row.active()) continue;
    const Parameter& p = *row.parameter;
    const double lr = inner.option(p, "lr").value_or(1) * lr_scale;
    const Tensor& from = before[i];
    Direction d{&row, from, from.clone(), static_cast<real>(inner.kept_by_decay(p, lr_scale)), lr};
    for_each_element(d.step, p.value, [k = d.keep](real& s, real w) { s = k * s - w; });
    out.push_back(std::move(d));
  }
  return out;
}

void check_gradients_suffice(const Optimizer& inner, const std::string& wrapper) {
  if (inner.needs().beyond({.loss = true}))
    fail<UsageError>("optimizer {}({}): {} asks for more than gradients of its batch, which {} cannot give",
                     wrapper, inner.name(), inner.name(), wrapper);
}

}  // namespace gradus
