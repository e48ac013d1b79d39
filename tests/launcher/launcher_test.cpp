// The launcher with real processes: a real mpirun, ranks that die, freeze and hang.
#include "orchestrator/launcher/launcher.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "orchestrator/base/child_process.h"
#include "orchestrator/base/file.h"
#include "orchestrator/launcher/processes.h"
#include "tests/launcher/fake_run_state.h"

namespace vlsweep {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

bool eventually(const std::function<bool()>& condition, milliseconds limit = seconds(30)) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return true;
}

class Launch : public testing::Test {
 protected:
  Launch() {
    std::string pattern = (fs::temp_directory_path() / "launcher_test.XXXXXX").string();
    run_ = fs::path(::mkdtemp(pattern.data())) / "run";
    fs::create_directories(run_);
  }
  ~Launch() override {
    launcher_.reset();
    for (const pid_t pid : processes()) ::kill(pid, SIGKILL);
    fs::remove_all(run_.parent_path());
  }

  void start(const std::string& behaviour, std::vector<std::string> more_environment = {}) {
    std::vector<std::string> environment = current_environment();
    std::erase_if(environment, [](const auto& entry) { return entry.starts_with("VLSWEEP_"); });
    environment.insert(environment.begin(), more_environment.begin(), more_environment.end());
    auto child = ChildProcess::spawn({.arguments = {FAKE_RUN, run_.string(), behaviour, FAKE_RANK},
                                      .environment = environment,
                                      .log = run_.parent_path() / "output",
                                      .own_group = true});
    ASSERT_TRUE(child) << child.error().text();
    launcher_ = std::move(*child);
  }
  ExitStatus wait() {
    EXPECT_TRUE(eventually([&] { return launcher_->poll().has_value(); }, seconds(60)));
    return launcher_->poll().value_or(ExitStatus{-1, 0});
  }
  std::string output() { return read_file(run_.parent_path() / "output", 1U << 20).value_or(""); }
  RunStatus state() { return read_fake_state(run_); }
  void await_coordinator() {
    ASSERT_TRUE(eventually([&] { return fs::exists(run_ / "coordinator.pid"); })) << output();
  }
  pid_t coordinator() {
    pid_t pid = -1;
    std::ifstream(run_ / "coordinator.pid") >> pid;
    return pid;
  }
  // The living processes with the run's folder in their command line, the launcher left out.
  std::vector<pid_t> processes() const {
    std::vector<pid_t> found;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const pid_t pid = std::atoi(entry.path().filename().c_str());
      if (pid <= 0 || pid == (launcher_ ? launcher_->pid() : -1)) continue;
      std::ifstream file(entry.path() / "cmdline");
      std::string line(std::istreambuf_iterator<char>(file), {});
      if (line.contains(run_.string()) && process_state(pid) != ProcessState::gone)
        found.push_back(pid);
    }
    return found;
  }
  // mpirun, three ranks and two trainers.
  void await_whole_job() {
    ASSERT_TRUE(eventually([&] { return processes().size() == 6; })) << output();
  }

  fs::path run_;
  std::optional<ChildProcess> launcher_;
};

TEST_F(Launch, ARunThatIsDoneEndsWithStatusZeroAndNobodyLeft) {
  start("finish");
  EXPECT_EQ(wait().code, 0) << output();
  EXPECT_EQ(state().sessions, 1U);
  EXPECT_TRUE(processes().empty());
  EXPECT_NE(output().find("100% (10 of 10 stages)"), std::string::npos) << output();
  EXPECT_EQ(*read_file(run_ / "plan.json", 100), "{}");
  EXPECT_EQ(*read_file(run_ / "sweep.yaml", 100), "version: 1\n");
}

TEST_F(Launch, ARunWithFailuresEndsWithStatusOne) {
  start("fail");
  EXPECT_EQ(wait().code, 1);
}

TEST_F(Launch, ACoordinatorThatDiesIsStartedAgain) {
  start("die_once");
  EXPECT_EQ(wait().code, 0) << output();
  EXPECT_EQ(state().sessions, 2U);
  EXPECT_NE(output().find("starting it again"), std::string::npos);
  EXPECT_TRUE(processes().empty());
}

TEST_F(Launch, ACoordinatorKilledFromOutsideIsStartedAgain) {
  start("wait");
  await_coordinator();
  const pid_t first = coordinator();
  ::kill(first, SIGKILL);
  EXPECT_TRUE(eventually([&] { return state().sessions == 2 && coordinator() != first; }));
  ::kill(launcher_->pid(), SIGINT);
  EXPECT_EQ(wait().code, kLaunchInterrupted);
}

