// First steps worked out by hand, for one vector: what the tables of first_step*_test.cpp are made of. eps is large in them,
// so that its place shows.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/optim/probe.h"
#include "tests/selected.h"

namespace gradus::testing {

inline constexpr double kLr = 0.01, kE = 0.01, kWd = 0.1;
inline const Values kGradient = kG[0];

inline double root_mean_square(const Values& x) {
  return std::sqrt(inner(x, x) / static_cast<double>(x.size()));
}
inline double sign_of(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }
// g over the bias-corrected root, |g|, and over the uncorrected one, sqrt((1-beta2)*g^2), that has lr corrected instead.
inline double adam_ratio(double g) { return g / (std::abs(g) + kE); }
inline double efficient_ratio(double g, double beta2) {
  return std::sqrt(1 - beta2) / 0.1 * 0.1 * g / (std::sqrt(1 - beta2) * std::abs(g) + kE);
}

struct FirstStep {
  std::string options;
  std::function<double(double w, double g)> move;  // of an element; what runs over the tensor: kW0, kGradient
};
/// By name of the rule. lr is kLr unless the options say otherwise or there is none.
using FirstSteps = std::map<std::string, std::vector<FirstStep>>;

/// Every rule has its lines in the table, and moves as they say.
inline void check_first_steps(const std::vector<OptimizerEntry>& rules, const FirstSteps& table,
                              double in_float) {
  for (const OptimizerEntry& entry : rules) {
    const std::string& name = entry.text.name;
    if (!tests::selected(name)) continue;
    CAPTURE(name);
    REQUIRE(table.contains(name));
    const bool has_lr = std::any_of(entry.options.begin(), entry.options.end(),
                                    [](const OptionInfo& o) { return o.name == "lr"; });
    for (const FirstStep& expected : table.at(name)) {
      CAPTURE(expected.options);
      OptionList options = parse_options(expected.options);
      const bool given = std::any_of(options.begin(), options.end(), [](auto& o) { return o.first == "lr"; });
      if (has_lr && !given && name != "adafactor") options.emplace_back("lr", "0.01");
      const Values w = run(Spec{name, "", options}.str(), {kGradient})[0];
      for (size_t i = 0; i < w.size(); ++i)
        CHECK(near(w[i] - kW0[i], expected.move(kW0[i], kGradient[i]), 1e-12, in_float));
    }
  }
}

}  // namespace gradus::testing
