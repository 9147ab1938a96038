// SIGINT and SIGTERM as a question that a loop asks between steps.
#pragma once

namespace gradus {

/// While alive, the first SIGINT or SIGTERM is only noted; a second one ends the process as usual.
class InterruptScope {
 public:
  InterruptScope();
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;
};

/// Whether a signal has come since the scope began.
bool interrupted();

}  // namespace gradus
