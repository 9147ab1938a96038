#include "apps/papers/curvature/sharpness_cases.h"

#include <algorithm>

#include "apps/papers/landscape.h"
#include "autograd/functional/flat.h"
#include "autograd/ops/matmul.h"
#include "core/error.h"
#include "core/statistics.h"
#include "nn/sharpness/ellipsoid.h"
#include "nn/sharpness/normalize_logits.h"
#include "nn/sharpness/sharpness.h"

namespace gradus {
namespace {

// Batches of a network relu(X W1' + b1) W2' + b2.
struct SharpnessBatches {
  Tensors w;
  std::vector<BatchFunction> batches;
  int64 parameters;

  SharpnessBatches(const CaseValues& in, bool normalized)
      : w{in.tensor("W1"), in.tensor("b1"), in.tensor("W2"), in.tensor("b2")}, parameters(total_size(w)) {
    const Tensor& x = in.tensor("X");
    const IntTensor& labels = in.ints("labels");
    for (int64 b = 0; b < x.dim(0); ++b) {
      const Tensor rows = x.rows(b, b + 1).view({x.dim(1), x.dim(2)});
      const Function logits = [rows](std::span<const Tensor> p) {
        return linear(linear_relu(rows, p[0], p[1]), p[2], p[3]);
      };
      batches.push_back(classifier_batch(logits, labels.rows(b, b + 1).view({x.dim(1)}), normalized));
    }
  }
};

std::vector<CaseSlot> sharpness_inputs() {
  return {{"W1", "h,d"}, {"b1", "h"},    {"W2", "k,h"},
          {"b2", "k"},   {"X", "B,m,d"}, {"labels", "B,m", CaseType::kInt}};
}

struct AverageSharpnessCase {
  double rho = 0.1;
  bool adaptive = false, normalize_logits = false;
  void visit(auto&& f) {
    f("rho", rho, "radius", at_least(0));
    f("adaptive", adaptive, "radius relative to each weight");
    f("normalize_logits", normalize_logits, "take the scale out of the logits before");
  }
};

CaseFunction average_function() {
  std::vector<CaseSlot> inputs = sharpness_inputs();
  inputs.push_back({"noise", "B,T,P", CaseType::kReal, "the draws e"});
  return case_function<AverageSharpnessCase>(
      {"average-sharpness",
       "mean rise of loss and error under given draws, mean over batches",
       inputs,
       {{"sharpness", ""}, {"error_change", ""}}},
      [](const AverageSharpnessCase& o, const CaseValues& in, CaseValues& out) {
        const SharpnessBatches all(in, o.normalize_logits);
        const Tensor& noise = in.tensor("noise");
        const int64 draws = noise.dim(1), p = noise.dim(2), count = std::ssize(all.batches);
        ScoreChange sum;
        for (int64 b = 0; b < count; ++b) {
          int64 next = b * draws;
          const Tensor rows = noise.view({count * draws, p});
          const ScoreChange change = average_sharpness(
              all.batches[static_cast<size_t>(b)], all.w,
              [&] {
                const Tensor e = rows.rows(next, next + 1).view({p});
                ++next;
                return e;
              },
              draws, o.rho, o.adaptive);
          sum.loss += change.loss;
          sum.error += change.error;
        }
        out.set("sharpness", sum.loss / static_cast<double>(count));
        out.set("error_change", sum.error / static_cast<double>(count));
      });
}

struct WorstSharpnessCase : WorstCaseOptions {
  bool normalize_logits = false;
  void visit(auto&& f) {
    WorstCaseOptions::visit(f);
    f("normalize_logits", normalize_logits, "take the scale out of the logits before");
  }
};

CaseFunction worst_function() {
  return case_function<WorstSharpnessCase>(
      {"worst-case-sharpness",
       "largest rise of the loss in a ball that APGD finds, mean over batches",
       sharpness_inputs(),
       {{"sharpness", ""},
        {"error_change", "", CaseType::kReal, "at the best delta; absent where it is 0", true},
        {"losses", "B,n_iters"},
        {"step_sizes", "B,n_iters"},
        {"best_delta", "B,P"}}},
      [](const WorstSharpnessCase& o, const CaseValues& in, CaseValues& out) {
        const SharpnessBatches all(in, o.normalize_logits);
        const int64 count = std::ssize(all.batches);
        ScoreChange sum;
        std::vector<double> losses, steps, deltas;
        for (const BatchFunction& batch : all.batches) {
          const WorstCase found = worst_case_sharpness(batch, all.w, o);
          sum.loss += found.change.loss;
          sum.error += found.change.error;
          losses.insert(losses.end(), found.losses.begin(), found.losses.end());
          steps.insert(steps.end(), found.step_sizes.begin(), found.step_sizes.end());
          deltas.insert(deltas.end(), found.best_delta.begin(), found.best_delta.end());
        }
        out.set("sharpness", sum.loss / static_cast<double>(count));
        if (sum.error != 0) out.set("error_change", sum.error / static_cast<double>(count));
        out.set("losses", tensor_of(losses, {count, o.n_iters}));
        out.set("step_sizes", tensor_of(steps, {count, o.n_iters}));
        out.set("best_delta", tensor_of(deltas, {count, all.parameters}));
      });
}

CaseFunction normalize_logits_function() {
  return case_function<NoOptions>(
      {"normalize-logits",
       "logits without mean and length, and the product with their Jacobian",
       {{"logits", "n,c"}, {"grad_normalized", "n,c", CaseType::kReal, "", true}},
       {{"normalized", "n,c"}, {"grad_logits", "n,c", CaseType::kReal, "", true}}},
      [](const NoOptions&, const CaseValues& in, CaseValues& out) {
        const Function f = [](std::span<const Tensor> o) { return normalize_logits(o[0]); };
        const Tensor& logits = in.tensor("logits");
        if (!in.has("grad_normalized")) return out.set("normalized", normalize_logits(logits));
        const Vjp at = vjp(f, {&logits, 1}, in.tensor("grad_normalized"));
        out.set("normalized", at.value);
        out.set("grad_logits", at.grads[0]);
      });
}

struct EllipsoidCase {
  double rho = 1;
  void visit(auto&& f) { f("rho", rho, "largest norm of p/scale", at_least(0)); }
};

CaseFunction ellipsoid_function() {
  return case_function<EllipsoidCase>(
      {"ellipsoid-projection",
       "the nearest point with ||p/scale|| at most rho",
       {{"z", "n"}, {"scale", "n", CaseType::kReal, "not negative"}},
       {{"projection", "n"}}},
      [](const EllipsoidCase& o, const CaseValues& in, CaseValues& out) {
        out.set("projection", tensor_of(project_on_ellipsoid(doubles_of(in.tensor("z")),
                                                             doubles_of(in.tensor("scale")), o.rho)));
      });
}

CaseFunction kendall_function() {
  return case_function<NoOptions>(
      {"kendall-tau", "rank correlation tau-b", {{"a", "n"}, {"b", "n"}}, {{"tau", ""}}},
      [](const NoOptions&, const CaseValues& in, CaseValues& out) {
        out.set("tau", kendall_tau(doubles_of(in.tensor("a")), doubles_of(in.tensor("b"))));
      });
}

}  // namespace

std::vector<CaseFunction> sharpness_functions() {
  return {normalize_logits_function(), average_function(), ellipsoid_function(), worst_function(),
          kendall_function()};
}

}  // namespace gradus
