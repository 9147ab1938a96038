#include "apps/report/axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/report/markup.h"

namespace gradus {

namespace {

// Differences of what is drawn, and their squares, stay finite.
bool drawable(double v, bool log) { return std::abs(v) <= 1e150 && (!log || v > 1e-150); }

}  // namespace

void Range::add(double v) {
  if (!drawable(v, log)) return;
  if (empty())
    low = high = v;
  else
    low = std::min(low, v), high = std::max(high, v);
}

Axis::Axis(const AxisSpec& spec, const Range& shown, double from, double to, int most_ticks, double margin)
    : log_(spec.log), from_(from), to_(to) {
  const auto usable = [&](const std::optional<double>& end) { return end && shows(*end); };
  low_ = usable(spec.low) ? *spec.low : shown.empty() ? (log_ ? 1 : 0) : shown.low;
  high_ = usable(spec.high) ? *spec.high : shown.empty() ? (log_ ? 10 : 1) : shown.high;
  if (!(scaled(high_) - scaled(low_) > 1e-12 * std::max(std::abs(scaled(low_)), std::abs(scaled(high_))))) {
    const double around = std::abs(low_) > 0 ? std::abs(low_) * 0.1 : 1;
    low_ = log_ ? low_ / 2 : low_ - around;
    high_ = log_ ? low_ * 4 : low_ + 2 * around;
  } else {
    const double span = std::abs(to - from);
    const double more = margin / std::max(span - 2 * margin, 1.0) * (scaled(high_) - scaled(low_));
    const auto back = [&](double s) { return log_ ? std::pow(10.0, s) : s; };
    const double low = scaled(low_), high = scaled(high_);
    if (!usable(spec.low)) low_ = back(low - more);
    if (!usable(spec.high)) high_ = back(high + more);
  }
  ticks_ = log_ ? log_ticks(low_, high_, most_ticks) : linear_ticks(low_, high_, most_ticks);
  if (spec.whole && ticks_.size() > 1 && ticks_[1].value - ticks_[0].value < 1) {
    std::erase_if(ticks_, [](const Tick& t) { return t.value != std::round(t.value); });
    for (Tick& t : ticks_) t.label = fmt::format("{:.0f}", t.value);
  }
}

double Axis::scaled(double v) const { return log_ ? std::log10(v) : v; }

bool Axis::shows(double v) const { return drawable(v, log_); }

double Axis::at(double v) const {
  return from_ + (to_ - from_) * ((scaled(v) - scaled(low_)) / (scaled(high_) - scaled(low_)));
}

double Axis::clamped(double v) const {
  if (std::isnan(v) || v <= low_) return from_;
  return v >= high_ ? to_ : at(v);
}

double Axis::label_width(double font_size) const {
  double width = 0;
  for (const Tick& t : ticks_) width = std::max(width, text_width(t.label, font_size));
  return width;
}

}  // namespace gradus
