// Signals that end a process as a question that a loop asks between steps.
#pragma once

namespace gradus {

/// While alive, the first SIGINT, SIGTERM or SIGHUP (a terminal that closes) is only noted; a second one ends the process
/// as usual. A SIGHUP that was ignored before (nohup) stays ignored. Progress whose reader is gone is lost, without
/// SIGPIPE.
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
