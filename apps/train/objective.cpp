#include "apps/train/objective.h"

#include <cmath>
#include <optional>

#include "autograd/functional/functional.h"
#include "autograd/functional/output_gram.h"
#include "autograd/functional/per_sample.h"
#include "autograd/grad_ready.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"
#include "nn/modes.h"
#include "optim/elements.h"

namespace gradus {
namespace {

// sum += weight*x; an undefined sum is zero.
void add_scaled(Tensor& sum, double weight, const Tensor& x) {
  if (!sum.defined()) sum = Tensor::zeros(x.shape());
  for_each_element(sum, x, [w = static_cast<real>(weight)](real& s, real y) { s += w * y; });
}

}  // namespace

ModelObjective::ModelObjective(Model& model, const Parameters& parameters, std::vector<Batch> batches,
                               const LossOptions& options, BatchSources sources)
    : model_(model),
      parameters_(parameters),
      batches_(std::move(batches)),
      options_(options),
      sources_(std::move(sources)),
      rng_(model.run().rng.state()) {
  for (const Batch& b : batches_) examples_ += b.size();
}

Needs ModelObjective::offers(const Model& model, bool several_batches, const BatchSources& sources,
                             const GradientMethod* method, bool selecting) {
  if (selecting) return {.loss = true, .re_evaluation = true, .hvp = true};
  if (method) return {.loss = true, .re_evaluation = method->repeatable()};
  const Task task = model.task();
  return {.loss = true,
          .re_evaluation = true,
          .hvp = true,
          .per_sample = true,
          .gauss_newton = task != Task::kLanguageModel && !several_batches,
          .second_batch = sources.second != nullptr,
          .full_gradient = sources.all != nullptr,
          .sampled_labels =
              task == Task::kClassification || task == Task::kLanguageModel || task == Task::kRegression};
}

Tensor ModelObjective::selected_loss_of(const Tensor& output) const {
  if (!share_.defined()) return loss_of(model_.task(), output, batches_[0], options_.classes);
  return sum(share_ * losses_of(model_.task(), output, batches_[0], options_.classes));
}

Selected ModelObjective::select() {
  const Batch& batch = batches_[0];
  const ModeScope training(model_, true);
  const Recording recording(true);
  const Tensor output = model_(input_of(batch));
  evaluated_ = true;
  const Tensor each = [&] {
    const Recording off(false);
    return losses_of(model_.task(), output, batch, options_.classes);
  }();
  const std::vector<double> losses(each.span().begin(), each.span().end());
  double whole = 0;
  for (const double l : losses) whole += l / static_cast<double>(losses.size());
  if (!std::isfinite(whole)) fail<NumericError>("the loss is {}", whole);
  score_ += score_of(model_.task(), output, batch, whole);
  Selected chosen =
      options_.selector->select({losses, batch.index.span(), options_.epoch, options_.training_examples});
  const int64 count = chosen.count();
  if (count == 0) return chosen;
  if (count < batch.size()) {
    share_ = Tensor({batch.size()});
    for (size_t i = 0; i < chosen.keep.size(); ++i)
      share_.mutable_data()[i] = static_cast<real>(chosen.keep[i] / static_cast<double>(count));
  }
  const std::vector<Tensor> values = trained();
  pending_.emplace(Recorded{values, {selected_loss_of(output)}, {}});
  for (const Tensor& x : values) pending_->versions.push_back(x.storage()->version());
  return chosen;
}

Tensor ModelObjective::selected_loss(bool record) {
  if (pending_ && unchanged(*pending_)) {
    const Tensor loss = pending_->grads[0];
    if (record) pending_.reset();
    return loss;
  }
  const ModeScope training(model_, true);
  const Recording recording(record);
  const Reevaluation again(model_, rng_);
  return selected_loss_of(model_(input_of(batches_[0])));
}

void ModelObjective::evaluate(bool record, const std::function<void(const Tensor&, double)>& use) {
  if (options_.selector) {
    const Tensor loss = selected_loss(record);
    const ModeScope training(model_, true);
    const Recording recording(record);
    return use(loss, 1);
  }
  const ModeScope training(model_, true);
  const Recording recording(record);
  std::optional<Reevaluation> again;
  const bool first = !std::exchange(evaluated_, true);
  if (!first) again.emplace(model_, rng_);
  for (const Batch& batch : batches_) {
    const Tensor output = model_(input_of(batch));
    const Tensor loss = loss_of(model_.task(), output, batch, options_.classes);
    if (first) score_ += score_of(model_.task(), output, batch, loss.item());
    use(loss, static_cast<double>(batch.size()) / static_cast<double>(examples_));
  }
}

std::vector<Tensor> ModelObjective::trained() const {
  std::vector<Tensor> values;
  for (const auto& p : parameters_)
    if (!p->frozen) values.push_back(p->value);
  return values;
}

double ModelObjective::loss() {
  double mean = 0;
  evaluate(false, [&](const Tensor& loss, double weight) { mean += weight * loss.item(); });
  return mean;
}

double ModelObjective::gradient(const GradientFlow& flow) {
  const std::vector<Tensor> values = trained();
  std::vector<Tensor> sums(values.size());
  double mean = 0;
  const bool first = !evaluated_ || pending_, note_norms = options_.grad_norms && first,
             keep = options_.keep_graph && first && batches_.size() == 1;
  kept_.reset();
  if (options_.method) mean = estimated_gradient(sums);
  const auto by_reverse_mode = [&](const Tensor& loss, double weight) {
    const double value = loss.item();
    if (flow.loss) flow.loss(value);
    if (!std::isfinite(value)) fail<NumericError>("the loss is {}", value);
    mean += weight * value;
    std::vector<Tensor> grads =
        grad_as_ready(loss, values, flow.weight, {.create_graph = keep, .allow_unused = true}, flow.ready);
    if (keep) {
      kept_.emplace(Recorded{values, grads, {}});
      for (const Tensor& x : values) kept_->versions.push_back(x.storage()->version());
    }
    for (size_t i = 0; i < grads.size(); ++i) {
      if (!grads[i].defined()) continue;
      if (batches_.size() == 1) {
        sums[i] = grads[i].detach();
        continue;
      }
      add_scaled(sums[i], weight, grads[i]);
    }
  };
  if (!options_.method) evaluate(true, by_reverse_mode);
  if (note_norms) {
    double l1 = 0, squares = 0;
    for (const Tensor& g : sums) {
      if (!g.defined()) continue;
      l1 += sum_elements(g, [](real x) { return std::abs(static_cast<double>(x)); });
      squares += sum_of_squares(g);
    }
    norms_ = {l1, std::sqrt(squares)};
  }
  const std::vector<Tensor> all = by_parameter(sums);
  for (size_t i = 0; i < all.size(); ++i) parameters_[i]->grad = all[i];
  return mean;
}

double ModelObjective::estimated_gradient(std::vector<Tensor>& sums) {
  const ModeScope training(model_, true);
  const Recording off(false);
  const bool first = !std::exchange(evaluated_, true);
  Parameters trained;
  for (const auto& p : parameters_)
    if (!p->frozen) trained.push_back(p);
  double mean = 0;
  for (size_t b = 0; b < batches_.size(); ++b) {
    const Batch& batch = batches_[b];
    if (batch_rng_.size() == b) batch_rng_.push_back(model_.run().rng.state());
    bool plain = first;  // the one pass that draws masks and moves statistics
    const GradientTask task{
        .model = model_,
        .trained = trained,
        .output =
            [&] {
              if (std::exchange(plain, false)) return model_(input_of(batch));
              const Reevaluation again(model_, batch_rng_[b]);
              return model_(input_of(batch));
            },
        .loss = [&](const Tensor& output) { return loss_of(model_.task(), output, batch, options_.classes); },
        .losses =
            [&](const Tensor& output) { return losses_of(model_.task(), output, batch, options_.classes); },
        .samples = batch.size(),
        .labels = batch.y.defined() ? &batch.y : nullptr,
        .draws = options_.draws.fork(b)};
    const GradientEstimate at = options_.method->estimate(task);
    if (!std::isfinite(at.loss)) fail<NumericError>("the loss is {}", at.loss);
    if (first) score_ += score_of(model_.task(), at.output, batch, at.loss);
    const double weight = static_cast<double>(batch.size()) / static_cast<double>(examples_);
    mean += weight * at.loss;
    for (size_t i = 0; i < sums.size(); ++i)
      if (at.grads[i].defined()) add_scaled(sums[i], weight, at.grads[i]);
  }
  return mean;
}

std::vector<Tensor> ModelObjective::by_parameter(const std::vector<Tensor>& of_trained) const {
  std::vector<Tensor> all;
  size_t next = 0;
  for (const auto& p : parameters_) all.push_back(p->frozen ? Tensor() : of_trained[next++]);
  return all;
}

void ModelObjective::add_gradients(const Tensor& loss, std::span<const Tensor> values, double weight,
                                   std::vector<Tensor>& sums) {
  if (!std::isfinite(loss.item())) fail<NumericError>("the loss is {}", loss.item());
  const std::vector<Tensor> grads = grad(loss, values, {.allow_unused = true});
  for (size_t i = 0; i < grads.size(); ++i)
    if (grads[i].defined()) add_scaled(sums[i], weight, grads[i]);
}

std::vector<Tensor> ModelObjective::full_gradient() {
  if (!sources_.all) unsupported("the gradient over all data");
  const std::vector<Tensor> values = trained();
  std::vector<Tensor> sums(values.size());
  int64 examples = 0;
  const ModeScope training(model_, true);
  const Recording recording(true);
  const Reevaluation again(model_, rng_);
  sources_.all([&](const Batch& batch) {
    const Tensor loss = loss_of(model_.task(), model_(input_of(batch)), batch, options_.classes);
    add_gradients(loss, values, static_cast<double>(batch.size()), sums);
    examples += batch.size();
  });
  for (Tensor& s : sums)
    if (s.defined())
      for_each_element(s, [c = static_cast<real>(1 / static_cast<double>(examples))](real& x) { x *= c; });
  return by_parameter(sums);
}

SampledGradient ModelObjective::sampled_gradient(const Rng& rng) {
  if (!offers().sampled_labels) unsupported("gradients with labels drawn from the model's distribution");
  if (options_.classes.own) fail<UsageError>("--loss: labels are drawn for the task's own loss alone");
  const std::vector<Tensor> values = trained();
  std::vector<Tensor> sums(values.size());
  SampledGradient out;
  const ModeScope training(model_, true);
  const Recording recording(true);
  const Reevaluation again(model_, rng_);
  for (size_t i = 0; i < batches_.size(); ++i) {
    const Tensor output = model_(input_of(batches_[i]));
    const Batch sampled = with_sampled_labels(model_.task(), output, batches_[i], rng.fork(i));
    add_gradients(loss_of(model_.task(), output, sampled), values,
                  static_cast<double>(sampled.size()) / static_cast<double>(examples_), sums);
    out.labels += label_count(sampled);
  }
  out.gradient = by_parameter(sums);
  return out;
}

const ModelObjective::Recorded* ModelObjective::kept() const {
  if (!kept_) return nullptr;
  return unchanged(*kept_) ? &*kept_ : nullptr;
}

bool ModelObjective::unchanged(const Recorded& at) const {
  const std::vector<Tensor> now = trained();
  bool same = now.size() == at.values.size();
  for (size_t i = 0; same && i < now.size(); ++i)
    same = node_of(now[i]) == node_of(at.values[i]) && now[i].storage() == at.values[i].storage() &&
           now[i].storage()->version() == at.versions[i];
  return same;
}

void ModelObjective::add_product(const Recorded& at, std::span<const Tensor> v, double weight,
                                 std::vector<Tensor>& product) const {
  std::vector<Tensor> ys, cotangents;
  size_t next = 0;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (parameters_[i]->frozen) continue;
    const Tensor& g = at.grads[next++];
    if (!g.defined() || !requires_grad(g) || !v[i].defined()) continue;
    ys.push_back(g);
    cotangents.push_back(v[i].detach());
  }
  std::vector<Tensor> h(at.values.size());
  if (!ys.empty()) h = grad(ys, at.values, cotangents, {.retain_graph = true, .allow_unused = true});
  next = 0;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (parameters_[i]->frozen) continue;
    Tensor& hi = h[next++];
    if (!hi.defined()) hi = Tensor::zeros(parameters_[i]->value.shape());
    if (batches_.size() == 1) {
      product[i] = hi.storage()->ref_count() == 1 ? hi.detach() : hi.clone();  // the caller's own
      continue;
    }
    add_scaled(product[i], weight, hi);
  }
}

