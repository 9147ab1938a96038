#include "nn/diffusion/sampler.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "nn/diffusion/prediction.h"

namespace gradus {

Tensor ddim_step(const Tensor& x0, const Tensor& epsilon, const NoiseLevel& level, const NoiseLevel& next,
                 double eta, const Tensor& noise) {
  const double ab = level.alpha_bar, to = next.alpha_bar;
  const double sigma =
      eta == 0 || ab >= 1 ? 0 : eta * std::sqrt((1 - to) / (1 - ab)) * std::sqrt(std::max(1 - ab / to, 0.0));
  const Tensor x = mix(std::sqrt(to), x0, std::sqrt(std::max(1 - to - sigma * sigma, 0.0)), epsilon);
  return sigma == 0 ? x : mix(1, x, sigma, noise);
}

DdpmStep ddpm_step(const Tensor& x, const Tensor& x0, const NoiseLevel& level, const NoiseLevel& next,
                   bool fixed_large, const Tensor& noise) {
  const double ab = level.alpha_bar, to = next.alpha_bar, alpha = ab / to, beta = 1 - alpha;
  DdpmStep out;
  if (ab >= 1) {  // no noise left to take away
    out.mean = x0.clone();
  } else {
    out.mean = mix(std::sqrt(to) * beta / (1 - ab), x0, std::sqrt(alpha) * (1 - to) / (1 - ab), x);
    const double variance = fixed_large ? beta : beta * (1 - to) / (1 - ab);
    out.std = to >= 1 ? 0 : std::sqrt(std::max(variance, 0.0));
  }
  out.x_prev = out.std == 0 ? out.mean : mix(1, out.mean, out.std, noise);
  return out;
}

namespace {

struct StepsOptions {
  int64 steps = 50;
  double clip = 0;
  void visit_steps(auto&& f) {
    f("steps", steps, "levels of noise on the way", at_least(1));
    f("clip", clip, "estimates of the image are kept within -+ this before each step; 0: not", at_least(0));
  }
};

class Ddim : public Sampler {
 public:
  struct Options : StepsOptions {
    double eta = 0;
    void visit(auto&& f) {
      visit_steps(f);
      f("eta", eta, "share of fresh noise; 0: the samples are a function of the first noise", at_least(0));
    }
  };
  explicit Ddim(const Options& o) : o_(o) {}
  int64 steps() const override { return o_.steps; }
  double clip() const override { return o_.clip; }
  bool draws() const override { return o_.eta > 0; }
  Tensor step(const Tensor& x, const Tensor& x0, const NoiseLevel& level, const NoiseLevel& next,
              const Tensor& noise) const override {
    return ddim_step(x0, noise_of(x, x0, level), level, next, o_.eta, noise);
  }

 private:
  Options o_;
};

class Ddpm : public Sampler {
 public:
  struct Options : StepsOptions {
    std::string variance = "fixed_small";
    void visit(auto&& f) {
      visit_steps(f);
      f("variance", variance, "of the fresh noise", choices({"fixed_small", "fixed_large"}));
    }
  };
  explicit Ddpm(const Options& o) : o_(o) {}
  int64 steps() const override { return o_.steps; }
  double clip() const override { return o_.clip; }
  bool draws() const override { return true; }
  Tensor step(const Tensor& x, const Tensor& x0, const NoiseLevel& level, const NoiseLevel& next,
              const Tensor& noise) const override {
    return ddpm_step(x, x0, level, next, o_.variance == "fixed_large", noise).x_prev;
  }

 private:
  Options o_;
};

template <class S>
SamplerEntry sampler_entry(const char* name, const char* summary) {
  return {name, summary, [] { return describe_options<typename S::Options>(); },
          [](const OptionList& list) -> SamplerPtr {
            typename S::Options o;
            set_options(o, list, "sampler");
            return std::make_unique<S>(o);
          }};
}

const SamplerEntry kSamplers[] = {
    sampler_entry<Ddim>("ddim", "deterministic steps (eta=0), good with few of them"),
    sampler_entry<Ddpm>("ddpm", "the reverse of the noising chain, fresh noise in every step"),
};

}  // namespace

std::span<const SamplerEntry> samplers() { return kSamplers; }

SamplerPtr make_sampler(const std::string& text) {
  const Spec spec = parse_spec(text);
  if (!spec.inner.empty()) fail<UsageError>("sampler {}: takes nothing in parentheses", spec.name);
  std::vector<std::string> names;
  for (const SamplerEntry& e : kSamplers) {
    if (spec.name == e.name) return e.make(spec.options);
    names.emplace_back(e.name);
  }
  throw UsageError(unknown_name("sampler", spec.name, names));
}

}  // namespace gradus
