#include "apps/report/ticks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace gradus {
namespace {

// mantissa * 10^exponent, exact as far as doubles are: 3e-1 is 3 / 10, not 3 * 0.1.
double decimal(double mantissa, int exponent) {
  if (exponent < -300) return mantissa / 1e300 / std::pow(10.0, -exponent - 300);
  return exponent < 0 ? mantissa / std::pow(10.0, -exponent) : mantissa * std::pow(10.0, exponent);
}

struct Step {
  int mantissa, exponent;
  double size() const { return decimal(mantissa, exponent); }
};

struct Multiples {
  double first, last;  // as numbers of steps
};
Multiples multiples(double low, double high, double step) {
  constexpr double kSlack = 1e-9;  // an end that is a multiple but for rounding has its tick
  return {std::ceil(low / step - kSlack), std::floor(high / step + kSlack)};
}

Step nice_step(double low, double high, int most) {
  int exponent = static_cast<int>(std::floor(std::log10((high - low) / most))) - 1;
  for (;; ++exponent)
    for (const int mantissa : {1, 2, 5}) {
      const Step step{mantissa, exponent};
      const Multiples m = multiples(low, high, step.size());
      if (m.last - m.first + 1 <= most) return step;
    }
}

// "1e-5", "2.5e6": the exponent without zeros in front.
std::string scientific(double v, int decimals) {
  if (v == 0) return "0";
  const std::string text = fmt::format("{:.{}e}", v, decimals);
  const auto e = text.find('e');
  return fmt::format("{}e{}", text.substr(0, e), std::stoi(text.substr(e + 1)));
}

// Labels of multiples of 10^exponent (times 1, 2 or 5), of which `largest` is the largest in size.
std::string linear_label(double v, int exponent, double largest) {
  constexpr std::pair<int, const char*> kUnits[] = {{12, "T"}, {9, "G"}, {6, "M"}, {3, "k"}};
  if (largest >= 1e15 || largest < 1e-3) {
    const int magnitude = v == 0 ? 0 : static_cast<int>(std::floor(std::log10(std::abs(v)) + 1e-12));
    return scientific(v, std::clamp(magnitude - exponent, 0, 15));
  }
  if (largest >= 1e4)
    for (const auto& [power, unit] : kUnits) {
      const int decimals = std::max(0, power - exponent);
      if (largest < decimal(1, power) || decimals > 1) continue;
      return v == 0 ? "0" : fmt::format("{:.{}f}{}", v / decimal(1, power), decimals, unit);
    }
  return fmt::format("{:.{}f}", v, std::max(0, -exponent));
}

std::string log_label(double v) {
  return v >= 1e-3 * (1 - 1e-9) && v < 1e4 ? fmt::format("{:.6g}", v) : scientific(v, 0);
}

}  // namespace

std::vector<Tick> linear_ticks(double low, double high, int most) {
  if (!(low < high)) return {};
  const Step step = nice_step(low, high, std::max(most, 2));
  const auto [first, last] = multiples(low, high, step.size());
  const auto value = [&](double i) { return i == 0 ? 0 : decimal(i * step.mantissa, step.exponent); };
  const double largest = std::max(std::abs(value(first)), std::abs(value(last)));
  std::vector<Tick> ticks;
  for (double i = first; i <= last; ++i)
    ticks.push_back({value(i), linear_label(value(i), step.exponent, largest)});
  return ticks;
}

std::vector<Tick> log_ticks(double low, double high, int most) {
  if (!(low > 0 && low < high)) return {};
  most = std::max(most, 2);
  constexpr double kSlack = 1e-9;
  const int first = static_cast<int>(std::floor(std::log10(low) + kSlack));
  const int last = static_cast<int>(std::floor(std::log10(high) + kSlack));
  const auto inside = [&](double v) { return v >= low * (1 - kSlack) && v <= high * (1 + kSlack); };
  int powers = 0;
  for (int e = first; e <= last; ++e) powers += inside(decimal(1, e));
  const int stride = (powers + most - 1) / most;
  std::vector<Tick> ticks;
  int labels = 0;
  for (int e = first; e <= last; ++e)
    for (int m = 1; m <= 9; ++m) {
      const double v = decimal(m, e);
      if (!inside(v) || (stride > 1 && m > 1)) continue;
      const bool labelled =
          powers >= 2 ? m == 1 && (stride == 1 || e % stride == 0) : m == 1 || m == 2 || m == 5;
      labels += labelled;
      ticks.push_back({v, labelled ? log_label(v) : ""});
    }
  return labels >= 2 && labels <= most ? ticks : linear_ticks(low, high, most);
}

}  // namespace gradus
