#include "optim/vocabulary/critical_buffer.h"

namespace gradus {

bool CriticalBuffer::empty() const {
  const double* held = s_.find_scalar("critical.count");
  return !held || *held == 0;
}

double CriticalBuffer::inverse_count() { return empty() ? 0 : 1 / count(); }

Tensor* CriticalBuffer::claim(double priority) {
  const auto held = static_cast<int64>(count());
  int64 at = held;
  if (held < o_.topC) {
    ++count();
  } else {
    at = 0;
    for (int64 i = 1; i < held; ++i)
      if (key(i) < key(at)) at = i;
    if (!(priority > key(at))) return nullptr;
  }
  key(at) = priority;
  return &s_(fmt::format("critical.{}", at));  // zeros when new, so that sum + x - slot holds for it too
}

void CriticalBuffer::insert(double priority, const Tensor& x) {
  if (Tensor* place = claim(priority))
    for_each_element(sum(), *place, x, [](real& total, real& slot, real value) {
      total += value - slot;
      slot = value;
    });
}

void CriticalBuffer::decay() {
  const auto held = static_cast<int64>(count());
  for (int64 i = 0; i < held; ++i) key(i) *= o_.decay;
}

}  // namespace gradus