TEST_F(Launch, AFrozenCoordinatorIsReplaced) {
  start("freeze_once");
  EXPECT_EQ(wait().code, 0) << output();
  EXPECT_EQ(state().sessions, 2U);
  EXPECT_TRUE(processes().empty());
}

TEST_F(Launch, ACoordinatorThatNeverComesUpIsGivenUp) {
  start("never_starts");
  EXPECT_EQ(wait().code, 3) << output();
  EXPECT_TRUE(processes().empty());
}

TEST_F(Launch, AKilledMpirunIsStartedAgain) {
  start("wait");
  await_whole_job();
  const auto pids = processes();
  for (const pid_t pid : pids) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
    if (std::string name; file >> name && name == "mpirun") ::kill(pid, SIGKILL);
  }
  EXPECT_TRUE(eventually([&] { return state().sessions == 2; })) << output();
  await_whole_job();
  for (const pid_t pid : pids) EXPECT_EQ(process_state(pid), ProcessState::gone);
}

TEST_F(Launch, GivesUpWhenRestartsAreFutileAndSaysWhatTheJobSaid) {
  start("die");
  EXPECT_EQ(wait().code, 3);
  EXPECT_EQ(state().sessions, 3U);
  EXPECT_NE(output().find("3 times"), std::string::npos) << output();
  EXPECT_NE(output().find("the disk is full"), std::string::npos) << output();
  EXPECT_TRUE(processes().empty());
}

TEST_F(Launch, ARunHeldByAnotherLauncherIsBusy) {
  start("wait");
  await_coordinator();
  const auto second = RunFolder::take(run_, "", "");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::busy);
  EXPECT_NE(second.error().message.find(std::to_string(launcher_->pid())), std::string::npos);
  EXPECT_EQ(*read_file(run_ / "plan.json", 100), "{}") << "nothing was overwritten";
}

TEST_F(Launch, OneInterruptStopsCleanlyAndSaysHowToGoOn) {
  start("wait");
  await_whole_job();
  ::kill(launcher_->pid(), SIGINT);
  EXPECT_EQ(wait().code, kLaunchInterrupted);
  EXPECT_EQ(state().outcome, "stopped");
  EXPECT_NE(output().find("run the same command again: fake_run"), std::string::npos) << output();
  EXPECT_TRUE(processes().empty());
}

TEST_F(Launch, TheSameCommandGoesOnAfterAStop) {
  start("wait");
  await_coordinator();
  ::kill(launcher_->pid(), SIGTERM);
  EXPECT_EQ(wait().code, kLaunchInterrupted);
  start("finish");
  EXPECT_EQ(wait().code, 0) << output();
  EXPECT_EQ(state().sessions, 2U);
}

TEST_F(Launch, ASecondInterruptEndsWhatDoesNotStop) {
  start("deaf");
  await_whole_job();
  ::kill(launcher_->pid(), SIGINT);
  ASSERT_TRUE(eventually([&] { return output().contains("Ctrl-C again"); }));
  ::kill(launcher_->pid(), SIGINT);
  EXPECT_EQ(wait().code, kLaunchInterrupted);
  EXPECT_TRUE(processes().empty());
}

TEST_F(Launch, AKilledLauncherLeavesNobodyBehind) {
  start("deaf");
  await_whole_job();
  ::kill(launcher_->pid(), SIGKILL);
  launcher_->wait();
  EXPECT_TRUE(eventually([&] { return processes().empty(); }));
}

TEST_F(Launch, WithoutMpirunThereIsOneClearLine) {
  start("finish", {"PATH=/nowhere"});
  EXPECT_EQ(wait().code, 3);
  EXPECT_NE(output().find("no mpirun was found"), std::string::npos) << output();
  EXPECT_EQ(std::ranges::count(output(), '\n'), 1);
}

TEST_F(Launch, AnMpirunThatDoesNotWorkIsNamed) {
  start("finish", {"VLSWEEP_MPIRUN=/bin/false"});
  EXPECT_EQ(wait().code, 3);
  EXPECT_NE(output().find("'/bin/false --version' does not work"), std::string::npos) << output();
}

TEST(DefaultRanks, AreOnePerGpuOrTwo) {
  EXPECT_EQ(default_ranks(2, 0), 2U);
  EXPECT_EQ(default_ranks(1, 0), 1U);
  EXPECT_EQ(default_ranks(64, 0), 2U);
  EXPECT_EQ(default_ranks(64, 8), 8U);
  EXPECT_EQ(default_ranks(0, 0), 1U);
}

}  // namespace
}  // namespace vlsweep
