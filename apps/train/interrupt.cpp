#include "apps/train/interrupt.h"

#include <array>
#include <csignal>

namespace gradus {
namespace {

volatile std::sig_atomic_t signalled = 0;
int scopes = 0;

constexpr std::array<int, 4> kSignals = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
std::array<struct sigaction, kSignals.size()> before;

extern "C" void note_signal(int) { signalled = 1; }

void install(int signal, struct sigaction& old) {
  sigaction(signal, nullptr, &old);
  if (signal == SIGHUP && old.sa_handler == SIG_IGN) return;
  struct sigaction action {};
  action.sa_handler = signal == SIGPIPE ? SIG_IGN : note_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  sigaction(signal, &action, nullptr);
}

}  // namespace

InterruptScope::InterruptScope() {
  if (scopes++ > 0) return;
  signalled = 0;
  for (size_t i = 0; i < kSignals.size(); ++i) install(kSignals[i], before[i]);
}

InterruptScope::~InterruptScope() {
  if (--scopes > 0) return;
  for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before[i], nullptr);
}

bool interrupted() { return signalled != 0; }

}  // namespace gradus
