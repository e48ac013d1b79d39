#include "orchestrator/coordinator/run_loop.h"

#include <chrono>
#include <utility>

#include "orchestrator/base/log.h"
#include "orchestrator/coordinator/journal.h"
#include "orchestrator/coordinator/recorder_thread.h"

namespace vlsweep {
namespace {

using std::chrono::microseconds;

// How long the loop rests at most: heartbeats and interrupts are seen to that often.
constexpr microseconds kRest{20'000};
// Payloads taken in one turn before the others (journal, heartbeats) have theirs.
constexpr int kPayloadsAtOnce = 256;
// While an old journal is read: events handed to the recorder at once, and that may wait there.
constexpr std::size_t kEventsPassedOn = 1'000;
constexpr std::size_t kMostEventsWaiting = 50'000;

Instant instant_now() {
  using Seconds = std::chrono::duration<double>;
  return {Seconds(std::chrono::system_clock::now().time_since_epoch()).count(),
          Seconds(std::chrono::steady_clock::now().time_since_epoch()).count()};
}

CoordinatorConfig config_of(const CoordinatorOptions& options) {
  CoordinatorConfig config;
  config.run_folder = options.run_folder.string();
  config.store_folder = options.store_folder.string();
  config.num_agents = options.transport.size() - 1;
  config.heartbeat_ms = options.heartbeat_ms;
  config.silence_ms = options.silence_ms;
  config.join_ms = options.join_ms;
  config.retry_failed = options.retry_failed;
  config.opened = options.opened;
  return config;
}

int status_of(RunOutcome outcome) {
  switch (outcome) {
    case RunOutcome::done:
      return kExitDone;
    case RunOutcome::failed:
      return kExitSomeFailed;
    case RunOutcome::stopped:
      return kExitStopped;
    case RunOutcome::ranks_lost:
      return kExitRestart;
    case RunOutcome::no_ranks:
      return kExitInfrastructure;
  }
  return kExitInfrastructure;
}

// The parts of a run in progress.
class RunLoop {
 public:
  explicit RunLoop(const CoordinatorOptions& options)
      : options_(options),
        coordinator_(options.plan, config_of(options)),
        recorded_(options.recorder.recorded()),
        recorder_(options.recorder, recorded_) {}

  // Until the run is over, or the journal refuses.
  Result<RunOutcome> run() {
    VLSWEEP_TRY(Journal journal, open_journal());
    coordinator_.open(instant_now(), options_.store);
    for (;;) {
      VLSWEEP_CHECK_OK(commit(journal));
      if (coordinator_.outcome()) return *coordinator_.outcome();
      receive();
      if (options_.interrupt != nullptr && options_.interrupt->load())
        coordinator_.stop(instant_now());
      coordinator_.on_tick(instant_now());
    }
  }

  void close_recorder() { recorder_.close(); }
  Ending ending() const {
    return coordinator_.any_rank_missing() ? Ending::abrupt : Ending::orderly;
  }
  void log_summary() const;

 private:
  Result<Journal> open_journal();
  void receive();
  Result<> commit(Journal& journal);

  const CoordinatorOptions& options_;
  Coordinator coordinator_;
  std::uint64_t recorded_;
  RecorderThread recorder_;
};

Result<Journal> RunLoop::open_journal() {
  const std::filesystem::path path = options_.run_folder / "journal";
  VLSWEEP_TRY(std::unique_ptr<AppendFile> file, open_append_file(path));
  std::vector<Event> read;
  const auto pass_on = [&] {
    recorder_.push(std::exchange(read, {}));
    recorder_.wait_below(kMostEventsWaiting);
  };
  VLSWEEP_TRY(Journal journal, Journal::open(std::move(file), path.string(), [&](Event&& event) {
                coordinator_.restore(event);
                read.push_back(std::move(event));
                if (read.size() == kEventsPassedOn) pass_on();
              }));
  pass_on();
  log_event(Level::info, "journal_opened",
            {{"events", static_cast<std::int64_t>(journal.num_events())}});
  if (recorded_ > journal.num_events())
    return fail(Errc::corrupt,
                "holds fewer events (" + std::to_string(journal.num_events()) +
                    ") than the results database was given (" + std::to_string(recorded_) +
                    "); rebuild the database",
                path.string());
  if (journal.cut_bytes() > 0)
    log_event(Level::warning, "journal_tail_cut",
              {{"bytes", static_cast<std::int64_t>(journal.cut_bytes())}});
  return journal;
}

void RunLoop::receive() {
  std::optional<Envelope> envelope = options_.transport.poll(kRest);
  const Instant now = instant_now();
  for (int i = 0; envelope && i < kPayloadsAtOnce; ++i) {
    coordinator_.on_payload(envelope->from, envelope->bytes, now);
    envelope = options_.transport.poll(microseconds(0));
  }
  if (envelope) coordinator_.on_payload(envelope->from, envelope->bytes, now);
}

// What happened becomes durable; only then does anybody hear of it.
Result<> RunLoop::commit(Journal& journal) {
  Coordinator::Output output = coordinator_.take_output();
  for (const Event& event : output.events) journal.append(event);
  VLSWEEP_CHECK_OK(options_.sync_journal ? journal.sync() : journal.write());
  for (const std::uint32_t rank : output.lost) options_.transport.forget(rank);
  for (auto& [rank, bytes] : output.payloads) options_.transport.send(rank, std::move(bytes));
  if (!output.events.empty()) recorder_.push(std::move(output.events));
  if (!output.live.empty()) recorder_.push_live(std::move(output.live));
  return {};
}

void RunLoop::log_summary() const {
  const StageCounts& counts = coordinator_.scheduler().counts();
  const auto number = [](std::uint64_t n) { return static_cast<std::int64_t>(n); };
  log_event(Level::info, "run_ended",
            {{"planned", number(counts.planned)},
             {"done", number(counts.done)},
             {"reused", number(counts.reused)},
             {"failed", number(counts.failed)},
             {"blocked", number(counts.blocked)},
             {"running", number(counts.running)},
             {"waiting", number(counts.waiting)},
             {"stale_reports", number(coordinator_.scheduler().stale_reports())}});
}

}  // namespace

int run_coordinator(const CoordinatorOptions& options) {
  RunLoop loop(options);
  const Result<RunOutcome> outcome = loop.run();
  loop.close_recorder();
  loop.log_summary();
  if (!outcome) log_event(Level::error, "run_broken", {{"reason", outcome.error().text()}});
  const int status = outcome ? status_of(*outcome) : kExitInfrastructure;
  options.transport.leave(status, outcome ? loop.ending() : Ending::abrupt);
  return status;
}

}  // namespace vlsweep
