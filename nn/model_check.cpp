#include "nn/model_check.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "autograd/grad.h"
#include "nn/modes.h"

namespace gradus {
namespace {

// Below this error a smaller step is not tried.
constexpr double kAgreement = 1e-6;
// Derivatives below this count as this: those that are exactly 0 (a bias before batch norm) come out as
// rounding.
constexpr double kFloor = 1e-4;
// Taken for the size of values that are all zero.
constexpr double kZeroSize = 0.3;

IntTensor random_ids(const Shape& shape, int64 count, Rng& rng) {
  IntTensor ids(shape);
  for (int64 i = 0; i < ids.numel(); ++i) ids.mutable_data()[i] = rng.below(count);
  return ids;
}

double dot(const Tensor& a, const Tensor& b) {
  double s = 0;
  for (int64 i = 0; i < a.numel(); ++i)
    s += static_cast<double>(a.data()[i]) * static_cast<double>(b.data()[i]);
  return s;
}

// Root mean square of the values.
double size_of(const Tensor& t) {
  const double squares = dot(t, t);
  return squares > 0 ? std::sqrt(squares / static_cast<double>(t.numel())) : kZeroSize;
}

// Moves the values by noise in proportion to their own size, so that activations keep theirs and nothing saturates.
void shake(Tensor value, double scale, Rng& rng) {
  const Tensor noise = rng.normal_tensor(value.shape(), 0, static_cast<real>(scale * size_of(value)));
  for (int64 i = 0; i < value.numel(); ++i) value.mutable_data()[i] += noise.data()[i];
}

// The parameters' values, put back at the end.
class SavedValues {
 public:
  explicit SavedValues(const Parameters& parameters) : parameters_(parameters) {
    for (const ParameterPtr& p : parameters) values_.push_back(p->value.clone());
  }
  ~SavedValues() {
    for (size_t i = 0; i < values_.size(); ++i) parameters_[i]->value.copy_from(values_[i]);
  }
  SavedValues(const SavedValues&) = delete;
  SavedValues& operator=(const SavedValues&) = delete;

 private:
  Parameters parameters_;
  std::vector<Tensor> values_;
};

}  // namespace

TaskBatch random_batch(Model& model, int64 n, Rng& rng) {
  const Input example = model.example(n);
  const DataShape& data = model.data();
  if (example.is_tokens())
    return {random_ids(example.shape(), data.vocabulary, rng),
            {random_ids(example.shape(), data.vocabulary, rng), {}}};
  const Tensor x = rng.normal_tensor(example.shape());
  switch (model.task()) {
    case Task::kDenoising: {
      Input clean = x;
      if (data.classes) clean.classes = random_ids({n}, data.classes, rng);
      TaskBatch noised = add_noise(clean, rng);
      return {noised.input, noised.target};
    }
    case Task::kRegression:
      return {x, {{}, rng.normal_tensor({n, data.targets})}};
    default:
      return {x, {data.classes ? random_ids({n}, data.classes, rng) : IntTensor(), {}}};
  }
}

ModelCheck check_model(Model& model, const Rng& rng, int64 batch_size, double step, double scale) {
  const SavedValues saved(model.parameters());
  const ModeScope training(model, true);
  Rng draw = rng.fork("values"), direction = rng.fork("directions"), data = rng.fork("data");
  const Parameters parameters = model.trainable();
  std::vector<Tensor> leaves;
  for (const ParameterPtr& p : parameters) {
    shake(p->value.detach(), scale, draw);
    leaves.push_back(p->value);
  }
  const TaskBatch batch = random_batch(model, batch_size, data);
  const Rng::State masks = model.run().rng.state();
  const auto loss = [&] {
    const Reevaluation same(model, masks);
    return task_loss(model.task(), model(batch.input), batch.input, batch.target);
  };
  const std::vector<Tensor> gradients = grad(loss(), leaves);

  const Recording off(false);
  ModelCheck worst;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& p = *parameters[i];
    const Tensor centre = p.value.clone(),
                 u = direction.normal_tensor(centre.shape(), 0, static_cast<real>(size_of(centre)));
    const auto at = [&](double distance) {
      Tensor moved = p.value.detach();
      real* w = moved.mutable_data();
      for (int64 j = 0; j < centre.numel(); ++j)
        w[j] = centre.data()[j] + static_cast<real>(distance) * u.data()[j];
      return static_cast<double>(loss().item());
    };
    const double analytic = dot(gradients[i], u);
    const double size = std::sqrt(dot(gradients[i], gradients[i]) * dot(u, u));
    ModelCheck best{p.name, std::numeric_limits<double>::infinity(), analytic, 0};
    for (const double h : {step, 10 * step, 100 * step, step / 10, step / 100}) {
      const double numeric = (at(h) - at(-h)) / (2 * h);
      const double error = std::abs(analytic - numeric) /
                           std::max({1e-3 * size, std::abs(analytic), std::abs(numeric), kFloor});
      if (error < best.error) best.error = error, best.numeric = numeric;
      if (best.error < kAgreement) break;
    }
    Tensor(p.value.detach()).copy_from(centre);
    if (worst.parameter.empty() || best.error > worst.error) worst = best;
  }
  return worst;
}

}  // namespace gradus
