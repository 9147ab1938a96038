#include "apps/train/divided_objective.h"

#include <algorithm>
#include <cmath>

#include "apps/train/gradient_buckets.h"
#include "core/error.h"
#include "core/ordered_sum.h"
#include "nn/batch_part.h"
#include "optim/elements.h"

namespace gradus {

// What every rank learns of a part.
struct DividedObjective::Note {
  double loss = 0;
  Score score;
};

struct DividedObjective::Part {
  size_t batch = 0;
  BatchPart place;
  Batch rows;
  std::unique_ptr<ModelObjective> objective = nullptr;  // from the first evaluation on
  Note note = {};
};

namespace {

// The first example, or part, that belongs to the k-th of `of` shares of n.
int64 share_begin(int64 n, int64 k, int64 of) { return (n * k + of - 1) / of; }

std::vector<Tensor> all_buffers(Model& model) {
  std::vector<Tensor> all;
  model.visit([&](Module& m, const std::string&) {
    for (const Module::NamedBuffer& b : m.buffers()) all.push_back(b.value.detach());
  });
  return all;
}

int64 elements_of(std::span<const Tensor> tensors) {
  int64 n = 0;
  for (const Tensor& t : tensors) n += t.numel();
  return n;
}

// Copies tensors one behind the other; an undefined one is zeros of the shape of its like.
real* put(real* to, std::span<const Tensor> tensors, std::span<const Tensor> like) {
  for (size_t i = 0; i < tensors.size(); ++i, to += like[i - 1].numel())
    if (tensors[i].defined())
      std::copy_n(tensors[i].data(), tensors[i].numel(), to);
    else
      std::fill_n(to, like[i].numel(), real(0));
  return to;
}
const real* take(const real* from, std::span<Tensor> tensors) {
  for (Tensor& t : tensors) {
    std::copy_n(from, t.numel(), t.mutable_data());
    from += t.numel();
  }
  return from;
}
std::vector<Tensor> new_like(std::span<const Tensor> values) {
  std::vector<Tensor> made;
  for (const Tensor& v : values) made.emplace_back(v.shape());
  return made;
}

}  // namespace

DividedObjective::DividedObjective(Model& model, const Parameters& parameters, std::vector<Batch> batches,
                                   const LossOptions& options, const Division& division)
    : model_(model),
      parameters_(parameters),
      batches_(std::move(batches)),
      options_(options),
      division_(division),
      buffers_(all_buffers(model)) {
  const int64 world = ranks().size();
  for (size_t b = 0; b < batches_.size(); ++b) {
    const int64 n = batches_[b].size(), parts = std::min(fixed() ? division_.parts : world, n);
    examples_ += n;
    missing_.push_back(parts < world);
    for (int r = 0; r < world; ++r)
      for (int64 k = share_begin(parts, r, world); k < share_begin(parts, r + 1, world); ++k) {
        const int64 begin = share_begin(n, k, parts), size = share_begin(n, k + 1, parts) - begin;
        owners_.push_back(r), sizes_.push_back(size);
        if (r != ranks().rank()) continue;
        const bool over_all = !fixed() && division_.statistics_of_all && world > 1;
        parts_.push_back(std::make_unique<Part>(Part{
            b, {begin, size, n, over_all ? &ranks() : nullptr}, rows_of(batches_[b], begin, begin + size)}));
      }
  }
}

DividedObjective::~DividedObjective() = default;

std::vector<Tensor> DividedObjective::trained() const {
  std::vector<Tensor> values;
  for (const auto& p : parameters_)
    if (!p->frozen) values.push_back(p->value);
  return values;
}

std::vector<Tensor> DividedObjective::by_parameter(std::vector<Tensor> of_trained) const {
  std::vector<Tensor> all;
  size_t next = 0;
  for (const auto& p : parameters_) all.push_back(p->frozen ? Tensor() : std::move(of_trained[next++]));
  return all;
}

void DividedObjective::for_own_parts(const std::function<void(Part&)>& use) {
  const bool first = !std::exchange(evaluated_, true);
  auto part = parts_.begin();
  for (size_t b = 0; b < batches_.size(); ++b) {
    Rng::State begin = model_.run().rng.state();
    for (; part != parts_.end() && (*part)->batch == b; ++part) {
      if (first) model_.run().rng.set_state(begin);
      const BatchPartScope scope((*part)->place);
      if (first)
        (*part)->objective = std::make_unique<ModelObjective>(model_, parameters_,
                                                              std::vector<Batch>{(*part)->rows}, options_);
      use(**part);
    }
    if (!first || !missing_[b]) continue;
    Rng::State end = model_.run().rng.state();
    ranks().broadcast(std::span(&end, 1));  // (rank 0 always has a part)
    model_.run().rng.set_state(end);
  }
}

double DividedObjective::loss_of_all(bool first) {
  std::vector<size_t> counts(static_cast<size_t>(ranks().size()));
  for (const int owner : owners_) ++counts[static_cast<size_t>(owner)];
  std::vector<Note> own, all(owners_.size());
  for (const auto& part : parts_) own.push_back(part->note);
  ranks().all_gather(std::span<const Note>(own), std::span(all), counts);
  // By rank here, by batch and rank in owners_.
  std::vector<size_t> next(counts.size());
  for (size_t r = 1; r < next.size(); ++r) next[r] = next[r - 1] + counts[r - 1];
  double mean = 0;
  for (size_t k = 0; k < owners_.size(); ++k) {
    const Note& note = all[next[static_cast<size_t>(owners_[k])]++];
    mean += static_cast<double>(sizes_[k]) * note.loss;
    if (first) score_ += note.score;
  }
  mean /= static_cast<double>(examples_);
  if (!std::isfinite(mean)) fail<NumericError>("the loss is {}", mean);
  return mean;
}

double DividedObjective::loss() {
  const bool first = !evaluated_;
  std::vector<Tensor> start;
  for (const Tensor& b : buffers_) start.push_back(b.clone());
  const auto size = elements_of(buffers_);
  OrderedSum sum(ranks(), owners_, sizes_, first ? size : 0);
  std::vector<real> moved(static_cast<size_t>(first ? size : 0));
  for_own_parts([&](Part& part) {
    if (first)
      for (size_t i = 0; i < start.size(); ++i) buffers_[i].copy_from(start[i]);
    part.note.loss = part.objective->loss();
    part.note.score = part.objective->score();
    if (first) put(moved.data(), buffers_, buffers_);
    sum.add(moved);
  });
  const double mean = loss_of_all(first);
  if (first && size) take(sum.mean().data(), buffers_);
  return mean;
}

double DividedObjective::gradient() {
  const bool first = !evaluated_;
  const double mean = fixed() ? fixed_gradient(first) : fast_gradient(first);
  if (!first || !options_.grad_norms) return mean;
  double l1 = 0, squares = 0;
  for (const auto& p : parameters_) {
    if (!p->grad.defined()) continue;
    l1 += sum_elements(p->grad, [](real x) { return std::abs(static_cast<double>(x)); });
    squares += sum_of_squares(p->grad);
  }
  norms_ = {l1, std::sqrt(squares)};
  return mean;
}

double DividedObjective::fixed_gradient(bool first) {
  const std::vector<Tensor> values = trained();
  std::vector<Tensor> start;
  for (const Tensor& b : buffers_) start.push_back(b.clone());
  const int64 of_values = elements_of(values), size = of_values + (first ? elements_of(buffers_) : 0);
  OrderedSum sum(ranks(), owners_, sizes_, size);
  std::vector<real> own(static_cast<size_t>(size));
  for_own_parts([&](Part& part) {
    if (first)
      for (size_t i = 0; i < start.size(); ++i) buffers_[i].copy_from(start[i]);
    try {
      part.note.loss = part.objective->gradient();
    } catch (const NumericError&) {  // told to all, below
      part.note.loss = std::nan("");
      for (const auto& p : parameters_) p->grad = Tensor();
    }
    part.note.score = part.objective->score();
    std::vector<Tensor> grads;
    for (const auto& p : parameters_)
      if (!p->frozen) grads.push_back(p->grad);
    real* behind = put(own.data(), grads, values);
    if (first) put(behind, buffers_, buffers_);
    sum.add(own);
  });
  const double mean = loss_of_all(first);
  const std::vector<real> all = sum.mean();
  std::vector<Tensor> grads = new_like(values);
  const real* behind = take(all.data(), grads);
  if (first) take(behind, buffers_);
  grads = by_parameter(std::move(grads));
  for (size_t i = 0; i < grads.size(); ++i) parameters_[i]->grad = grads[i];
  return mean;
}

double DividedObjective::fast_gradient(bool first) {
  const std::vector<Tensor> values = trained();
  const int64 others = first ? elements_of(buffers_) : 0;
  GradientBuckets buckets(ranks(), values, static_cast<size_t>(others));
  // With one batch, of which every rank has a part, gradients leave when they are ready.
  const bool overlap = batches_.size() == 1 && !missing_[0];
  double mean = 0;
  bool known = false;
  for_own_parts([&](Part& part) {
    ModelObjective& objective = *part.objective;
    // (A gradient that is kept for Hessian products is that of the part's own loss.)
    const double share = static_cast<double>(part.place.size) / static_cast<double>(examples_),
                 here = options_.keep_graph ? share : 1;
    GradientFlow flow{.weight = share / here};
    flow.loss = [&](double loss) {
      part.note = {loss, objective.score()};
      // Before the pass back, so that no rank begins it where another cannot.
      if (overlap) mean = loss_of_all(first), known = true;
    };
    if (overlap) flow.ready = [&](size_t i, const Tensor& g) { buckets.add(i, g, here, true); };
    try {
      objective.gradient(flow);
    } catch (const NumericError&) {
      if (overlap) throw;  // on all ranks
      return;
    }
    if (overlap) return;
    size_t i = 0;
    for (const auto& p : parameters_)
      if (!p->frozen) buckets.add(i++, p->grad, here, false);
  });
  if (!known) mean = loss_of_all(first);
  if (others) {
    // Running statistics: the mean over the ranks, by their examples in the last batch.
    double share = 0;
    if (!parts_.empty())
      share =
          static_cast<double>(parts_.back()->place.size) / static_cast<double>(parts_.back()->place.total);
    if (!parts_.empty() && parts_.back()->batch + 1 != batches_.size()) share = 0;
    std::vector<real> own(static_cast<size_t>(others));
    put(own.data(), buffers_, buffers_);
    for (size_t i = 0; i < own.size(); ++i) buckets.others()[i] = static_cast<real>(share) * own[i];
  }
  std::vector<Tensor> grads = by_parameter(buckets.finish());
  if (others) take(buckets.others().data(), buffers_);
  for (size_t i = 0; i < grads.size(); ++i) parameters_[i]->grad = grads[i];
  return mean;
}

std::vector<Tensor> DividedObjective::hvp(std::span<const Tensor> v) {
  if (!evaluated_) loss();
  const std::vector<Tensor> values = trained();
  const int64 size = elements_of(values);
  const auto products = [&](Part& part) {
    std::vector<Tensor> of_trained;
    const std::vector<Tensor> all = part.objective->hvp(v);
    for (size_t i = 0; i < all.size(); ++i)
      if (!parameters_[i]->frozen) of_trained.push_back(all[i]);
    return of_trained;
  };
  if (fixed()) {
    OrderedSum sum(ranks(), owners_, sizes_, size);
    std::vector<real> own(static_cast<size_t>(size));
    for_own_parts([&](Part& part) {
      put(own.data(), products(part), values);
      sum.add(own);
    });
    std::vector<Tensor> product = new_like(values);
    take(sum.mean().data(), product);
    return by_parameter(std::move(product));
  }
  GradientBuckets buckets(ranks(), values);
  for_own_parts([&](Part& part) {
    const std::vector<Tensor> own = products(part);
    const double weight = static_cast<double>(part.place.size) / static_cast<double>(examples_);
    for (size_t i = 0; i < own.size(); ++i) buckets.add(i, own[i], weight, false);
  });
  return by_parameter(buckets.finish());
}

}  // namespace gradus
