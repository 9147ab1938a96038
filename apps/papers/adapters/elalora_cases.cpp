#include "apps/papers/adapters/elalora_cases.h"

#include "apps/papers/adapters/rule_case.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "nn/adapters/elalora.h"

namespace gradus {
namespace {

struct ImportanceCase {
  double beta1 = 0.85, beta2 = 0.85;
  void visit(auto&& f) {
    f("beta1", beta1, "decay of the mean importance", between(0, 1));
    f("beta2", beta2, "decay of its uncertainty", between(0, 1));
  }
};
struct SelectCase {
  int64 k = 2, b = 4;
  void visit(auto&& f) {
    f("k", k, "components that a matrix offers at most", at_least(0));
    f("b", b, "components that are moved at most", at_least(0));
  }
};
struct OrthogonalityCase {
  double reg_orth_coef = 0.1;
  void visit(auto&& f) { f("reg_orth_coef", reg_orth_coef, "of the mean norm"); }
};
struct ElaTrainCase : ImportanceCase, MovesSchedule, OrthogonalityCase {
  ElaTrainCase() { b = 2, init_warmup = 2, final_warmup = 3, mask_interval = 2, total_steps = 12; }
  double lr = 0.1, lora_alpha = 16;
  int64 k = 2;
  void visit(auto&& f) {
    ImportanceCase::visit(f);
    MovesSchedule::visit(f);
    OrthogonalityCase::visit(f);
    f("lr", lr, "step size of plain SGD", at_least(0));
    f("lora_alpha", lora_alpha, "the product is scaled by lora_alpha over the first rank");
    f("k", k, "components that a matrix offers at most", at_least(0));
  }
};

std::vector<std::vector<double>> split_scores(const Tensor& scores, const IntTensor& ranks) {
  std::vector<std::vector<double>> all;
  int64 at = 0;
  for (const int64 rank : ranks.span()) {
    if (rank < 1 || at + rank > scores.numel())
      fail<DataError>("inputs.ranks: do not add up to {}", scores.numel());
    all.emplace_back(scores.data() + at, scores.data() + at + rank);
    at += rank;
  }
  if (at != scores.numel()) fail<DataError>("inputs.ranks: add up to {}, not {}", at, scores.numel());
  return all;
}

CaseFunction importance_function() {
  return case_function<ImportanceCase>(
      {"importance-scores",
       "smoothed |weight * gradient| of the three factors, and the scores of their components",
       {{"A", "T,r,n"},
        {"grad_A", "T,r,n"},
        {"E", "T,r"},
        {"grad_E", "T,r"},
        {"B", "T,m,r"},
        {"grad_B", "T,m,r"}},
       {{"importance_A", "r,n"},
        {"importance_E", "r"},
        {"importance_B", "m,r"},
        {"uncertainty_A", "r,n"},
        {"uncertainty_E", "r"},
        {"uncertainty_B", "m,r"},
        {"scores", "r"}}},
      [](const ImportanceCase& o, const CaseValues& in, CaseValues& out) {
        std::vector<Importance> all;
        for (const std::string name : {"A", "E", "B"}) {
          const Tensor &w = in.tensor(name), &g = in.tensor("grad_" + name);
          const Shape one(std::vector<int64>(w.shape().begin() + 1, w.shape().end()));
          Importance importance(one);
          for (int64 t = 0; t < w.dim(0); ++t)
            importance.update(row_of(w, t), row_of(g, t), o.beta1, o.beta2);
          out.set("importance_" + name, importance.mean);
          out.set("uncertainty_" + name, importance.uncertainty);
          all.push_back(importance);
        }
        out.set("scores", tensor_of(component_scores(all[0], all[1], all[2])));
      });
}

CaseFunction moves_function() {
  return case_function<MovesSchedule>({"moves-schedule",
                                       "how many components are moved at a step, and whether any are",
                                       {{"steps", "K", CaseType::kInt}},
                                       {{"moves", "K", CaseType::kInt}, {"reallocate", "K", CaseType::kInt}}},
                                      [](const MovesSchedule& o, const CaseValues& in, CaseValues& out) {
                                        std::vector<int64> moves, now;
                                        for (const int64 step : in.ints("steps").span()) {
                                          moves.push_back(o.moves(step));
                                          now.push_back(o.reallocate(step));
                                        }
                                        out.set("moves", integers_of(moves));
                                        out.set("reallocate", integers_of(now));
                                      });
}

CaseFunction select_components_function() {
  return case_function<SelectCase>(
      {"select-components",
       "which components go, and which matrices get one more",
       {{"scores", "S", CaseType::kReal, "matrix after matrix"}, {"ranks", "M", CaseType::kInt}},
       {{"pruned", "c", CaseType::kInt},
        {"expanded", "c", CaseType::kInt},
        {"new_ranks", "M", CaseType::kInt}}},
      [](const SelectCase& o, const CaseValues& in, CaseValues& out) {
        const ComponentMoves moves =
            select_components(split_scores(in.tensor("scores"), in.ints("ranks")), o.k, o.b);
        out.set("pruned", integers_of(moves.pruned));
        out.set("expanded", integers_of(moves.expanded));
        out.set("new_ranks", integers_of(moves.new_ranks));
      });
}

// The parts of a stack along its first axis, differentiable.
std::vector<Tensor> parts_along(const Tensor& x) {
  std::vector<Tensor> parts;
  const std::vector<int64> rest(x.shape().begin() + 1, x.shape().end());
  for (int64 j = 0; j < x.dim(0); ++j) parts.push_back(reshape(slice(x, 0, j, j + 1), rest));
  return parts;
}

CaseFunction orthogonality_function() {
  return case_function<OrthogonalityCase>(
      {"orthogonality-penalty",
       "how far the factors are from orthonormal rows and columns, and the gradients",
       {{"A", "M,r,n"}, {"B", "M,m,r"}},
       {{"loss", ""}, {"grad_A", "M,r,n"}, {"grad_B", "M,m,r"}}},
      [](const OrthogonalityCase& o, const CaseValues& in, CaseValues& out) {
        const std::vector<Tensor> at{in.tensor("A"), in.tensor("B")};
        const ValueAndGrad v = value_and_grad(
            [&](std::span<const Tensor> p) {
              return orthogonality_penalty(parts_along(p[0]), parts_along(p[1]), o.reg_orth_coef);
            },
            at);
        out.set("loss", v.value.detach());
        out.set("grad_A", v.grads[0]);
        out.set("grad_B", v.grads[1]);
      });
}

// The summed loss of all adapters, and its gradients in the order A, E, B of one after the other.
ValueAndGrad elastic_gradients(const ElaTrainCase& o, const CaseValues& in, double s,
                               const std::vector<ElasticFactors>& all) {
  std::vector<Tensor> at;
  for (const ElasticFactors& f : all) at.insert(at.end(), {f.A, f.E, f.B});
  return value_and_grad(
      [&](std::span<const Tensor> p) {
        std::vector<Tensor> A, B;
        Tensor loss;
        for (size_t j = 0; j < all.size(); ++j) {
          const auto part = [&](const char* name) { return row_of(in.tensor(name), static_cast<int64>(j)); };
          A.push_back(p[3 * j]);
          B.push_back(p[3 * j + 2]);
          const Tensor y =
              linear(part("x"), part("W0")) + elastic_linear(part("x"), A[j], p[3 * j + 1], B[j], s);
          const Tensor own = mse_loss(y, part("target"));
          loss = loss.defined() ? loss + own : own;
        }
        return loss + orthogonality_penalty(A, B, o.reg_orth_coef);
      },
      at);
}

void sgd_in_place(Tensor& w, const Tensor& g, double lr) {
  real* p = w.mutable_data();
  for (int64 i = 0; i < w.numel(); ++i) p[i] -= static_cast<real>(lr) * g.data()[i];
}

void train_elastic(const ElaTrainCase& o, const CaseValues& in, CaseValues& out) {
  const Tensor &A0 = in.tensor("A"), &B0 = in.tensor("B"), &noise_A = in.tensor("noise_A"),
               &noise_B = in.tensor("noise_B");
  const int64 M = A0.dim(0), r0 = A0.dim(1);
  const double s = ElaloraOptions{.rank = r0, .lora_alpha = o.lora_alpha}.s();
  std::vector<ElasticFactors> all;
  for (int64 j = 0; j < M; ++j)
    all.emplace_back(row_of(A0, j).clone(), Tensor::zeros({r0}), row_of(B0, j).clone());
  std::vector<double> losses;
  std::vector<int64> ranks;
  int64 drawn = 0;
  for (int64 step = 0; step < o.total_steps; ++step) {
    const ValueAndGrad at = elastic_gradients(o, in, s, all);
    losses.push_back(static_cast<double>(at.value.item()));
    for (size_t j = 0; j < all.size(); ++j) {
      ElasticFactors& f = all[j];
      sgd_in_place(f.A, at.grads[3 * j], o.lr);
      sgd_in_place(f.E, at.grads[3 * j + 1], o.lr);
      sgd_in_place(f.B, at.grads[3 * j + 2], o.lr);
      if (step >= o.total_steps - o.final_warmup) continue;
      f.of_A.update(f.A, at.grads[3 * j], o.beta1, o.beta2);
      f.of_E.update(f.E, at.grads[3 * j + 1], o.beta1, o.beta2);
      f.of_B.update(f.B, at.grads[3 * j + 2], o.beta1, o.beta2);
    }
    if (o.reallocate(step)) {
      std::vector<std::vector<double>> scores;
      for (const ElasticFactors& f : all) scores.push_back(f.scores());
      move_components(all, select_components(scores, o.k, o.moves(step)), [&](size_t) {
        if (drawn >= noise_A.dim(0)) fail<DataError>("inputs.noise_A: has {} rows, too few", drawn);
        ++drawn;
        return std::pair{row_of(noise_A, drawn - 1), row_of(noise_B, drawn - 1)};
      });
    }
    for (const ElasticFactors& f : all) ranks.push_back(f.rank());
  }
  std::vector<double> scores;
  std::vector<Tensor> E, delta;
  for (const ElasticFactors& f : all) {
    for (const double score : f.scores()) scores.push_back(score);
    E.push_back(f.E);
    delta.push_back(elastic_weight(f.A, f.E, f.B, s));
  }
  out.set("losses", tensor_of(losses));
  out.set("ranks", integers_of(ranks).view({o.total_steps, M}));
  out.set("scores", tensor_of(scores));
  out.set("delta", stack(delta, 0));
  out.set("E", concat(E, 0));
}

CaseFunction elastic_train_function() {
  return case_function<ElaTrainCase>({"elalora-train",
                                      "training of several adapters between which ranks move",
                                      {{"x", "M,N,n"},
                                       {"target", "M,N,m"},
                                       {"W0", "M,m,n"},
                                       {"A", "M,r0,n"},
                                       {"B", "M,m,r0"},
                                       {"noise_A", "z,n"},
                                       {"noise_B", "z,m"}},
                                      {{"losses", "total_steps"},
                                       {"ranks", "total_steps,M", CaseType::kInt},
                                       {"scores", "S"},
                                       {"delta", "M,m,n"},
                                       {"E", "S"}}},
                                     train_elastic);
}

}  // namespace

std::vector<CaseFunction> elalora_functions() {
  return {importance_function(), moves_function(), select_components_function(), orthogonality_function(),
          elastic_train_function()};
}

}  // namespace gradus
