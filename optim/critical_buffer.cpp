#include "optim/critical_buffer.h"

namespace gradus {

bool CriticalBuffer::empty() const {
  const double* held = s_.find_scalar("critical.count");
  return !held || *held == 0;
}

double CriticalBuffer::inverse_count() { return empty() ? 0 : 1 / count(); }

void CriticalBuffer::insert(double priority, const Tensor& x) {
  const auto held = static_cast<int64>(count());
  int64 at = held;
  if (held < o_.topC) {
    ++count();
  } else {
    at = 0;
    for (int64 i = 1; i < held; ++i)
      if (key(i) < key(at)) at = i;
    if (!(priority > key(at))) return;
  }
  key(at) = priority;
  // A new slot is zeros, so that both cases read sum + x - old.
  for_each_element(sum(), s_(fmt::format("critical.{}", at)), x, [](real& total, real& slot, real value) {
    total += value - slot;
    slot = value;
  });
}

void CriticalBuffer::decay() {
  const auto held = static_cast<int64>(count());
  for (int64 i = 0; i < held; ++i) key(i) *= o_.decay;
}

}  // namespace gradus
