// SIGINT and SIGTERM as a count that a loop looks at.
//
// One at a time in a process; made and destroyed by one thread.
#pragma once

#include <csignal>

namespace vlsweep {

class Interrupts {
 public:
  Interrupts();
  // Puts back what was there before.
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  // How many have come.
  int count() const;

 private:
  struct sigaction old_interrupt_ {};
  struct sigaction old_terminate_ {};
};

}  // namespace vlsweep
