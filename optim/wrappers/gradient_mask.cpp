// GMT: gradient-mask tuning. Only the largest entries of each tensor's gradient are passed on, chosen anew in every step.
// Paper: Li, Zhang, Liu, Gong, Wang, Chen, Cheng, et al., "Enhancing Large Language Model Performance with Gradient-Based Parameter
//        Selection" (first "Gradient-Mask Tuning Elevates the Upper Limits of LLM Performance"), AAAI 2025, arXiv 2406.15330.
//   for each tensor of N entries, by the mean gradient g of the step:
//   K = max(1, floor(keep_ratio*N));  mask = 1[|g| >= the K-th largest |g|]
//   g <- mask .* g, then the rule
//   target=gradient: what is not selected may still move by momentum, and decays
//   target=update:   entries outside of the mask keep their value in this step, decay included
// keep_ratio = 1 is the rule by itself. Gradients that the rule asks for at other weights are not masked. Baselines: smallest, random (drawn by seed and step), fixed (the mask of the first step).
#include "optim/wrappers/gradient_mask.h"

#include <algorithm>
#include <cmath>

#include "core/rng.h"
#include "optim/transform.h"
#include "optim/wrapper.h"

namespace gradus {

std::vector<std::uint8_t> gradient_mask(std::span<const real> g, const GradientMaskOptions& o,
                                        std::span<const double> random) {
  std::vector<double> scores(g.size());
  if (o.selection == "random") {
    if (random.size() != g.size())
      fail<ShapeError>("gradient mask: {} scores for {} entries", random.size(), g.size());
    std::copy(random.begin(), random.end(), scores.begin());
  } else {
    const double sign = o.selection == "smallest" ? -1 : 1;
    for (size_t i = 0; i < g.size(); ++i) scores[i] = sign * std::abs(static_cast<double>(g[i]));
  }
  std::vector<std::uint8_t> mask(g.size(), 0);
  if (g.empty()) return mask;
  const auto k = static_cast<size_t>(std::max(1.0, std::floor(o.keep_ratio * static_cast<double>(g.size()))));
  std::vector<double> order = scores;
  std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k - 1), order.end(),
                   std::greater<>());
  const double threshold = order[k - 1];
  for (size_t i = 0; i < g.size(); ++i) mask[i] = scores[i] >= threshold;
  return mask;
}

MaskedGradient masked_mean(std::span<const std::vector<real>> gradients, const GradientMaskOptions& o,
                           bool micro, std::span<const double> random) {
  if (gradients.empty()) fail<ShapeError>("gradient mask: the mean of no gradients");
  const size_t n = gradients[0].size();
  const double share = 1 / static_cast<double>(gradients.size());
  MaskedGradient out{std::vector<std::uint8_t>(n, 0), std::vector<double>(n, 0.0)};
  for (const std::vector<real>& g : gradients) {
    if (g.size() != n) fail<ShapeError>("gradient mask: gradients of {} and of {} entries", n, g.size());
    const std::vector<std::uint8_t> own =
        micro ? gradient_mask(g, o, random) : std::vector<std::uint8_t>(n, 1);
    for (size_t i = 0; i < n; ++i) {
      if (own[i]) out.gradient[i] += share * static_cast<double>(g[i]);
      out.mask[i] |= own[i];
    }
  }
  if (micro) return out;
  out.mask = gradient_mask(std::vector<real>(out.gradient.begin(), out.gradient.end()), o, random);
  for (size_t i = 0; i < n; ++i)
    if (!out.mask[i]) out.gradient[i] = 0;
  return out;
}

namespace rules {
namespace {

struct MaskTuningOptions : GradientMaskOptions {
  std::string target = "gradient";
  int64 seed = 0;
  void visit(auto&& f) {
    GradientMaskOptions::visit(f);
    f("target", target, "what is masked: the gradient before the rule, or also the change that it makes",
      choices({"gradient", "update"}));
    f("seed", seed, "of selection=random", at_least(0));
  }
};

class GradientMask final : public Wrapper<MaskTuningOptions> {
 public:
  using Wrapper::Wrapper;

  void apply(Objective& objective, const StepInfo& info) override {
    if (!info.finish) ++table().steps;
    struct Kept {
      ParamRow* row;
      Tensor before;
      std::vector<std::uint8_t> mask;
    };
    std::vector<Kept> kept;
    for (ParamRow& row : table().rows()) {
      if (!row.active() || info.finish) continue;
      const MaskTuningOptions& o = options(row.group);
      const std::vector<std::uint8_t> mask = mask_of(row, o);
      ++row.steps;
      if (o.target == "update") kept.push_back({&row, row.parameter->value.clone(), mask});
      Tensor grad = own_gradient(*row.parameter);
      real* g = grad.mutable_data();
      for (size_t i = 0; i < mask.size(); ++i)
        if (!mask[i]) g[i] = 0;
    }
    inner().apply(objective, info);
    for (const Kept& k : kept) {
      Tensor value = k.row->parameter->value.detach();
      real* w = value.mutable_data();
      for (size_t i = 0; i < k.mask.size(); ++i)
        if (!k.mask[i]) w[i] = k.before.data()[i];
    }
  }

 private:
  std::vector<std::uint8_t> mask_of(ParamRow& row, const MaskTuningOptions& o) {
    const std::span<const real> g = row.parameter->grad.span();
    if (o.selection == "random") {
      Rng rng = Rng(static_cast<std::uint64_t>(o.seed))
                    .fork(row.parameter->name)
                    .fork(static_cast<std::uint64_t>(row.steps));
      std::vector<double> scores(g.size());
      for (double& s : scores) s = rng.uniform();
      return gradient_mask(g, o, scores);
    }
    if (o.selection != "fixed") return gradient_mask(g, o);
    const bool known = row.state.has("mask");
    Tensor& mask = row.state("mask");
    if (!known) {
      const std::vector<std::uint8_t> first = gradient_mask(g, o);
      std::copy(first.begin(), first.end(), mask.mutable_data());
    }
    std::vector<std::uint8_t> out(g.size());
    for (size_t i = 0; i < out.size(); ++i) out[i] = mask.data()[i] != 0;
    return out;
  }
};

}  // namespace

OptimizerEntry gradient_mask_tuning() {
  return wrapper_entry<GradientMask>({"gradient-mask",
                                      "passes on the largest entries of each tensor's gradient alone",
                                      "Li et al., AAAI 2025, arXiv 2406.15330", 2});
}

}  // namespace rules
}  // namespace gradus
