#include "apps/book/rates.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "optim/registry.h"

namespace gradus {
namespace {

constexpr std::array<double, 10> kRates = {1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1, 3};

bool has_lr(const OptimizerEntry& entry) {
  return std::any_of(entry.options.begin(), entry.options.end(),
                     [](const OptionInfo& o) { return o.name == "lr" && o.type == "number"; });
}

}  // namespace

std::span<const double> path_rates() { return kRates; }

Spec with_something_inside(Spec spec) {
  if (find_optimizer(spec.name).wraps && spec.inner.empty())
    spec.inner = spec.name == "companion" ? "sgd|sgd" : "sgd";
  return spec;
}

bool set_rate(Spec& spec, double lr) {
  const OptimizerEntry& entry = find_optimizer(spec.name);
  if (entry.wraps) {
    const size_t bar = spec.inner.find('|');
    std::string inside;
    bool any = false;
    for (const std::string& part : bar == std::string::npos
                                       ? std::vector{spec.inner}
                                       : std::vector{spec.inner.substr(0, bar), spec.inner.substr(bar + 1)}) {
      Spec inner = parse_spec(part);
      any = set_rate(inner, lr) || any;
      inside += (inside.empty() ? "" : "|") + inner.str();
    }
    spec.inner = inside;
    return any;
  }
  const auto given =
      std::find_if(spec.options.begin(), spec.options.end(), [](const auto& o) { return o.first == "lr"; });
  if (!has_lr(entry) || given != spec.options.end()) return false;
  spec.options.emplace_back("lr", fmt::format("{:g}", lr));
  return true;
}

double given_rate(const Spec& spec) {
  for (const auto& [key, value] : spec.options)
    if (key == "lr") return std::strtod(value.c_str(), nullptr);
  return 0;
}

std::string rounded_text(double v, int n) {
  if (!std::isfinite(v)) return "null";
  if (v == 0) return "0";
  const double unit = std::pow(10.0, n - 1 - std::floor(std::log10(std::abs(v))));
  return fmt::format("{:g}", std::round(v * unit) / unit);
}

std::string rounded_list(const std::vector<double>& values, int n) {
  std::string out = "[";
  for (const double v : values) out += (out.size() > 1 ? "," : "") + rounded_text(v, n);
  return out + "]";
}

}  // namespace gradus
