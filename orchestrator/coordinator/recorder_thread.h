// Feeds a Recorder on a thread of its own, so that a slow database never delays scheduling. Events
// wait in memory until they are recorded; a Recorder that fails is offered them again.
//
// Functions are called by the owner's thread; the Recorder is called by ours alone.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "orchestrator/coordinator/recorder.h"

namespace vlsweep {

class RecorderThread {
 public:
  // Events up to `recorded` are in the recorder already: they are counted, not offered.
  RecorderThread(Recorder& recorder, std::uint64_t recorded);
  // Gives up what close() did not wait for.
  ~RecorderThread();
  RecorderThread(const RecorderThread&) = delete;
  RecorderThread& operator=(const RecorderThread&) = delete;

  // The journal's next events, in order.
  void push(std::vector<Event> events);
  void push(Event event);
  void push_live(std::vector<LiveReport> reports);
  // Waits while more than `most` events wait (and the recorder takes them): keeps memory bounded
  // while a journal is read.
  void wait_below(std::size_t most);
  // Waits until all is recorded or the recorder has failed twice more on it; then checkpoint().
  void close();

 private:
  void run(std::stop_token stop);
  bool record(std::vector<Event>& events);
  void accept(Event&& event);

  Recorder& recorder_;
  std::uint64_t skip_;                // events still to be passed over
  std::uint64_t next_;                // number of the first event that waits; the thread's
  std::mutex mutex_;                  // of the members from here to the next line
  std::condition_variable_any wake_;  // something to do, or to stop
  std::condition_variable_any room_;  // events were taken
  std::vector<Event> events_;
  std::vector<LiveReport> live_;
  bool closing_ = false;
  bool failing_ = false;  // the recorder refused what it was last offered

  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace vlsweep
