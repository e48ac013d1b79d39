#include "orchestrator/launcher/launcher.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <optional>
#include <thread>
#include <utility>

#include "orchestrator/launcher/interrupts.h"
#include "orchestrator/launcher/job.h"
#include "orchestrator/launcher/progress_display.h"

namespace vlsweep {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Time = steady_clock::time_point;

constexpr milliseconds kLookEvery{20}, kAskEvery{250};
// For mpirun to end by itself once the coordinator has closed the run, and when it is asked to.
constexpr milliseconds kEndPatience{10'000}, kKillPatience{3'000};

class Launcher {
 public:
  Launcher(const RunFolder& run, const LaunchOptions& options, StatusSource& source, Mpirun mpirun)
      : run_(run), options_(options), source_(source), mpirun_(std::move(mpirun)) {}

  Result<int> run_to_the_end();

 private:
  // Starts mpirun and stays with it until no process of it is left.
  Result<> run_one_job();
  void watch(Job& job);
  bool heed_interrupts(Job& job, Time now);
  bool look_at_status(Time now, bool at_once);
  bool closed() const { return status_.sessions > sessions_before_ && !status_.outcome.empty(); }
  Result<int> give_up() const;
  int conclude();
  void pause();

  const RunFolder& run_;
  const LaunchOptions& options_;
  StatusSource& source_;
  Mpirun mpirun_;
  OrphanKeeper orphans_;
  Interrupts interrupts_;
  ProgressDisplay display_;

  RunStatus status_;
  std::uint64_t sessions_before_ = 0;  // when the present job was started
  Time next_ask_{};
  std::optional<Time> stop_deadline_;  // once a stop has been asked for
  bool stop_sent_ = false;
  bool at_once_ = false;  // asked twice
  std::string last_words_;
};

Result<int> Launcher::run_to_the_end() {
  std::uint32_t futile = 0;
  while (true) {
    status_ = source_.status();
    const std::uint64_t done_before = status_.done;
    sessions_before_ = status_.sessions;
    VLSWEEP_CHECK_OK(run_one_job());
    if (closed() || stop_deadline_) return conclude();
    futile = status_.done > done_before ? 1 : futile + 1;
    if (futile > options_.max_futile_restarts) return give_up();
    display_.say("vlsweep: the job ended before the run was over" +
                 (last_words_.empty() ? "" : " (" + last_words_ + ")") + "; starting it again");
    pause();
    if (stop_deadline_) return conclude();
  }
}

Result<> Launcher::run_one_job() {
  VLSWEEP_TRY(Job job, Job::start(mpirun_, run_, options_));
  stop_sent_ = false;
  watch(job);
  job.end(orphans_, at_once_ ? milliseconds(200) : kKillPatience);
  last_words_ = job.last_words();
  look_at_status(steady_clock::now(), true);
  return {};
}

// Returns when the job is over or must be ended.
void Launcher::watch(Job& job) {
  std::optional<Time> closed_at;
  while (true) {
    const Time now = steady_clock::now();
    const Job::State state = job.look(now);
    if (state == Job::State::over) return;
    if (look_at_status(now, state == Job::State::headless) && !closed_at) closed_at = now;
    if (state == Job::State::headless && !closed_at) return;
    if (closed_at && now - *closed_at > kEndPatience) return;
    if (heed_interrupts(job, now)) return;
    std::this_thread::sleep_for(kLookEvery);
  }
}

// Whether the job must be ended now.
bool Launcher::heed_interrupts(Job& job, Time now) {
  const int count = interrupts_.count();
  at_once_ = count > 1;
  if (count == 0) return false;
  if (!stop_deadline_) {
    stop_deadline_ = now + options_.stop_patience;
    display_.say("vlsweep: stopping; what has finished is kept (Ctrl-C again: stop at once)");
  }
  if (!stop_sent_) stop_sent_ = job.ask_to_stop();
  return at_once_ || now > *stop_deadline_;
}

// Shows how far the run is; whether it is closed.
bool Launcher::look_at_status(Time now, bool at_once) {
  if (at_once || now >= next_ask_) {
    next_ask_ = now + kAskEvery;
    status_ = source_.status();
    display_.show(status_, now);
  }
  return closed();
}

Result<int> Launcher::give_up() const {
  std::string message = "the job was started " + std::to_string(options_.max_futile_restarts + 1) +
                        " times and ended each time before a stage was finished";
  if (!last_words_.empty()) message += "; it last said: " + last_words_;
  return fail(Errc::unavailable, message, (run_.logs() / "mpirun.log").string());
}

int Launcher::conclude() {
  if (closed() && status_.outcome == "done") return kLaunchDone;
  if (closed() && status_.outcome == "failed") return kLaunchSomeFailed;
  display_.say("vlsweep: stopped with " + std::to_string(status_.done) + " of " +
               std::to_string(status_.all()) +
               " stages done. To go on, run the same command again" +
               (options_.again.empty() ? "." : ": " + options_.again));
  return kLaunchInterrupted;
}

void Launcher::pause() {
  const Time end = steady_clock::now() + options_.restart_pause;
  while (steady_clock::now() < end && interrupts_.count() == 0)
    std::this_thread::sleep_for(kLookEvery);
  if (interrupts_.count() > 0) stop_deadline_ = steady_clock::now();
}

}  // namespace

Result<int> launch(const RunFolder& run, const LaunchOptions& options, StatusSource& source) {
  VLSWEEP_TRY(Mpirun mpirun, find_mpirun(run.logs() / "mpirun.version"));
  return Launcher(run, options, source, std::move(mpirun)).run_to_the_end();
}

std::uint32_t default_ranks(std::uint32_t cores, std::uint32_t gpus) {
  return gpus > 0 ? gpus : std::clamp(cores, 1U, 2U);
}

std::uint32_t count_gpus() {
  std::uint32_t devices = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/dev", error)) {
    const std::string name = entry.path().filename();
    constexpr std::string_view kPrefix = "nvidia";
    devices += name.starts_with(kPrefix) && name.size() > kPrefix.size() &&
               std::ranges::all_of(name.substr(kPrefix.size()),
                                   [](unsigned char c) { return std::isdigit(c) != 0; });
  }
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  if (visible == nullptr) return devices;
  const std::string_view list = visible;
  if (list.empty() || list.starts_with("-1")) return 0;
  return std::min(devices, static_cast<std::uint32_t>(1 + std::ranges::count(list, ',')));
}

}  // namespace vlsweep
