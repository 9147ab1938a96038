#include "apps/finetune/elastic_training.h"

#include <algorithm>

#include "core/error.h"

namespace gradus {
namespace {

const Parameter& parameter_of(const ParamSlot& slot) { return *slot.parameter(); }

}  // namespace

ElasticTraining::ElasticTraining(Module& model, const ElasticOptions& options,
                                 std::function<OptimizerPtr()> make, const Rng& rng)
    : o_(options), make_(std::move(make)), optimizer_(make_()), rng_(rng) {
  for (const AdaptedLayer& l : adapted_layers(model))
    if (auto* adapter = dynamic_cast<ElaloraAdapter*>(l.adapter())) {
      adapters_.push_back(adapter);
      factors_.emplace_back(parameter_of(adapter->A).value.detach(), parameter_of(adapter->E).value.detach(),
                            parameter_of(adapter->B).value.detach());
    }
  if (adapters_.empty()) fail<UsageError>("elastic training: the model has no adapter of kind elalora");
}

double ElasticTraining::step(const std::function<double(const Penalty&)>& gradient, double lr_scale) {
  const double loss = gradient([&](const Batch&, const Tensor&) {
    std::vector<Tensor> A, B;
    for (const ElaloraAdapter* a : adapters_) {
      A.push_back(a->A.value());
      B.push_back(a->B.value());
    }
    return orthogonality_penalty(A, B, o_.reg_orth_coef);
  });
  optimizer_->step(lr_scale, loss);
  if (step_ < o_.schedule.total_steps - o_.schedule.final_warmup) update_importance();
  if (o_.schedule.reallocate(step_)) reallocate();
  ++step_;
  return loss;
}

void ElasticTraining::update_importance() {
  for (size_t j = 0; j < adapters_.size(); ++j) {
    ElasticFactors& f = factors_[j];
    const auto update = [&](const ParamSlot& slot, Tensor& copy, Importance& importance) {
      const Parameter& p = parameter_of(slot);
      copy = p.value.detach();
      importance.update(copy, p.grad, o_.beta1, o_.beta2);
    };
    update(adapters_[j]->A, f.A, f.of_A);
    update(adapters_[j]->E, f.E, f.of_E);
    update(adapters_[j]->B, f.B, f.of_B);
  }
}

void ElasticTraining::reallocate() {
  std::vector<std::vector<double>> scores;
  for (const ElasticFactors& f : factors_) scores.push_back(f.scores());
  ComponentMoves moves = select_components(scores, o_.k, o_.schedule.moves(step_));
  Rng rng = rng_.fork(static_cast<std::uint64_t>(step_));
  if (o_.random_targets) {
    for (int64& j : moves.expanded) j = rng.below(static_cast<int64>(factors_.size()));
    std::sort(moves.expanded.begin(), moves.expanded.end());
  }
  const std::vector<int64> before = ranks();
  const std::vector<ComponentMap> maps = component_maps(before, moves);
  move_components(factors_, moves, [&](size_t j) {
    return std::pair{rng.normal_tensor({factors_[j].A.dim(1)}), rng.normal_tensor({factors_[j].B.dim(0)})};
  });
  std::vector<MovedFactor> moved;
  for (size_t j = 0; j < factors_.size(); ++j) {
    if (std::ssize(maps[j].kept) == before[j] && maps[j].added == 0) continue;
    ElaloraAdapter& a = *adapters_[j];
    for (const auto& [slot, axis] : {std::pair{&a.A, 0}, {&a.E, 0}, {&a.B, 1}})
      moved.push_back({slot->parameter()->name, slot->shape(), axis, &maps[j]});
    a.replace(factors_[j]);
  }
  remake_optimizer(moved);
}

void ElasticTraining::remake_optimizer(const std::vector<MovedFactor>& moved) {
  SavedState saved = optimizer_->save_state();
  for (const MovedFactor& f : moved) {
    const auto of_factor = [&](const auto& entry) {
      const size_t at = entry.first.find(f.name + "/");  // behind "inner/" where there is a wrapper
      return at != std::string::npos && (at == 0 || entry.first[at - 1] == '/');
    };
    const bool carried =
        o_.carry_state && std::all_of(saved.tensors.begin(), saved.tensors.end(),
                                      [&](auto& e) { return !of_factor(e) || e.second.shape() == f.before; });
    if (carried) {
      for (auto& entry : saved.tensors)
        if (of_factor(entry)) entry.second = carried_along(entry.second, f.axis, *f.map);
    } else {
      std::erase_if(saved.tensors, of_factor);
      std::erase_if(saved.scalars, of_factor);
    }
  }
  optimizer_ = make_();
  optimizer_->load_state(saved);
}

std::vector<int64> ElasticTraining::ranks() const {
  std::vector<int64> ranks;
  for (const ElasticFactors& f : factors_) ranks.push_back(f.rank());
  return ranks;
}

}  // namespace gradus
