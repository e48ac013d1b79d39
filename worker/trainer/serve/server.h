// A trainer in the service of an agent: takes frames from a socket, runs the stages in their order,
// answers. A reader thread takes what comes; the calling thread computes and is the only one that
// writes. See worker/agent/trainer_message.h for the messages.
#pragma once

#include "orchestrator/base/result.h"
#include "worker/trainer/stage/runner.h"

namespace vlsweep {

// Serves until the other end closes or says exit (a stage that runs then is stopped at its next
// step). Error: the socket broke, or what came was not a frame.
Result<> serve(int fd, StageRunner& runner);

}  // namespace vlsweep
