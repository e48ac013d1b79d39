// Stages a second through the whole of the orchestrator: noop stages, the journal synced or not, in
// this process (no MPI) and, started by mpirun, over MPI.
//
//   scheduler_bench [STAGES]                      in this process, two agents
//   mpirun -n 3 scheduler_bench [STAGES]          over MPI, two worker ranks
//   scheduler_bench --fold [STAGES]               a restart from a journal of so many events
//
// The journal is written to the current folder (its file system is part of what is measured).
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>

#include "orchestrator/coordinator/journal.h"
#include "orchestrator/coordinator/run_loop.h"
#include "tests/coordinator/noop_agent.h"
#include "tests/coordinator/plans.h"

namespace vlsweep::testing {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""us;

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double megabytes_resident() {
  std::ifstream file("/proc/self/statm");
  double pages = 0, resident = 0;
  file >> pages >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e6;
}

class NoRecorder final : public Recorder {
 public:
  std::uint64_t recorded() override { return 0; }
  Result<> record(std::uint64_t, std::span<const Event>) override { return {}; }
  void live(std::span<const LiveReport>) override {}
  void checkpoint() override {}
};

// A transport whose agents live in this process and this thread: they take their turn whenever the
// coordinator polls.
class InProcess final : public Transport {
 public:
  explicit InProcess(std::uint32_t num_agents) {
    for (std::uint32_t rank = 1; rank <= num_agents; ++rank)
      ends_.push_back(std::make_unique<End>(*this, rank));
  }
  std::uint32_t rank() const override { return 0; }
  std::uint32_t size() const override { return static_cast<std::uint32_t>(ends_.size() + 1); }
  std::optional<Envelope> poll(std::chrono::microseconds) override {
    if (arrived_.empty())
      for (const auto& end : ends_) end->agent.turn(now_s(), 0us);
    if (arrived_.empty()) return std::nullopt;
    Envelope envelope = std::move(arrived_.front());
    arrived_.pop_front();
    return envelope;
  }
  void send(std::uint32_t rank, std::string bytes) override {
    ends_[rank - 1]->arrived.push_back({0, std::move(bytes)});
  }
  std::size_t backlog(std::uint32_t) const override { return 0; }
  void forget(std::uint32_t) override {}
  void leave(int, Ending) override {}

 private:
  // An agent's side.
  struct End final : Transport {
    End(InProcess& owner, std::uint32_t number)
        : world(owner), number_(number), agent(*this, {.reports_started = false}) {}
    std::uint32_t rank() const override { return number_; }
    std::uint32_t size() const override { return world.size(); }
    std::optional<Envelope> poll(std::chrono::microseconds) override {
      if (arrived.empty()) return std::nullopt;
      Envelope envelope = std::move(arrived.front());
      arrived.pop_front();
      return envelope;
    }
    void send(std::uint32_t, std::string bytes) override {
      world.arrived_.push_back({number_, std::move(bytes)});
    }
    std::size_t backlog(std::uint32_t) const override { return 0; }
    void forget(std::uint32_t) override {}
    void leave(int, Ending) override {}
    InProcess& world;
    std::uint32_t number_;
    std::deque<Envelope> arrived;
    NoopAgent agent;
  };
  std::vector<std::unique_ptr<End>> ends_;
  std::deque<Envelope> arrived_;
};

// Another transport without its leave(), so that several runs can use it one after another.
class Unleaving final : public Transport {
 public:
  explicit Unleaving(Transport& inner) : inner_(inner) {}
  std::uint32_t rank() const override { return inner_.rank(); }
  std::uint32_t size() const override { return inner_.size(); }
  std::optional<Envelope> poll(std::chrono::microseconds t) override { return inner_.poll(t); }
  void send(std::uint32_t rank, std::string bytes) override { inner_.send(rank, std::move(bytes)); }
  std::size_t backlog(std::uint32_t rank) const override { return inner_.backlog(rank); }
  void forget(std::uint32_t rank) override { inner_.forget(rank); }
  void leave(int, Ending) override {}

 private:
  Transport& inner_;
};

CoordinatorOptions options_of(const Plan& plan, Transport& transport, Recorder& recorder,
                              bool sync) {
  CoordinatorOptions options{.run_folder = ".",
                             .store_folder = "./.store",
                             .plan = plan,
                             .transport = transport,
                             .recorder = recorder,
                             .store = [](const Key&) { return std::nullopt; }};
  options.sync_journal = sync;
  return options;
}

// One run of the coordinator, and its line.
int run_and_print(const char* what, const Plan& plan, Transport& transport, bool sync) {
  NoRecorder recorder;
  Unleaving unleaving(transport);
  const double begin = now_s();
  const int status = run_coordinator(options_of(plan, unleaving, recorder, sync));
  const double seconds = now_s() - begin;
  std::printf("%-10s %-10s %8zu stages  %8.3f s  %9.0f stages/s  %7.1f MB resident  status %d\n",
              what, sync ? "fsynced" : "not synced", plan.stages.size(), seconds,
              static_cast<double>(plan.stages.size()) / seconds, megabytes_resident(), status);
  std::fflush(stdout);
  std::filesystem::remove("journal");
  return status;
}

int serve_runs(Transport& transport, int runs) {
  for (int i = 0; i < runs; ++i) {
    NoopAgent agent(transport, {.reports_started = false});
    while (!agent.goodbye()) agent.turn(now_s(), 2ms);
  }
  transport.leave(0, Ending::orderly);
  return 0;
}

int measure_fold(const Plan& plan) {
  std::filesystem::remove("journal");
  {
    auto journal = Journal::open(*open_append_file("journal"), "journal", [](Event&&) {});
    for (const Stage& stage : plan.stages) journal->append(StageDone{1, stage.key, 1, 1, {}});
    (void)journal->sync();
  }
  InProcess transport(2);
  return run_and_print("restart", plan, transport, true);
}

}  // namespace

int bench_main(int argc, char** argv) {
  const bool fold = argc > 1 && std::strcmp(argv[1], "--fold") == 0;
  const char* number = argc > (fold ? 2 : 1) ? argv[fold ? 2 : 1] : "100000";
  const Plan plan = noop_plan(static_cast<std::uint32_t>(std::strtoul(number, nullptr, 10)));
  if (fold) return measure_fold(plan);
  if (std::getenv("OMPI_COMM_WORLD_SIZE") == nullptr) {
    for (const bool sync : {true, false}) {
      InProcess transport(2);
      run_and_print("in process", plan, transport, sync);
    }
    return 0;
  }
  auto transport = make_mpi_transport(argc, argv);
  if (!transport) return 3;
  if ((*transport)->rank() != 0) return serve_runs(**transport, 2);
  for (const bool sync : {true, false}) run_and_print("over MPI", plan, **transport, sync);
  (*transport)->leave(0, Ending::orderly);
  return 0;
}

}  // namespace vlsweep::testing

int main(int argc, char** argv) { return vlsweep::testing::bench_main(argc, argv); }
