// Problem kinds "least-squares" (loss 1/2 mean (z - y)^2) and "logistic" (mean log(1 + exp z) - y*z, labels 0
// or 1) on the rows `batches[t-1]` of z = A x. The unknown x is the concatenation of the parameters.
// Everything an objective can offer is exact here; sums run in double.
#include <cmath>
#include <optional>

#include "core/error.h"
#include "core/rng.h"
#include "optim/replay/kinds.h"

namespace gradus::replay_detail {
namespace {

struct LinearModel {
  bool logistic;
  std::vector<std::vector<double>> a;
  std::vector<double> y;

  double loss(size_t row, double z) const {
    if (!logistic) return 0.5 * (z - y[row]) * (z - y[row]);
    return std::max(z, 0.0) + std::log1p(std::exp(-std::abs(z))) - y[row] * z;
  }
  double slope(size_t row, double z) const { return logistic ? 1 / (1 + std::exp(-z)) - y[row] : z - y[row]; }
  double curvature(double z) const {
    const double s = 1 / (1 + std::exp(-z));
    return logistic ? s * (1 - s) : 1;
  }
};

class LinearObjective final : public Objective {
 public:
  LinearObjective(const LinearModel& model, const Parameters& parameters, std::vector<size_t> rows,
                  std::optional<PrescribedDraws> draws)
      : model_(model), parameters_(parameters), rows_(std::move(rows)), draws_(std::move(draws)) {}

  const Parameters& parameters() const override { return parameters_; }
  const PrescribedDraws* prescribed_draws() const override { return draws_ ? &*draws_ : nullptr; }
  Needs offers() const override {
    return {.loss = true,
            .re_evaluation = true,
            .hvp = true,
            .per_sample = true,
            .gauss_newton = true,
            .full_gradient = true,
            .sampled_labels = true};
  }
  double loss() override {
    double sum = 0;
    for (size_t row : rows_) sum += model_.loss(row, z(row));
    return sum / count();
  }
  double gradient() override {
    const auto parts = mean_gradient(rows_, [&](size_t row) { return model_.slope(row, z(row)); });
    for (size_t i = 0; i < parts.size(); ++i)
      if (!parameters_[i]->frozen) parameters_[i]->grad = parts[i];
    return loss();
  }
  std::vector<Tensor> full_gradient() override {
    std::vector<size_t> all;
    for (size_t row = 0; row < model_.a.size(); ++row) all.push_back(row);
    return mean_gradient(all, [&](size_t row) { return model_.slope(row, z(row)); });
  }
  // Logistic: label 1 if the draw is below the probability of 1; else the output plus the draw.
  SampledGradient sampled_gradient(const Rng& rng) override {
    std::vector<double> draws = draws_ ? draws_->labels : std::vector<double>{};
    Rng own = rng;
    while (draws.size() < rows_.size()) draws.push_back(model_.logistic ? own.uniform() : own.normal());
    size_t next = 0;
    return {mean_gradient(rows_,
                          [&](size_t row) {
                            const double draw = draws[next++], p = 1 / (1 + std::exp(-z(row)));
                            return model_.logistic ? p - (draw < p ? 1 : 0) : -draw;
                          }),
            static_cast<int64>(rows_.size())};
  }
  std::vector<Tensor> hvp(std::span<const Tensor> v) override {
    const std::vector<double> flat = join([&](size_t i) { return v[i]; });
    std::vector<double> h(flat.size());
    for (size_t row : rows_) add(h, model_.curvature(z(row)) * dot(flat, row) / count(), row);
    auto parts = split(h, 1);
    for (size_t i = 0; i < parts.size(); ++i) parts[i] = parts[i].view(parameters_[i]->value.shape());
    return parts;
  }
  std::vector<Tensor> per_sample_gradients() override {
    std::vector<double> all;
    for (size_t row : rows_) {
      std::vector<double> g(model_.a[row].size());
      add(g, model_.slope(row, z(row)), row);
      all.insert(all.end(), g.begin(), g.end());
    }
    auto parts = split(all, rows_.size());
    for (size_t i = 0; i < parts.size(); ++i) {
      std::vector<int64> dims{static_cast<int64>(rows_.size())};
      dims.insert(dims.end(), parameters_[i]->value.shape().begin(), parameters_[i]->value.shape().end());
      parts[i] = parts[i].view(Shape(dims));
    }
    return parts;
  }
  GaussNewton gauss_newton() override {
    const auto n = static_cast<int64>(rows_.size()), d = static_cast<int64>(model_.a.at(0).size());
    GaussNewton out{Tensor({n, d}), Tensor({n}), Tensor({n, 1, 1})};
    for (size_t i = 0; i < rows_.size(); ++i) {
      const double at = z(rows_[i]);
      for (size_t j = 0; j < model_.a[rows_[i]].size(); ++j)
        out.jacobian.mutable_data()[i * static_cast<size_t>(d) + j] =
            static_cast<real>(model_.a[rows_[i]][j]);
      out.residual.mutable_data()[i] = static_cast<real>(model_.slope(rows_[i], at));
      out.curvature.mutable_data()[i] = static_cast<real>(model_.curvature(at));
    }
    return out;
  }

