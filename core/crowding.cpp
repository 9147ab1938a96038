#include "core/crowding.h"

#include <algorithm>

namespace gradus::detail {

bool Crowding::still_alone(Time now) {
  if (now < until_) return true;
  pausing_ = false;
  since_ = now;
  lost_ = Span{0};
  return false;
}

void Crowding::waited(Time begin, Time end, Span ran) {
  // All went well for as long as that: what is lost from here on is counted anew.
  if (begin - since_ > kWindow) {
    if (lost_ * 5 <= begin - since_) pause_ = kFirstPause;
    since_ = begin;
    lost_ = Span{0};
  }
  lost_ += std::max(Span{0}, Span(end - begin) - ran);
  if (lost_ < kLeastLoss || lost_ * 5 < end - since_) return;
  pausing_ = true;
  until_ = end + pause_;
  pause_ = std::min(2 * pause_, kLongestPause);
}

}  // namespace gradus::detail
