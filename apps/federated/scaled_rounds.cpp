#include "apps/federated/scaled_rounds.h"

#include "core/error.h"
#include "optim/elements.h"

namespace gradus {

Tensor hutchinson_diagonal(FederatedProblem& problem, ScalingStatistics& statistics, int64 index) {
  const Tensor u = statistics.direction(index);
  std::vector<Tensor> products;
  for (int64 c = 0; c < problem.clients(); ++c)
    if (Objective* batch = statistics.batch(index, c))
      products.push_back(flat_hessian_product(problem.parameters(), *batch, u));
  if (products.empty()) return {};
  WeightedSum mean(u.numel());
  for (const Tensor& product : products) mean.add(1.0 / static_cast<double>(products.size()), product);
  Tensor h = mean.result();
  for_each_element(h, u, [](real& value, real sign) { value *= sign; });
  return h;
}

ScaledRounds::ScaledRounds(FederatedProblem& problem, ScalingStatistics& statistics,
                           const ScaledLocalOptions& options)
    : problem_(problem), statistics_(statistics), o_(options), point_(read_point(problem)) {
  check_scaling(o_);
  for (int64 c = 0; c < problem.clients(); ++c)
    if (problem.examples(c) > 0) clients_.push_back({c, {}});
  if (!o_.identity()) scaling_.assign(o_.d_scope == "local" ? clients_.size() : 1, DiagonalScaling(o_));
  measure();
}

// h_0 always comes from batches; so does h of Hessians.
void ScaledRounds::measure() {
  const int64 index = measured_++;
  if (scaling_.empty()) return;
  const bool last = o_.h_source == "last" && index > 0, local = o_.d_scope == "local";
  if (o_.by_hessian() && !local) {
    if (const Tensor h = hutchinson_diagonal(problem_, statistics_, index); h.defined())
      scaling_[0].update(h);
    return;
  }
  std::vector<Tensor> all;
  for (size_t i = 0; i < clients_.size(); ++i) {
    Tensor h;
    if (last) {
      h = clients_[i].last_gradient;
    } else if (Objective* batch = statistics_.batch(index, clients_[i].id)) {
      if (o_.by_hessian()) {
        const Tensor u = statistics_.direction(index);
        h = flat_hessian_product(problem_.parameters(), *batch, u);
        for_each_element(h, u, [](real& value, real sign) { value *= sign; });
      } else {
        h = flat_gradient(problem_.parameters(), *batch);
      }
    }
    if (local && !h.defined() && index == 0) h = Tensor::zeros(point_.x.shape());  // D from alpha alone
    if (!h.defined()) continue;
    if (local)
      scaling_[i].update(h);
    else
      all.push_back(h);
  }
  if (local || all.empty()) return;
  WeightedSum mean(point_.x.numel());
  for (const Tensor& h : all) mean.add(1.0 / static_cast<double>(all.size()), h);
  scaling_[0].update(mean.result());
}

void ScaledRounds::round() {
  const std::vector<double> weights(clients_.size(),
                                    1.0 / static_cast<double>(std::max<size_t>(1, clients_.size())));
  WeightedSum mean(point_.x.numel());
  for (size_t i = 0; i < clients_.size(); ++i) {
    Client& client = clients_[i];
    client.last_gradient = Tensor();
    write_point(problem_, point_);
    Tensor divisor;
    if (!scaling_.empty()) {
      const DiagonalScaling& scaling = scaling_[scaling_.size() == 1 ? 0 : i];
      if (scaling.d().defined()) divisor = scaling.floored();
    }
    const std::unique_ptr<LocalBatches> batches = problem_.batches(rounds_, client.id);
    client.last_gradient =
        scaled_local_steps(problem_.parameters(), *batches, divisor, o_.lr, o_.momentum).last_gradient;
    mean.add(weights[i], displacement(read_point(problem_).x, point_.x));
  }
  ++rounds_;
  if (!clients_.empty()) displace(point_.x, mean.result());
  write_point(problem_, point_);
  measure();
}

std::vector<Tensor> ScaledRounds::scalings() const {
  std::vector<Tensor> all;
  for (const DiagonalScaling& s : scaling_) all.push_back(s.d());
  return all;
}

}  // namespace gradus