 private:
  double count() const { return static_cast<double>(rows_.size()); }
  // The mean of slope(row)*a over these rows, one tensor per parameter.
  std::vector<Tensor> mean_gradient(const std::vector<size_t>& rows,
                                    const std::function<double(size_t)>& slope) const {
    std::vector<double> g(model_.a.at(0).size());
    for (size_t row : rows) add(g, slope(row) / static_cast<double>(rows.size()), row);
    auto parts = split(g, 1);
    for (size_t i = 0; i < parts.size(); ++i) parts[i] = parts[i].view(parameters_[i]->value.shape());
    return parts;
  }
  template <class Part>
  std::vector<double> join(const Part& part) const {
    std::vector<double> flat;
    for (size_t i = 0; i < parameters_.size(); ++i) {
      const Tensor t = part(i);
      const int64 n = parameters_[i]->value.numel();
      for (int64 j = 0; j < n; ++j) flat.push_back(t.defined() ? static_cast<double>(t.data()[j]) : 0);
    }
    if (flat.size() != model_.a.at(0).size())
      fail<DataError>("problem: A has {} columns for {} unknowns", model_.a[0].size(), flat.size());
    return flat;
  }
  // Rows of the concatenated vector, cut into one tensor (rows, numel) per parameter.
  std::vector<Tensor> split(const std::vector<double>& flat, size_t rows) const {
    std::vector<Tensor> parts;
    size_t offset = 0;
    const size_t width = flat.size() / rows;
    for (const auto& p : parameters_) {
      const auto n = static_cast<size_t>(p->value.numel());
      Tensor part({static_cast<int64>(rows), p->value.numel()});
      for (size_t r = 0; r < rows; ++r)
        for (size_t j = 0; j < n; ++j)
          part.mutable_data()[r * n + j] = static_cast<real>(flat[r * width + offset + j]);
      parts.push_back(part);
      offset += n;
    }
    return parts;
  }
  double dot(const std::vector<double>& x, size_t row) const {
    double sum = 0;
    for (size_t j = 0; j < x.size(); ++j) sum += model_.a[row][j] * x[j];
    return sum;
  }
  double z(size_t row) const {
    return dot(join([&](size_t i) { return parameters_[i]->value; }), row);
  }
  void add(std::vector<double>& to, double factor, size_t row) const {
    for (size_t j = 0; j < to.size(); ++j) to[j] += factor * model_.a[row][j];
  }

  const LinearModel& model_;
  const Parameters& parameters_;
  std::vector<size_t> rows_;
  std::optional<PrescribedDraws> draws_;
};

}  // namespace

void run_linear_model(const Golden& golden, ReplayReport& report) {
  const Json& problem = golden.json.at("problem");
  const LinearModel model{problem.at("kind") == "logistic",
                          problem.at("A").get<std::vector<std::vector<double>>>(),
                          problem.at("y").get<std::vector<double>>()};
  const auto batches = problem.at("batches").get<std::vector<std::vector<size_t>>>();
  for (const auto& batch : batches)
    for (size_t row : batch)
      if (row >= model.a.size() || row >= model.y.size())
        fail<DataError>("problem: row {} out of range", row);
  const Parameters parameters = parameters_of(golden);
  std::optional<LinearObjective> objective;
  run_trajectory(
      golden, parameters, static_cast<int64>(batches.size()),
      [&](int64 step) -> Objective& {
        return objective.emplace(model, parameters, batches[static_cast<size_t>(step - 1)],
                                 draws_of(golden, parameters, step));
      },
      report);
}

}  // namespace gradus::replay_detail
