#include "nn/diffusion/step_skipping.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "nn/diffusion/guidance.h"

namespace gradus {

void ThirdOrderRule::see(double difference) {
  if (seen_ > 0) differences_.push_back(difference);
  ++seen_;
  if (seen_ < 4) return;
  const size_t n = differences_.size();
  const double cur = differences_[n - 1], p1 = differences_[n - 2], p2 = differences_[n - 3];
  const auto decided = std::ssize(mask_);
  const bool full = o_.reference_quirk ? decided > 4 : decided >= o_.max_skip_steps;
  const auto last = mask_.end() - std::min<std::ptrdiff_t>(decided, o_.max_skip_steps);
  const bool forced = full && std::none_of(last, mask_.end(), [](char c) { return c; });
  mask_.push_back(forced || !(std::abs((cur + p2) / 2 - p1) <= o_.threshold * p1));
}

double mean_distance(const Tensor& a, const Tensor& b, int64 row, int64 rows) {
  const int64 n = row_size(a);
  double sum = 0;
  for (int64 i = row * n; i < (row + rows) * n; ++i)
    sum += std::abs(static_cast<double>(a.data()[i]) - static_cast<double>(b.data()[i]));
  return n > 0 && rows > 0 ? sum / static_cast<double>(rows * n) : 0;
}

namespace {

class NoSkips : public SkipPolicy {
 public:
  struct Options {
    void visit(auto&&) {}
  };
  explicit NoSkips(const Options&) {}
  void begin(int64) override {}
  bool computes(int64, int64) const override { return true; }
  void see(int64, const Tensor&) override {}
};

class UniformSkips : public SkipPolicy {
 public:
  struct Options {
    int64 interval = 2;
    void visit(auto&& f) {
      f("interval", interval, "steps 0 to 3 and every so many are computed", at_least(1));
    }
  };
  explicit UniformSkips(const Options& o) : o_(o) {}
  void begin(int64) override {}
  bool computes(int64 step, int64) const override { return step < 4 || step % o_.interval == 0; }
  void see(int64, const Tensor&) override {}

 private:
  Options o_;
};

class ThirdOrderSkips : public SkipPolicy {
 public:
  struct Options : ThirdOrderOptions {
    std::string scope = "sample";
    void visit(auto&& f) {
      ThirdOrderOptions::visit(f);
      f("scope", scope, "a rule for each sample, or one for all", choices({"sample", "batch"}));
    }
  };
  explicit ThirdOrderSkips(const Options& o) : o_(o) {}
  void begin(int64 rows) override {
    rules_.assign(static_cast<size_t>(o_.scope == "batch" ? 1 : rows), ThirdOrderRule(o_));
    before_ = {};
  }
  bool computes(int64, int64 row) const override {
    return rules_[o_.scope == "batch" ? 0 : static_cast<size_t>(row)].computes_next();
  }
  void see(int64, const Tensor& latents) override {
    for (size_t r = 0; r < rules_.size(); ++r)
      rules_[r].see(!before_.defined()    ? 0
                    : o_.scope == "batch" ? mean_distance(latents, before_, 0, latents.dim(0))
                                          : mean_distance(latents, before_, static_cast<int64>(r)));
    before_ = latents;
  }

 private:
  Options o_;
  std::vector<ThirdOrderRule> rules_;
  Tensor before_;
};

template <class S>
SkipEntry skip_entry(const char* name, const char* summary) {
  return {name, summary, [] { return describe_options<typename S::Options>(); },
          [](const OptionList& list) -> SkipPolicyPtr {
            typename S::Options o;
            set_options(o, list, "skip");
            return std::make_unique<S>(o);
          }};
}

const SkipEntry kSkips[] = {
    skip_entry<NoSkips>("none", "every step asks the network"),
    skip_entry<UniformSkips>("uniform", "every second step asks the network, or every k-th"),
    skip_entry<ThirdOrderSkips>("third-order", "steps on a smooth stretch of the path reuse the last answer"),
};

}  // namespace

std::span<const SkipEntry> skip_policies() { return kSkips; }

SkipPolicyPtr make_skip_policy(const std::string& text) {
  const Spec spec = parse_spec(text);
  if (!spec.inner.empty()) fail<UsageError>("skip {}: takes nothing in parentheses", spec.name);
  std::vector<std::string> names;
  for (const SkipEntry& e : kSkips) {
    if (spec.name == e.name) return e.make(spec.options);
    names.emplace_back(e.name);
  }
  throw UsageError(unknown_name("skip policy", spec.name, names));
}

}  // namespace gradus
