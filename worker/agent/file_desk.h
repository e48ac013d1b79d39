// The agent's second thread: publishes finished stages and does judge stages, in the order given,
// so that neither heartbeats nor the trainer ever wait for a disk.
//
// All functions are for the owner's thread. Destruction waits until what was added is done: a
// result on its way into the store is worth keeping even if nobody is left to report it to.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "worker/agent/publish.h"

namespace vlsweep {

class FileDesk {
 public:
  FileDesk();
  ~FileDesk();
  FileDesk(const FileDesk&) = delete;
  FileDesk& operator=(const FileDesk&) = delete;

  void publish(Store store, Attempt attempt, Maker maker);
  void judge(Store store, Assignment assignment, Maker maker);
  // A judge stage that has not been begun is dropped; false if there is none of this id.
  bool cancel(AttemptId id);
  void cancel_all();

  // The messages for the coordinator that have come up since the last call.
  std::vector<ToCoordinator> collect();
  // Readable while collect() has something.
  int descriptor() const { return event_; }
  bool idle() const;

 private:
  struct Job {
    AttemptId id;
    bool droppable = false;
    std::function<Result<StageResult>()> work;
    bool announce = false;  // Started is sent when it begins
  };
  void add(Job job);
  void run(std::stop_token stop);
  void perform(Job& job);
  void report(ToCoordinator message);

  mutable std::mutex mutex_;  // of the four below
  std::condition_variable_any wake_;
  std::deque<Job> jobs_;
  std::vector<ToCoordinator> messages_;
  bool working_ = false;

  int event_;            // an eventfd
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace vlsweep
