#include "apps/train/interrupt.h"

#include <csignal>

namespace gradus {
namespace {

volatile std::sig_atomic_t signalled = 0;
int scopes = 0;

extern "C" void note_signal(int) { signalled = 1; }

void install(int signal) {
  struct sigaction action {};
  action.sa_handler = note_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  sigaction(signal, &action, nullptr);
}

}  // namespace

InterruptScope::InterruptScope() {
  if (scopes++ > 0) return;
  signalled = 0;
  install(SIGINT);
  install(SIGTERM);
}

InterruptScope::~InterruptScope() {
  if (--scopes > 0) return;
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

bool interrupted() { return signalled != 0; }

}  // namespace gradus
