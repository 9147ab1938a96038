#include "apps/papers/verdict.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/statistics.h"

namespace gradus {
namespace {

const ArmRecord& arm_named(const std::vector<ArmRecord>& arms, const std::string& name) {
  std::vector<std::string> names;
  for (const ArmRecord& a : arms) {
    if (a.name == name) return a;
    names.push_back(a.name);
  }
  throw UsageError("claim: " + unknown_name("arm", name, names));
}

bool has_value(const Outcome& o, const Claim& claim) {
  return !o.diverged &&
         (claim.kind == "rate" ? o.curves.contains(claim.metric) : o.metrics.contains(claim.metric));
}
double value(const Outcome& o, const Claim& claim) {
  if (claim.kind != "rate") return o.metrics.at(claim.metric);
  const Curve& curve = o.curves.at(claim.metric);
  return log_log_slope(curve.x, curve.y);
}

// What a diverged run counts as.
double bad_value(const Claim& claim, const std::vector<ArmRecord>& arms) {
  std::vector<double> finite;
  for (const ArmRecord& arm : arms)
    for (const Outcome& o : arm.outcomes)
      if (has_value(o, claim)) finite.push_back(value(o, claim));
  const double sign = claim.lower_is_better ? 1 : -1;  // larger is worse from here on
  double worst = finite.empty() ? 0 : sign * finite[0];
  for (const double v : finite) worst = std::max(worst, sign * v);
  worst += std::abs(worst);
  if (claim.arms.size() == 1) worst = std::max(worst, sign * claim.margin + std::abs(claim.margin));
  return sign * worst;
}

std::vector<double> values_of(const ArmRecord& arm, const Claim& claim, const std::vector<ArmRecord>& arms) {
  std::vector<double> values;
  for (const Outcome& o : arm.outcomes) {
    if (o.diverged) {
      values.push_back(bad_value(claim, arms));
    } else if (has_value(o, claim)) {
      values.push_back(value(o, claim));
    } else {
      std::vector<std::string> names;
      for (const auto& metric : o.metrics) names.push_back(metric.first);
      throw UsageError(fmt::format("claim: arm {}: ", arm.name) +
                       unknown_name("metric", claim.metric, names));
    }
  }
  return values;
}

bool all_diverged(const ArmRecord& arm) {
  return std::all_of(arm.outcomes.begin(), arm.outcomes.end(), [](const Outcome& o) { return o.diverged; });
}

// One side of a claim: sign * mean > threshold, or >= where `inclusive`.
struct Side {
  double sign, threshold;
  bool inclusive;
};
struct Ruling {
  Verdict verdict;
  double p;
};

// `scale`: of the figures that were subtracted.
Ruling rule(MeanTest test, const Side& side, double scale) {
  test.mean *= side.sign;
  const double half = test.half_width();
  // What is left of equal figures after rounding is no noise; thresholds are not always exact in binary either.
  const double tie = 1e-13 * scale;
  if (test.deviation <= tie) {
    const bool holds = side.inclusive ? test.mean >= side.threshold - tie : test.mean > side.threshold + tie;
    return {holds ? Verdict::kShown : Verdict::kNotShown, holds ? 0.0 : 1.0};
  }
  return {test.mean - half > side.threshold   ? Verdict::kShown
          : test.mean + half < side.threshold ? Verdict::kNotShown
                                              : Verdict::kWithinNoise,
          test.p_greater(side.threshold)};
}

int strength(Verdict v) { return v == Verdict::kNotShown ? 0 : v == Verdict::kWithinNoise ? 1 : 2; }

std::vector<Side> sides_of(const Claim& claim) {
  const double sign = claim.lower_is_better ? -1 : 1;
  if (claim.kind == "better") return {{sign, claim.margin, false}};
  if (claim.kind == "not worse") return {{sign, -claim.margin, true}};
  if (claim.kind == "equal") return {{1, -claim.margin, true}, {-1, -claim.margin, true}};
  // Bounds: a mean, a logarithm of a ratio, a slope.
  return {{sign, sign * claim.margin, true}};
}

// b's value from a's, seed by seed; of a ratio the logarithms', or the distance to the ratio where one is not positive.
struct Compared {
  std::vector<double> values;
  double scale = 0;  // largest size of what was subtracted
  bool logarithms = false;
};
Compared compare(const Claim& claim, const std::vector<double>& a, const std::vector<double>& b) {
  Compared c;
  const auto positive = [](double v) { return v > 0; };
  const bool ratio = claim.kind == "ratio";
  c.logarithms =
      ratio && std::all_of(a.begin(), a.end(), positive) && std::all_of(b.begin(), b.end(), positive);
  for (size_t i = 0; i < a.size(); ++i) {
    const double left = c.logarithms ? std::log(a[i]) : a[i];
    const double right = c.logarithms ? std::log(b[i]) : ratio ? claim.margin * b[i] : b[i];
    c.values.push_back(left - right);
    c.scale = std::max({c.scale, std::abs(left), std::abs(right)});
  }
  return c;
}

}  // namespace

ClaimRecord judge(const std::string& text, const Claim& claim, const std::vector<ArmRecord>& arms) {
  ClaimRecord record{.text = text,
                     .kind = claim.kind,
                     .arms = claim.arms,
                     .metric = claim.metric,
                     .margin = claim.margin,
                     .central = claim.central};
  const ArmRecord& a = arm_named(arms, claim.arms.at(0));
  const bool two = claim.arms.size() > 1;
  const ArmRecord& b = two ? arm_named(arms, claim.arms[1]) : a;
  if (a.seeds != b.seeds) fail<UsageError>("claim '{}': its arms have different seeds", text);
  if (a.outcomes.size() < 2) fail<UsageError>("claim '{}': a test needs two seeds or more", text);

  const std::vector<double> of_a = values_of(a, claim, arms);
  const std::vector<double> of_b = two ? values_of(b, claim, arms) : std::vector<double>(of_a.size(), 0.0);
  const Compared compared = compare(claim, of_a, of_b);
  const MeanTest test(compared.values);
  std::vector<Side> sides = sides_of(claim);
  if (claim.kind == "ratio") sides[0].threshold = compared.logarithms ? -std::log(claim.margin) : 0;

  record.verdict = Verdict::kShown;
  record.p = 0;
  for (const Side& side : sides) {
    const Ruling ruling = rule(test, side, compared.scale);
    if (strength(ruling.verdict) < strength(record.verdict)) record.verdict = ruling.verdict;
    record.p = std::max(record.p, ruling.p);
  }
  if (all_diverged(a) || (claim.kind == "equal" && all_diverged(b))) {
    record.verdict = Verdict::kNotShown;
    record.p = 1;
  }
  record.estimate = test.mean;
  record.low = test.mean - test.half_width();
  record.high = test.mean + test.half_width();
  if (compared.logarithms)
    for (double* v : {&record.estimate, &record.low, &record.high}) *v = std::exp(*v);
  return record;
}

Verdict paper_verdict(const std::vector<ClaimRecord>& claims) {
  const ClaimRecord* weakest = nullptr;
  for (const ClaimRecord& c : claims)
    if (c.central && (!weakest || strength(c.verdict) < strength(weakest->verdict))) weakest = &c;
  if (!weakest) fail<UsageError>("an experiment needs a central claim");
  return weakest->verdict;
}

}  // namespace gradus
