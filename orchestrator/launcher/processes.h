// What the kernel says of processes, and how none is left behind: orphans of the job become
// children of the launcher, which ends them.
//
// Belongs to the launcher's thread. Linux only (/proc, PR_SET_CHILD_SUBREAPER).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <set>

namespace vlsweep {

enum class ProcessState { gone, running, frozen };  // a zombie is gone; frozen: SIGSTOP
ProcessState process_state(pid_t pid);

// While one lives, orphaned descendants of this process become its children.
class OrphanKeeper {
 public:
  OrphanKeeper();
  ~OrphanKeeper();
  OrphanKeeper(const OrphanKeeper&) = delete;
  OrphanKeeper& operator=(const OrphanKeeper&) = delete;

  // Kills and reaps every child but `spared` and those there were at the beginning, until none is
  // left (they bring their own orphans) or `patience` is over. How many there were.
  int end_orphans(pid_t spared, std::chrono::milliseconds patience);

 private:
  std::set<pid_t> before_;
};

}  // namespace vlsweep
