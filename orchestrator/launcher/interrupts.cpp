#include "orchestrator/launcher/interrupts.h"

#include <signal.h>

#include <atomic>

namespace vlsweep {
namespace {

std::atomic<int> interrupts_seen{0};
static_assert(std::atomic<int>::is_always_lock_free, "used in a signal handler");

void count_one(int) { ++interrupts_seen; }

}  // namespace

Interrupts::Interrupts() {
  interrupts_seen = 0;
  struct sigaction action {};
  action.sa_handler = count_one;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, &old_interrupt_);
  ::sigaction(SIGTERM, &action, &old_terminate_);
}

Interrupts::~Interrupts() {
  ::sigaction(SIGINT, &old_interrupt_, nullptr);
  ::sigaction(SIGTERM, &old_terminate_, nullptr);
}

int Interrupts::count() const { return interrupts_seen; }

}  // namespace vlsweep
