// What happened in a run, as the journal keeps it and results.db is built from it. Stages are named
// by key, so a record outlives the plan it was written under. Times are seconds since 1970.
#pragma once

#include <variant>

#include "orchestrator/protocol/wire.h"

namespace vlsweep {

// A coordinator began (or began again) to work on the run.
struct RunOpened {
  double time = 0;
  std::string plan_digest;  // SHA-256 of plan.json
  std::string host;
  std::int64_t pid = 0;
  std::string version;    // of vlsweep
  std::string commit;     // git commit it was built from, or empty
  std::string libraries;  // "Open MPI 4.1.4, HDF5 1.10.8, SQLite 3.40.1"
};
struct RankJoined {
  double time = 0;
  std::uint32_t rank = 0;
  std::string host;
  std::int64_t pid = 0;
  std::string device;
  std::string versions;  // of the trainer: "libtorch 2.13.0"
};
struct RankLost {
  double time = 0;
  std::uint32_t rank = 0;
  std::string reason;
};
struct StageStarted {
  double time = 0;
  Key key;
  std::uint32_t attempt = 0;
  std::uint32_t rank = 0;
};
struct StageDone {
  double time = 0;
  Key key;
  std::uint32_t attempt = 0;
  std::uint32_t rank = 0;
  StageResult result;
};
// The store already held the result, from this run or another.
struct StageReused {
  double time = 0;
  Key key;
  StageResult result;
};
struct StageFailed {
  double time = 0;
  Key key;
  std::uint32_t attempt = 0;
  std::uint32_t rank = 0;
  Errc code = Errc::internal;
  std::string message;
  bool final = false;  // no attempt is left
};
struct RunClosed {
  double time = 0;
  std::string outcome;  // "done", "failed", "stopped"
};

using Event = std::variant<RunOpened, RankJoined, RankLost, StageStarted, StageDone, StageReused,
                           StageFailed, RunClosed>;

template <class A>
void fields(A& a, RunOpened& e) {
  a(e.time, e.plan_digest, e.host, e.pid, e.version, e.commit, e.libraries);
}
template <class A>
void fields(A& a, RankJoined& e) {
  a(e.time, e.rank, e.host, e.pid, e.device, e.versions);
}
template <class A>
void fields(A& a, RankLost& e) {
  a(e.time, e.rank, e.reason);
}
template <class A>
void fields(A& a, StageStarted& e) {
  a(e.time, e.key, e.attempt, e.rank);
}
template <class A>
void fields(A& a, StageDone& e) {
  a(e.time, e.key, e.attempt, e.rank, e.result);
}
template <class A>
void fields(A& a, StageReused& e) {
  a(e.time, e.key, e.result);
}
template <class A>
void fields(A& a, StageFailed& e) {
  a(e.time, e.key, e.attempt, e.rank, e.code, e.message, e.final);
}
template <class A>
void fields(A& a, RunClosed& e) {
  a(e.time, e.outcome);
}

}  // namespace vlsweep
