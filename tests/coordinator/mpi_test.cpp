// The real coordinator under a real mpirun, whose ranks are killed, stopped and interrupted.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "orchestrator/coordinator/journal.h"
#include "orchestrator/coordinator/run_loop.h"

extern char** environ;

namespace vlsweep::testing {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

bool wait_until(const std::function<bool()>& condition, std::chrono::seconds limit = 30s) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (std::chrono::steady_clock::now() < deadline) {
    if (condition()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

// What the journal of a run says.
struct Story {
  std::uint32_t opened = 0, joined = 0, done = 0, lost = 0;
  std::string closed;
};

class MpiRun : public ::testing::Test {
 protected:
  void SetUp() override {
    ::setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    ::setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    std::string name = (std::filesystem::temp_directory_path() / "vlsweep-mpi-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  void TearDown() override {
    // A stopped rank keeps its mpirun waiting.
    for (int rank = 0; rank < 3; ++rank)
      if (const pid_t pid = pid_of(rank); pid > 0 && alive(rank)) ::kill(pid, SIGKILL);
    if (mpirun_ > 0) (void)wait();
    std::filesystem::remove_all(folder_);
  }

  void start(int stages, double stage_s, int silence_ms = 1000) {
    for (int rank = 0; rank < 3; ++rank) std::filesystem::remove(pid_file(rank));
    std::vector<std::string> words{VLSWEEP_MPIRUN,
                                   "--oversubscribe",
                                   "--enable-recovery",
                                   "--mca",
                                   "btl",
                                   "vader,self",
                                   "-n",
                                   "3",
                                   VLSWEEP_MPI_WORLD,
                                   folder_.string(),
                                   std::to_string(stages),
                                   std::to_string(stage_s),
                                   std::to_string(silence_ms)};
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 2, (folder_ / "mpirun.log").c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0644);
    ASSERT_EQ(
        ::posix_spawnp(&mpirun_, VLSWEEP_MPIRUN, &actions, nullptr, arguments.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
  }
  // mpirun's status, for what it is worth.
  int wait() {
    int status = 0;
    ::waitpid(mpirun_, &status, 0);
    mpirun_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::filesystem::path pid_file(int rank) const {
    return folder_ / ("rank-" + std::to_string(rank) + ".pid");
  }
  pid_t pid_of(int rank) const {
    pid_t pid = 0;
    std::ifstream(pid_file(rank)) >> pid;
    return pid;
  }
  bool alive(int rank) const {
    std::string comm;
    std::ifstream("/proc/" + std::to_string(pid_of(rank)) + "/comm") >> comm;
    return comm == "mpi_world";
  }
  Story story() const {
    Story story;
    auto file = open_append_file(folder_ / "journal");
    if (!file) return story;
    (void)Journal::open(std::move(*file), "journal", [&](Event&& event) {
      story.opened += std::holds_alternative<RunOpened>(event);
      story.joined += std::holds_alternative<RankJoined>(event);
      story.done += std::holds_alternative<StageDone>(event);
      story.lost += std::holds_alternative<RankLost>(event);
      if (const auto* closed = std::get_if<RunClosed>(&event)) story.closed = closed->outcome;
    });
    return story;
  }
  // Until some stages have ended: the journal is looked at by its size, since only its writer may
  // open it.
  bool wait_for_work() const {
    return wait_until([&] {
      std::error_code none;
      return std::filesystem::file_size(folder_ / "journal", none) > 3000 && !none;
    });
  }

  std::filesystem::path folder_;
  pid_t mpirun_ = 0;
};

TEST_F(MpiRun, DoesEveryStageOnce) {
  start(5000, 0, 20'000);
  EXPECT_EQ(wait(), 0);
  const Story told = story();
  EXPECT_EQ(told.closed, "done");
  EXPECT_EQ(told.done, 5000U);
  EXPECT_EQ(told.lost, 0U);
}

TEST_F(MpiRun, AKilledRankCostsOnlyItsOwnStages) {
  start(300, 0.01);
  ASSERT_TRUE(wait_for_work());
  ::kill(pid_of(1), SIGKILL);
  EXPECT_EQ(wait(), 0);
  const Story told = story();
  EXPECT_EQ(told.closed, "done");
  EXPECT_EQ(told.done, 300U);
  EXPECT_GE(told.lost, 1U);
}

TEST_F(MpiRun, AStoppedRankIsLostAndNobodyWaitsForIt) {
  start(300, 0.01);
  ASSERT_TRUE(wait_for_work());
  ::kill(pid_of(2), SIGSTOP);
  ASSERT_TRUE(wait_until([&] { return !alive(0); })) << "rank 0 leaves, whatever mpirun does";
  const Story told = story();
  EXPECT_EQ(told.closed, "done");
  EXPECT_EQ(told.done, 300U);
  EXPECT_GE(told.lost, 1U);
}

TEST_F(MpiRun, ARankThatWasStoppedForAWhileJoinsAgain) {
  start(2000, 0.002);
  ASSERT_TRUE(wait_for_work());
  const pid_t pid = pid_of(2);
  ::kill(pid, SIGSTOP);
  const auto lost = [&] {
    std::ifstream log(folder_ / "rank-0.log");
    return std::string(std::istreambuf_iterator<char>(log), {}).find("rank_lost") !=
           std::string::npos;
  };
  ASSERT_TRUE(wait_until(lost));
  ::kill(pid, SIGCONT);
  EXPECT_EQ(wait(), 0);
  const Story told = story();
  EXPECT_EQ(told.closed, "done");
  EXPECT_EQ(told.done, 2000U);
  EXPECT_GE(told.joined, 3U);
}

TEST_F(MpiRun, AKilledCoordinatorGoesOnWhereItStopped) {
  start(300, 0.01);
  ASSERT_TRUE(wait_for_work());
  ::kill(pid_of(0), SIGKILL);
  (void)wait();
  const Story before = story();
  EXPECT_EQ(before.closed, "");
  EXPECT_GT(before.done, 0U);
  EXPECT_FALSE(alive(1) || alive(2)) << "agents leave a silent coordinator";
  start(300, 0.01);
  EXPECT_EQ(wait(), 0);
  const Story after = story();
  EXPECT_EQ(after.closed, "done");
  EXPECT_EQ(after.opened, 2U);
  EXPECT_EQ(after.done, 300U) << "done stages stay done";
}

TEST_F(MpiRun, AnInterruptClosesTheRunAndTheNextStartEndsIt) {
  start(300, 0.01);
  ASSERT_TRUE(wait_for_work());
  ::kill(pid_of(0), SIGTERM);
  (void)wait();
  EXPECT_EQ(story().closed, "stopped");
  start(300, 0.01);
  EXPECT_EQ(wait(), 0);
  EXPECT_EQ(story().closed, "done");
  EXPECT_EQ(story().done, 300U);
}

}  // namespace
}  // namespace vlsweep::testing
