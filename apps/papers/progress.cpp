#include "apps/papers/progress.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "apps/cli/output.h"

namespace gradus {
namespace {

constexpr auto kPaperBarInterval = std::chrono::milliseconds(100);
constexpr auto kPaperLineInterval = std::chrono::seconds(5);

}  // namespace

PaperProgress::PaperProgress(bool quiet, std::string paper)
    : quiet_(quiet), terminal_(stderr_terminal()), paper_(std::move(paper)) {}

PaperProgress::~PaperProgress() { clear(); }

void PaperProgress::clear() {
  if (std::exchange(shown_, false)) note("\r\x1b[K");
}

void PaperProgress::begin(int64 total, int slots) {
  total_ = total;
  slots_ = slots;
  next_ = Clock::now() + (terminal_.interactive ? Clock::duration(0) : Clock::duration(kPaperLineInterval));
}

void PaperProgress::finished(double seconds) {
  ++done_;
  seconds_ += seconds;
}

std::string PaperProgress::line(const std::vector<std::string>& labels, double done) const {
  std::string text = fmt::format("{}/{} runs", done_, total_);
  if (done_) {
    const double left = seconds_ / static_cast<double>(done_) * (static_cast<double>(total_) - done) / slots_;
    text += fmt::format("  ETA {}", clock_text(left));
  }
  return text + fmt::format("  {}", fmt::join(labels, " | "));
}

void PaperProgress::running(const std::vector<std::string>& labels, const std::vector<double>& shares) {
  if (quiet_) return;
  const auto now = Clock::now();
  if (now < next_) return;
  const double done = static_cast<double>(done_) + std::accumulate(shares.begin(), shares.end(), 0.0);
  const std::string tail = " " + line(labels, done);
  if (!terminal_.interactive) {
    note(fmt::format("{}{}\n", paper_, tail));
    next_ = now + kPaperLineInterval;
  } else {
    const int columns_now = stderr_terminal().columns - 1;
    const int width = std::clamp(columns_now - static_cast<int>(paper_.size() + 1 + tail.size()), 8, 30);
    const int full = std::clamp(
        static_cast<int>(done / static_cast<double>(std::max<int64>(total_, 1)) * width), 0, width);
    std::string bar;
    for (int i = 0; i < width; ++i)
      bar += i < full ? (terminal_.unicode ? "━" : "#") : (terminal_.unicode ? "┄" : "-");
    const int room = columns_now - static_cast<int>(paper_.size()) - 1 - width;
    note(fmt::format("\r{} {}{}\x1b[K", paper_, coloured(bar, "32", terminal_.colour),
                     tail.substr(0, static_cast<size_t>(std::max(room, 0)))));
    shown_ = true;
    next_ = now + kPaperBarInterval;
  }
}

void PaperProgress::message(const std::string& text) {
  if (quiet_) return;
  clear();
  note(text + "\n");
}

}  // namespace gradus