std::vector<Tensor> ModelObjective::hvp(std::span<const Tensor> v) {
  std::vector<Tensor> product(parameters_.size());
  if (const Recorded* at = kept()) {
    add_product(*at, v, 1, product);
    return product;
  }
  const std::vector<Tensor> values = trained();
  evaluate(true, [&](const Tensor& loss, double weight) {
    add_product({values, grad(loss, values, {.create_graph = true, .allow_unused = true}), {}}, v, weight,
                product);
  });
  return product;
}

std::vector<Tensor> ModelObjective::per_sample_gradients() {
  const std::vector<Tensor> values = trained();
  const ModeScope training(model_, true);
  std::vector<Tensor> all(parameters_.size());
  int64 done = 0;
  for (const Batch& batch : batches_) {
    const SampleLosses losses = [&](int64 begin, int64 end) {
      const Reevaluation again(model_, rng_);
      const Batch part = rows_of(batch, begin, end);
      return losses_of(model_.task(), model_(input_of(part)), part, options_.classes);
    };
    const PerSampleGrads found = gradus::per_sample_gradients(losses, values, batch.size());
    size_t next = 0;
    for (size_t i = 0; i < parameters_.size(); ++i) {
      if (parameters_[i]->frozen) continue;
      const Tensor& rows = found.grads[next++];
      if (batches_.size() == 1) {
        all[i] = rows;
        continue;
      }
      if (!all[i].defined()) {
        std::vector<int64> dims(rows.shape().begin(), rows.shape().end());
        dims[0] = examples_;
        all[i] = Tensor(Shape(dims));
      }
      std::copy_n(rows.data(), rows.numel(), all[i].mutable_data() + done * parameters_[i]->value.numel());
    }
    done += batch.size();
  }
  return all;
}

