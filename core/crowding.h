// Whether other programs want our processors too. Internal to core/thread_pool.cpp.
//
// A loop ends when its slowest thread does. Where something else runs on one of the processors, that is the thread which has been
// halted, for some milliseconds, while the loop would have taken some microseconds; and the one that spins for it holds the processor
// on which it could go on. One thread alone then gets more done than two that wait for each other, and its loops give the same bits.
#pragma once

#include <chrono>

namespace gradus::detail {

/// Says when loops should run on one thread. A wait for a thread that had no processor is time lost; where that is more than a
/// fifth, loops run alone for a while (10 ms, then twice as long each time a try with all threads loses as much again, up to 0.64 s).
class Crowding {
 public:
  using Clock = std::chrono::steady_clock;
  using Time = Clock::time_point;
  using Span = std::chrono::nanoseconds;

  /// Whether a loop that starts now should run alone. `now` is asked for the time only while the answer may be yes.
  template <class Now>
  bool alone(const Now& now) {
    if (!pausing_) return false;
    return still_alone(now());
  }
  /// A thread has been waited for from `begin` to `end`, and had a processor for `ran` of that.
  void waited(Time begin, Time end, Span ran);

 private:
  bool still_alone(Time now);

  bool pausing_ = false;
  Time until_{}, since_{};  // of the pause; of what is counted now
  Span lost_{0}, pause_ = kFirstPause;

  static constexpr Span kFirstPause = std::chrono::milliseconds(10),
                        kLongestPause = std::chrono::milliseconds(640),
                        kWindow = std::chrono::milliseconds(50), kLeastLoss = std::chrono::milliseconds(1);
};

}  // namespace gradus::detail
