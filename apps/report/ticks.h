// Where the axis of a plot has its ticks, and what stands at them.
#pragma once

#include <string>
#include <vector>

namespace gradus {

struct Tick {
  double value;
  std::string label;  ///< "": a minor tick
  bool operator==(const Tick&) const = default;
};

/// Multiples within low..high of the smallest step 1, 2 or 5 times a power of ten that gives at most `most` (>= 2) of them.
/// Labels have equally many decimals: "0.25 0.30"; thousands and more a unit where that is shorter: "5k", "1.5M".
std::vector<Tick> linear_ticks(double low, double high, int most);

/// 0 < low < high. Labels at powers of ten (every second, third, ... where they are many) with minor ticks at 2 to 9
/// between; over less than two powers also at 2 and 5; over a small range those of linear_ticks.
std::vector<Tick> log_ticks(double low, double high, int most);

}  // namespace gradus