GradientSpread ModelObjective::spread(bool directions) {
  const std::vector<Tensor> values = trained();
  const ModeScope training(model_, true);
  double norms = 0, square = 0;
  std::vector<Tensor> direction;
  for (const auto& p : parameters_) {
    if (p->frozen) continue;
    direction.push_back(p->grad.defined() ? p->grad : Tensor::zeros(p->value.shape()));
    square += sum_of_squares(direction.back());
  }
  std::vector<double> c;
  for (const Batch& batch : batches_) {
    const PerSampleNorms found = per_sample_squared_norms(
        [&](int64 begin, int64 end) {
          const Reevaluation again(model_, rng_);
          const Batch part = rows_of(batch, begin, end);
          return losses_of(model_.task(), model_(input_of(part)), part, options_.classes);
        },
        values, batch.size());
    for (const Tensor& of_parameter : found.squared)
      norms += sum_elements(of_parameter, [](real x) { return static_cast<double>(x); });
    if (!directions) {
      c.resize(c.size() + static_cast<size_t>(batch.size()));
      continue;
    }
    const Function losses = [&](std::span<const Tensor> xs) {
      const Reevaluation again(model_, rng_);
      std::vector<Tensor> all;
      size_t next = 0;
      for (const auto& p : parameters_) all.push_back(p->frozen ? Tensor() : xs[next++]);
      return losses_of(model_.task(), functional_call(model_, all, input_of(batch)), batch, options_.classes);
    };
    const Tensor along = jvp(losses, values, direction).tangent;
    for (const real x : along.span()) c.push_back(static_cast<double>(x));
  }
  return gradient_spread(norms, square, c);
}

