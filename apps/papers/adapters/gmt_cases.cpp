#include "apps/papers/adapters/gmt_cases.h"

#include "apps/papers/adapters/rule_case.h"
#include "core/error.h"
#include "optim/wrappers/gradient_mask.h"

namespace gradus {
namespace {

struct MaskCase : GradientMaskOptions {
  std::string mask_stage = "mean";
  void visit(auto&& f) {
    GradientMaskOptions::visit(f);
    f("mask_stage", mask_stage, "one mask of the mean, or one of each micro-gradient",
      choices({"mean", "micro"}));
  }
};
struct MaskTrainCase : MaskCase, RuleCase {
  std::string mask_target = "gradient";
  void visit(auto&& f) {
    MaskCase::visit(f);
    RuleCase::visit_rest(f);
    f("mask_target", mask_target, "what is masked", choices({"gradient", "update"}));
  }
};

// Where each of the tensors that lie one behind the other begins; ends with their number of entries.
std::vector<int64> starts_of(const IntTensor& sizes, int64 entries) {
  std::vector<int64> starts{0};
  for (const int64 size : sizes.span()) {
    if (size < 0) fail<DataError>("inputs.sizes: {} is no size", size);
    starts.push_back(starts.back() + size);
  }
  if (starts.back() != entries) fail<DataError>("inputs.sizes: add up to {}, not {}", starts.back(), entries);
  return starts;
}

// micro (N,P): the masked mean over all tensors.
MaskedGradient flat_masked(const Tensor& micro, const std::vector<int64>& starts, const MaskCase& o,
                           const std::vector<double>& random) {
  MaskedGradient all;
  const int64 p = micro.dim(1);
  for (size_t k = 0; k + 1 < starts.size(); ++k) {
    const auto from = static_cast<std::ptrdiff_t>(starts[k]), to = static_cast<std::ptrdiff_t>(starts[k + 1]);
    std::vector<std::vector<real>> rows;
    for (int64 n = 0; n < micro.dim(0); ++n)
      rows.emplace_back(micro.data() + n * p + from, micro.data() + n * p + to);
    const std::vector<double> scores =
        random.empty() ? random : std::vector<double>(random.begin() + from, random.begin() + to);
    const MaskedGradient part = masked_mean(rows, o, o.mask_stage == "micro", scores);
    all.mask.insert(all.mask.end(), part.mask.begin(), part.mask.end());
    all.gradient.insert(all.gradient.end(), part.gradient.begin(), part.gradient.end());
  }
  return all;
}

std::vector<double> scores_of(const CaseValues& in, const MaskCase& o, int64 step, int64 p) {
  if (o.selection != "random") return {};
  const Tensor& all = in.tensor("random_scores");
  return {all.data() + step * p, all.data() + (step + 1) * p};
}

CaseFunction gradient_mask_function() {
  return case_function<MaskCase>(
      {"gradient-mask",
       "masks of the tensors that lie one behind the other in a vector, and the masked mean",
       {{"micro_grads", "N,P"},
        {"sizes", "k", CaseType::kInt, "entries of each tensor"},
        {"random_scores", "P", CaseType::kReal, "of selection random", true}},
       {{"mask", "P", CaseType::kInt}, {"masked_grad", "P"}}},
      [](const MaskCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor& micro = in.tensor("micro_grads");
        const int64 p = micro.dim(1);
        const MaskedGradient g =
            flat_masked(micro, starts_of(in.ints("sizes"), p), o, scores_of(in, o, 0, p));
        out.set("mask", integers_of(std::vector<int64>(g.mask.begin(), g.mask.end())));
        out.set("masked_grad", tensor_of(g.gradient));
      });
}

CaseFunction gmt_train_function() {
  return case_function<MaskTrainCase>(
      {"gmt-train",
       "steps on masked gradients that are given",
       {{"params", "P"},
        {"micro_grads", "S,N,P"},
        {"sizes", "k", CaseType::kInt, "entries of each tensor"},
        {"lr", "S"},
        {"random_scores", "S,P", CaseType::kReal, "of selection random", true}},
       {{"params", "S,P", CaseType::kReal, "after each step"}, {"kept", "S", CaseType::kInt}}},
      [](const MaskTrainCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor &micro = in.tensor("micro_grads"), &lr = in.tensor("lr");
        const int64 p = micro.dim(2), steps = lr.numel();
        const std::vector<int64> starts = starts_of(in.ints("sizes"), p);
        RuleCase unit = o;
        unit.lr = 1;
        RuleSteps rule(unit.spec(), {in.tensor("params")});
        Tensor path({steps, p});
        std::vector<int64> kept;
        std::vector<std::uint8_t> fixed;
        for (int64 t = 0; t < steps; ++t) {
          MaskedGradient g = flat_masked(row_of(micro, t), starts, o, scores_of(in, o, t, p));
          if (o.selection == "fixed") {
            if (t == 0) fixed = g.mask;
            GradientMaskOptions all = o;
            all.keep_ratio = 1;
            const MaskCase whole{all, "mean"};
            g = flat_masked(row_of(micro, t), starts, whole, {});
            for (size_t i = 0; i < fixed.size(); ++i)
              if (!fixed[i]) g.gradient[i] = 0;
            g.mask = fixed;
          }
          Tensor value = rule.values()[0].detach();
          const Tensor before = value.clone();
          rule.step({tensor_of(g.gradient)}, static_cast<double>(lr.data()[t]));
          int64 count = 0;
          for (int64 i = 0; i < p; ++i) {
            const bool in_mask = g.mask[static_cast<size_t>(i)];
            count += in_mask;
            if (!in_mask && o.mask_target == "update") value.mutable_data()[i] = before.data()[i];
            path.mutable_data()[t * p + i] = value.data()[i];
          }
          kept.push_back(count);
        }
        out.set("params", path);
        out.set("kept", integers_of(kept));
      });
}

}  // namespace

std::vector<CaseFunction> gmt_functions() { return {gradient_mask_function(), gmt_train_function()}; }

}  // namespace gradus
