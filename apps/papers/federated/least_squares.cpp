#include "apps/papers/federated/least_squares.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "autograd/functional/functional.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"

namespace gradus {
namespace {

// The given rows of a matrix.
Tensor rows_at(const Tensor& a, std::span<const int64> rows) {
  const int64 cols = a.dim(1);
  Tensor out({std::ssize(rows), cols});
  real* to = out.mutable_data();
  for (const int64 r : rows) to = std::copy_n(a.data() + r * cols, cols, to);
  return out;
}

Tensor loss_at(const Tensor& weight, const Tensor& bias, const Tensor& x, const Tensor& y) {
  const Tensor residual = linear(x, weight, bias) - y;  // (n,o)
  return sum(square(residual)) * (real(0.5) / static_cast<real>(x.dim(0)));
}
Tensor squared_loss(const Parameters& p, const Tensor& x, const Tensor& y) {
  return loss_at(p[0]->value, p[1]->value, x, y);
}
std::vector<int64> without_padding(std::span<const int64> rows) {
  std::vector<int64> kept;
  std::copy_if(rows.begin(), rows.end(), std::back_inserter(kept), [](int64 row) { return row >= 0; });
  return kept;
}

class LeastSquaresBatch final : public Objective {
 public:
  LeastSquaresBatch(const Parameters& parameters, Tensor x, Tensor y)
      : parameters_(parameters), x_(std::move(x)), y_(std::move(y)) {}
  const Parameters& parameters() const override { return parameters_; }
  Needs offers() const override { return {.loss = true, .re_evaluation = true, .hvp = true}; }
  std::vector<Tensor> hvp(std::span<const Tensor> v) override {
    const std::vector<Tensor> at{parameters_[0]->value.detach(), parameters_[1]->value.detach()};
    return gradus::hvp([&](std::span<const Tensor> p) { return loss_at(p[0], p[1], x_, y_); }, at, v)
        .products;
  }
  double loss() override {
    const Recording off(false);
    return squared_loss(parameters_, x_, y_).item();
  }
  double gradient() override {
    const Recording on(true);
    const std::vector<Tensor> values{parameters_[0]->value, parameters_[1]->value};
    const Tensor loss = squared_loss(parameters_, x_, y_);
    const std::vector<Tensor> grads = grad(loss, values);
    for (size_t i = 0; i < grads.size(); ++i) parameters_[i]->grad = grads[i].detach();
    return loss.item();
  }

 private:
  const Parameters& parameters_;
  Tensor x_, y_;
};

class PrescribedBatches final : public LocalBatches {
 public:
  PrescribedBatches(const Parameters& parameters, const Tensor& x, const Tensor& y, const IntTensor& batches,
                    int64 epochs)
      : parameters_(parameters), x_(x), y_(y) {
    const int64 width = batches.dim(1), each = std::max<int64>(1, batches.dim(0) / epochs);
    for (int64 k = 0; k < batches.dim(0); ++k)
      if (auto rows = without_padding(
              batches.span().subspan(static_cast<size_t>(k * width), static_cast<size_t>(width)));
          !rows.empty())
        steps_.push_back({k / each, std::move(rows)});
  }
  Objective* next() override {
    if (made_ == steps_.size()) return nullptr;
    const std::vector<int64>& rows = steps_[made_++].rows;
    return &batch_.emplace(parameters_, rows_at(x_, rows), rows_at(y_, rows));
  }
  int64 epoch() const override { return made_ ? steps_[made_ - 1].epoch : 0; }
  int64 steps() const override { return std::ssize(steps_); }

 private:
  struct Step {
    int64 epoch;
    std::vector<int64> rows;
  };
  const Parameters& parameters_;
  Tensor x_, y_;
  std::vector<Step> steps_;  // those that have rows
  size_t made_ = 0;
  std::optional<LeastSquaresBatch> batch_;
};

}  // namespace

LeastSquaresProblem::LeastSquaresProblem(const Tensor& x, const Tensor& y, const Tensor& weight,
                                         const Tensor& bias)
    : x_(x),
      y_(y),
      parameters_{make_parameter("weight", ParamKind::kWeight, weight.clone()),
                  make_parameter("bias", ParamKind::kBias, bias.clone())} {}

void LeastSquaresProblem::set_clients(const IntTensor& client_of) {
  for (const int64 c : client_of.span()) {
    if (c < 0) fail<DataError>("client_of: {} is no client", c);
    if (c >= clients()) examples_.resize(static_cast<size_t>(c) + 1);
    ++examples_[static_cast<size_t>(c)];
  }
}

void LeastSquaresProblem::prescribe(const IntTensor& sampled, const IntTensor& batches, int64 epochs) {
  for (const int64 row : batches.span())
    if (row < -1 || row >= x_.dim(0))
      fail<DataError>("batches: no row {}: there are {} (-1: padding)", row, x_.dim(0));
  sampled_ = sampled;
  batches_ = batches;
  epochs_ = epochs;
  for (int64 t = 0; t < sampled.dim(0); ++t) {
    const std::vector<int64> clients = plan(t).clients;
    if (!clients.empty() && clients[0] < 0) fail<DataError>("sampled: {} is no client", clients[0]);
    if (const auto twice = std::adjacent_find(clients.begin(), clients.end()); twice != clients.end())
      fail<DataError>("sampled: client {} is twice in round {}", *twice, t);
  }
}

RoundPlan LeastSquaresProblem::plan(int64 t) const {
  RoundPlan plan{t, sampled_.rows(t, t + 1).values(), {}};
  std::sort(plan.clients.begin(), plan.clients.end());
  return plan;
}

int64 LeastSquaresProblem::examples(int64 client) const {
  return client < clients() ? examples_[static_cast<size_t>(client)] : 0;
}

std::unique_ptr<LocalBatches> LeastSquaresProblem::batches(int64 round, int64 client) {
  const int64 drawn = sampled_.dim(1);
  int64 s = 0;
  while (sampled_[round * drawn + s] != client) ++s;
  const IntTensor own = batches_.view({sampled_.dim(0) * drawn, batches_.dim(2), batches_.dim(3)})
                            .rows(round * drawn + s, round * drawn + s + 1);
  return std::make_unique<PrescribedBatches>(parameters_, x_, y_, own.view({own.dim(1), own.dim(2)}),
                                             epochs_);
}

Objective* LeastSquaresProblem::batch_of(std::span<const int64> rows) {
  const std::vector<int64> kept = without_padding(rows);
  if (kept.empty()) return nullptr;
  for (const int64 row : kept)
    if (row >= x_.dim(0)) fail<DataError>("batches: no row {}: there are {}", row, x_.dim(0));
  batch_ = std::make_unique<LeastSquaresBatch>(parameters_, rows_at(x_, kept), rows_at(y_, kept));
  return batch_.get();
}

double LeastSquaresProblem::loss() const {
  const Recording off(false);
  return squared_loss(parameters_, x_, y_).item();
}

}  // namespace gradus