GaussNewton ModelObjective::gauss_newton() {
  if (!offers().gauss_newton) unsupported("Jacobians of the outputs of tokens or of several batches");
  const ModeScope training(model_, true);
  const Batch& batch = batches_[0];
  const std::vector<Tensor> values = trained();
  Tensor output;
  {
    const Recording on(true);
    const Reevaluation again(model_, rng_);
    output = model_(input_of(batch));
  }
  const OutputCurvature at = output_curvature(model_.task(), output, batch, options_.classes);
  GaussNewton result{Tensor(), at.slope, at.curvature};
  result.root = at.root;
  result.root_gram = [=] { return output_gram(output, values, at.root); };
  result.gram = [=] {
    const int64 n = output.dim(0), c = output.dim(1);
    Tensor unit = Tensor::zeros({n, c, c});
    for (int64 i = 0; i < n * c; ++i) unit.mutable_data()[i * c + i % c] = 1;
    return output_gram(output, values, unit);
  };
  result.transposed_times = [=](const Tensor& x) {
    const Tensor cotangent = x.view(output.shape());
    const std::vector<Tensor> parts =
        grad({&output, 1}, values, {&cotangent, 1}, {.retain_graph = true, .allow_unused = true});
    int64 size = 0;
    for (const Tensor& v : values) size += v.numel();
    Tensor flat({size});
    real* to = flat.mutable_data();
    for (size_t i = 0; i < values.size(); to += values[i].numel(), ++i) {
      if (parts[i].defined())
        std::copy_n(parts[i].data(), parts[i].numel(), to);
      else
        std::fill_n(to, values[i].numel(), real(0));
    }
    return flat;
  };
  result.times = [this, values, &batch](const Tensor& p) {
    const ModeScope mode(model_, true);
    std::vector<Tensor> tangents;
    int64 from = 0;
    for (const Tensor& v : values) {
      tangents.push_back(p.view(Shape{p.numel()}).rows(from, from + v.numel()).view(v.shape()));
      from += v.numel();
    }
    const Function outputs = [&](std::span<const Tensor> xs) {
      const Reevaluation again(model_, rng_);
      std::vector<Tensor> all;
      size_t next = 0;
      for (const auto& q : parameters_) all.push_back(q->frozen ? Tensor() : xs[next++]);
      return functional_call(model_, all, input_of(batch));
    };
    const Tensor tangent = jvp(outputs, values, tangents).tangent;
    return tangent.view(Shape{tangent.numel()});
  };
  return result;
}

Objective& ModelObjective::second_batch() {
  if (!sources_.second) unsupported("a second independent batch");
  if (!second_) {
    std::vector<Batch> batches;
    batches.push_back(sources_.second());
    second_ = std::make_unique<ModelObjective>(model_, parameters_, std::move(batches), options_);
  }
  return *second_;
}

}  // namespace gradus
