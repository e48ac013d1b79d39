#include "worker/agent/file_desk.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "orchestrator/base/log.h"

namespace vlsweep {

FileDesk::FileDesk()
    : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this](std::stop_token stop) { run(stop); }) {}

FileDesk::~FileDesk() {
  thread_.request_stop();
  thread_.join();
  ::close(event_);
}

void FileDesk::publish(Store store, Attempt attempt, Maker maker) {
  const AttemptId id = id_of(attempt.assignment);
  add({id, false,
       [store = std::move(store), attempt = std::move(attempt), maker = std::move(maker)] {
         return publish_attempt(store, attempt, maker);
       },
       false});
}

void FileDesk::judge(Store store, Assignment assignment, Maker maker) {
  const AttemptId id = id_of(assignment);
  add({id, true,
       [store = std::move(store), assignment = std::move(assignment), maker = std::move(maker)] {
         return run_judge_stage(store, assignment, maker);
       },
       true});
}

bool FileDesk::cancel(AttemptId id) {
  const std::scoped_lock lock(mutex_);
  return std::erase_if(jobs_, [&](const Job& job) { return job.droppable && job.id == id; }) > 0;
}

void FileDesk::cancel_all() {
  const std::scoped_lock lock(mutex_);
  std::erase_if(jobs_, [](const Job& job) { return job.droppable; });
}

std::vector<ToCoordinator> FileDesk::collect() {
  eventfd_t count = 0;
  ::eventfd_read(event_, &count);
  const std::scoped_lock lock(mutex_);
  return std::exchange(messages_, {});
}

bool FileDesk::idle() const {
  const std::scoped_lock lock(mutex_);
  return jobs_.empty() && !working_ && messages_.empty();
}

void FileDesk::add(Job job) {
  const std::scoped_lock lock(mutex_);
  jobs_.push_back(std::move(job));
  wake_.notify_one();
}

void FileDesk::run(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, stop, [&] { return !jobs_.empty(); });
    if (jobs_.empty()) return;  // asked to stop, and nothing is left to do
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    working_ = true;
    lock.unlock();
    perform(job);
    lock.lock();
    working_ = false;
  }
}

void FileDesk::perform(Job& job) {
  if (job.announce) report(Started{job.id.stage, job.id.attempt});
  const auto begin = std::chrono::steady_clock::now();
  auto result = job.work();
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - begin;
  log_event(Level::debug, "stage_filed",
            {{"stage", std::int64_t{job.id.stage}}, {"ms", time.count()}});
  if (result)
    report(Finished{job.id.stage, job.id.attempt, std::move(*result)});
  else
    report(Failed{job.id.stage, job.id.attempt, result.error().code, result.error().text()});
}

void FileDesk::report(ToCoordinator message) {
  {
    const std::scoped_lock lock(mutex_);
    messages_.push_back(std::move(message));
  }
  ::eventfd_write(event_, 1);
}

}  // namespace vlsweep
