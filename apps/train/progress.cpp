#include "apps/train/progress.h"

#include <algorithm>
#include <cmath>

#include "apps/cli/output.h"

namespace gradus {
namespace {

constexpr auto kBarInterval = std::chrono::milliseconds(100);
constexpr auto kLineInterval = std::chrono::seconds(5);

double rate(const Progress::Now& now) {
  return now.seconds > 0 ? static_cast<double>(now.examples) / now.seconds : std::nan("");
}

}  // namespace

Progress::Progress(bool quiet, int64 total_steps, double total_epochs, int64 first_step, const char* unit)
    : quiet_(quiet),
      terminal_(stderr_terminal()),
      total_(total_steps),
      first_(first_step),
      epochs_(total_epochs),
      unit_(unit),
      next_(Clock::now() + (terminal_.interactive ? Clock::duration(0) : Clock::duration(kLineInterval))) {}

Progress::~Progress() { clear(); }

void Progress::clear() {
  if (std::exchange(shown_, false)) note("\r\x1b[K");
}

std::string Progress::line(const Now& now) const {
  const double left = now.step > first_ ? now.seconds / static_cast<double>(now.step - first_) *
                                              static_cast<double>(total_ - now.step)
                                        : std::nan("");
  std::string text = fmt::format("loss {}", brief(now.loss));
  if (!std::isnan(now.accuracy)) text += fmt::format("  acc {}", percent(now.accuracy));
  text += fmt::format("  lr {}  {}/s", brief(now.lr), short_count(rate(now)));
  if (!std::isnan(left)) text += fmt::format("  ETA {}", clock_text(left));
  return text;
}

std::string Progress::bar(const std::string& head, const std::string& tail, double part) const {
  const int room = stderr_terminal().columns - 1 - static_cast<int>(head.size() + tail.size());
  if (room < 4)
    return (head + tail).substr(0, static_cast<size_t>(std::max(stderr_terminal().columns - 1, 0)));
  const int width = std::min(room, 40);
  const int full = std::clamp(static_cast<int>(part * width), 0, width);
  std::string done, open;
  for (int i = 0; i < width; ++i)
    (i < full ? done : open) += terminal_.unicode ? "━" : (i < full ? "#" : "-");
  // Without colour the two halves must differ in form.
  if (terminal_.unicode && !terminal_.colour) {
    open.clear();
    for (int i = full; i < width; ++i) open += "┄";
  }
  return head + coloured(done, "32", terminal_.colour) + coloured(open, "90", terminal_.colour) + tail;
}

void Progress::step(const Now& now) {
  if (quiet_ || Clock::now() < next_) return;
  const std::string text = line(now);
  show(fmt::format("epoch {:.1f}/{:.3g} ", now.epoch, epochs_), " " + text,
       total_ ? static_cast<double>(now.step) / static_cast<double>(total_) : 1,
       fmt::format("{} {}/{}  epoch {:.2f}  {}", unit_, now.step, total_, now.epoch, text));
}

void Progress::show(const std::string& head, const std::string& tail, double share, const std::string& text) {
  if (quiet_) return;
  const auto clock = Clock::now();
  if (clock < next_) return;
  if (terminal_.interactive) {
    note(fmt::format("\r{}\x1b[K", bar(head, tail, share)));
    shown_ = true;
    next_ = clock + kBarInterval;
  } else {
    note(text + "\n");
    next_ = clock + kLineInterval;
  }
}

void Progress::evaluating() {
  if (quiet_ || !shown_) return;
  note("  testing");
}

void Progress::row(const MetricsRow& r) {
  if (quiet_) return;
  std::string text =
      fmt::format("epoch {:<5.4g} step {:<7} train loss {:<8}", r.epoch, r.step, brief(r.train_loss));
  if (!std::isnan(r.train_accuracy)) text += fmt::format(" acc {:<8}", percent(r.train_accuracy));
  text += fmt::format("  test loss {:<8}", brief(r.test_loss));
  if (!std::isnan(r.test_accuracy))
    text += " acc " + coloured(fmt::format("{:<8}", percent(r.test_accuracy)), "1", terminal_.colour);
  if (!std::isnan(r.validation_accuracy))
    text += fmt::format("  validation {}", percent(r.validation_accuracy));
  else if (!std::isnan(r.validation_loss))
    text += fmt::format("  validation loss {}", brief(r.validation_loss));
  message(text + fmt::format("  {:.1f} s", r.seconds));
}

void Progress::message(const std::string& text) {
  if (quiet_) return;
  clear();
  note(text + "\n");
}

}  // namespace gradus
