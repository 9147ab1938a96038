#include "apps/papers/federated/least_squares.h"

#include <algorithm>
#include <optional>

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

Tensor squared_loss(const Parameters& p, const Tensor& x, const Tensor& y) {
  const Tensor residual = linear(x, p[0]->value, p[1]->value) - y;  // (n,o)
  return sum(square(residual)) * (real(0.5) / static_cast<real>(x.dim(0)));
}

class LeastSquaresBatch final : public Objective {
 public:
  LeastSquaresBatch(const Parameters& parameters, Tensor x, Tensor y)
      : parameters_(parameters), x_(std::move(x)), y_(std::move(y)) {}
  const Parameters& parameters() const override { return parameters_; }
  Needs offers() const override { return {.loss = true, .re_evaluation = true}; }
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
  PrescribedBatches(const Parameters& parameters, const Tensor& x, const Tensor& y, IntTensor batches)
      : parameters_(parameters), x_(x), y_(y), batches_(std::move(batches)) {}
  Objective* next() override {
    const int64 width = batches_.dim(1);
    for (; step_ < batches_.dim(0); ++step_) {
      std::vector<int64> rows;
      for (int64 j = 0; j < width; ++j)
        if (const int64 row = batches_[step_ * width + j]; row >= 0) rows.push_back(row);
      if (rows.empty()) continue;
      ++step_;
      return &batch_.emplace(parameters_, rows_at(x_, rows), rows_at(y_, rows));
    }
    return nullptr;
  }

 private:
  const Parameters& parameters_;
  Tensor x_, y_;
  IntTensor batches_;  // (K,B)
  int64 step_ = 0;
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

void LeastSquaresProblem::prescribe(const IntTensor& sampled, const IntTensor& batches) {
  for (const int64 row : batches.span())
    if (row < -1 || row >= x_.dim(0))
      fail<DataError>("batches: no row {}: there are {} (-1: padding)", row, x_.dim(0));
  sampled_ = sampled;
  batches_ = batches;
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
  return std::make_unique<PrescribedBatches>(parameters_, x_, y_, own.view({own.dim(1), own.dim(2)}));
}

double LeastSquaresProblem::loss() const {
  const Recording off(false);
  return squared_loss(parameters_, x_, y_).item();
}

}  // namespace gradus
