// Waiting for another thread without going to sleep.
#pragma once

#include <atomic>
#include <thread>

namespace gradus::detail {

/// Tells the processor that this is a loop that waits.
inline void spin_pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// A mutex for sections of some hundred instructions that the threads of a parallel loop enter at the same moment: short
/// enough to wait for without being put to sleep.
class SpinLock {
 public:
  void lock() {
    constexpr int kSpins = 1000;  // then the holder has been interrupted, or is waiting for the system
    for (int i = 0; taken_.test_and_set(std::memory_order_acquire);) {
      if (++i < kSpins)
        spin_pause();
      else
        std::this_thread::yield();
    }
  }
  void unlock() { taken_.clear(std::memory_order_release); }

 private:
  std::atomic_flag taken_;
};

}  // namespace gradus::detail
