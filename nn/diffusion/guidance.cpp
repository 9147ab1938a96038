#include "nn/diffusion/guidance.h"

#include <cmath>

#include "core/error.h"
#include "nn/diffusion/adaptive_guidance.h"
#include "nn/diffusion/apg.h"
#include "nn/diffusion/linear_guidance.h"
#include "nn/diffusion/prediction.h"

namespace gradus {

int64 row_size(const Tensor& x) { return x.dim(0) ? x.numel() / x.dim(0) : 0; }

double row_dot(const Tensor& a, const Tensor& b, int64 row) {
  const int64 n = row_size(a);
  const real *u = a.data() + row * n, *v = b.data() + row * n;
  double sum = 0;
  for (int64 i = 0; i < n; ++i) sum += static_cast<double>(u[i]) * static_cast<double>(v[i]);
  return sum;
}

std::vector<double> row_cosines(const Tensor& a, const Tensor& b) {
  std::vector<double> cosines;
  for (int64 row = 0; row < a.dim(0); ++row) {
    const double norms = std::sqrt(row_dot(a, a, row)) * std::sqrt(row_dot(b, b, row));
    cosines.push_back(norms > 0 ? row_dot(a, b, row) / norms : 0);
  }
  return cosines;
}

namespace {

// The class alone.
class Conditional : public Guidance {
 public:
  struct Options {
    void visit(auto&&) {}
  };
  explicit Conditional(const Options&) {}
  void begin(int64, int64) override {}
  bool asks_uncond(int64, int64) const override { return false; }
  Tensor combine(const GuidanceStep& s) override { return s.cond; }
};

class ClassifierFree : public Guidance {
 public:
  struct Options {
    double scale = 4;
    void visit(auto&& f) { f("scale", scale, "1: the class alone; more: away from what has no class"); }
  };
  explicit ClassifierFree(const Options& o) : o_(o) {}
  void begin(int64, int64) override {}
  bool asks_uncond(int64, int64) const override { return o_.scale != 1; }
  Tensor combine(const GuidanceStep& s) override {
    return o_.scale == 1 ? s.cond : classifier_free(s.cond, s.uncond, o_.scale);
  }

 private:
  Options o_;
};

template <class G>
GuidanceEntry guidance_entry(const char* name, const char* summary, const char* source) {
  return {name, summary, [] { return describe_options<typename G::Options>(); },
          [](const OptionList& list) -> GuidancePtr {
            typename G::Options o;
            set_options(o, list, "guidance");
            return std::make_unique<G>(o);
          },
          source};
}

const GuidanceEntry kGuidances[] = {
    guidance_entry<Conditional>("none", "the class alone, one evaluation a step",
                                "nn/diffusion/guidance.cpp"),
    guidance_entry<ClassifierFree>("cfg", "classifier-free guidance, two evaluations a step",
                                   "nn/diffusion/guidance.cpp"),
    guidance_entry<ProjectedGuidance>("apg", "only what stands across the estimate, capped, reverse momentum",
                                      "nn/diffusion/apg.h"),
    guidance_entry<AdaptiveGuidance>("adaptive", "classifier-free until both estimates agree, by sample",
                                     "nn/diffusion/adaptive_guidance.h"),
    guidance_entry<LinearGuidance>("linear",
                                   "every other unconditional estimate by regression on those before",
                                   "nn/diffusion/linear_guidance.h"),
};

}  // namespace

std::span<const GuidanceEntry> guidances() { return kGuidances; }

GuidancePtr make_guidance(const std::string& text) {
  const Spec spec = parse_spec(text);
  if (!spec.inner.empty()) fail<UsageError>("guidance {}: takes nothing in parentheses", spec.name);
  std::vector<std::string> names;
  for (const GuidanceEntry& e : kGuidances) {
    if (spec.name == e.name) return e.make(spec.options);
    names.emplace_back(e.name);
  }
  throw UsageError(unknown_name("guidance", spec.name, names));
}

}  // namespace gradus
