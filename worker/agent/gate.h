// Keeps a stage back until those given to this rank before it, whose results it needs, have ended:
// a stage may be assigned together with its parents (see Assign in message.h).
//
// Belongs to one thread.
#pragma once

#include <map>
#include <vector>

#include "worker/agent/trainer_message.h"

namespace vlsweep {

class Gate {
 public:
  // Whether the stage may begin now. If not, it is taken, until take_open() returns it.
  bool admit(Assignment& assignment);
  // A message on its way to the coordinator: a Finished opens the gate for what waited for it;
  // after a Failed that has failed too, which is added to `messages`.
  void settle(std::size_t message, std::vector<ToCoordinator>& messages);
  // Stages that waited and may begin now, in the order in which they came.
  std::vector<Assignment> take_open();
  // Drops a stage that is kept back; false if there is none of this id.
  bool cancel(AttemptId id);
  void clear();

 private:
  bool waits(const Assignment& assignment) const;

  std::map<AttemptId, Key> unfinished_;  // those that were admitted, and those kept back
  std::vector<Assignment> held_;
};

}  // namespace vlsweep
