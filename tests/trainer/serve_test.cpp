// The trainer as a process: served over a socket pair, or run by hand.
#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <chrono>

#include "stage_fixture.h"
#include "worker/frame/frame.h"

extern char** environ;

namespace vlsweep {
namespace {

using Json = nlohmann::json;
using std::chrono::seconds;

pid_t spawn(std::vector<std::string> words, const posix_spawn_file_actions_t* actions) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t pid = -1;
  EXPECT_EQ(posix_spawn(&pid, words[0].c_str(), actions, nullptr, arguments.data(), environ), 0);
  return pid;
}

int wait_status(pid_t pid) {
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// A served trainer; its socket is descriptor 3 there.
class Served {
 public:
  Served() {
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    // A descriptor that is 3 already would keep its close-on-exec flag through dup2.
    const int far = fcntl(ends[1], F_DUPFD_CLOEXEC, 10);
    posix_spawn_file_actions_adddup2(&actions, far, 3);
    pid_ = spawn({VLSWEEP_TRAINER, "--device", "cpu", "--serve-fd", "3"}, &actions);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    ::close(far);
    socket_ = ends[0];
    reader_ = std::make_unique<FrameReader>(socket_);
  }
  ~Served() {
    if (pid_ > 0) {
      hang_up();
      wait_status(pid_);
    }
  }

  void send(const Json& message) { EXPECT_TRUE(write_frame(socket_, message)); }
  void send_raw(const std::string& bytes) {
    EXPECT_EQ(::send(socket_, bytes.data(), bytes.size(), 0), std::ssize(bytes));
  }
  Json next() {
    const auto read = reader_->read(seconds(60));
    if (!read || read->state != FrameReader::State::frame) return {{"type", "nothing"}};
    return read->message;
  }
  // Messages until one of this type, that one last.
  std::vector<Json> until(const std::string& type) {
    std::vector<Json> messages;
    do messages.push_back(next());
    while (messages.back()["type"] != type && messages.back()["type"] != "nothing");
    EXPECT_EQ(messages.back()["type"], type) << messages.back().dump();
    return messages;
  }
  void hang_up() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }
  int exit_status() { return wait_status(std::exchange(pid_, -1)); }

 private:
  pid_t pid_ = -1;
  int socket_ = -1;
  std::unique_ptr<FrameReader> reader_;
};

class ServeTest : public StageTest {};

TEST_F(ServeTest, SaysReadyRunsWhatIsQueuedAndExitsWhenTheSocketCloses) {
  Served trainer;
  const Json ready = trainer.next();
  EXPECT_EQ(ready["type"], "ready");
  EXPECT_EQ(ready["device"], "cpu");
  EXPECT_TRUE(ready["versions"].get<std::string>().starts_with("libtorch "));
  trainer.send(tune_message("served"));
  trainer.send(respond_message(root() / "served", "advbench", "all"));

  const auto tune = trainer.until("done");
  EXPECT_EQ(tune.front()["type"], "started");
  std::size_t losses = 0;
  for (const Json& message : tune) {
    EXPECT_EQ(message["stage"], 1);
    if (message["type"] != "progress") continue;
    for (const Json& point : message["points"]) losses += point[0] == "loss";
  }
  EXPECT_EQ(losses, 30U);

  const auto respond = trainer.until("done");
  EXPECT_EQ(respond.front(), Json::parse(R"({"type":"started","stage":2,"attempt":1})"));
  std::size_t rows = 0;
  for (const Json& message : respond)
    if (message["type"] == "samples") rows += message["rows"].size();
  EXPECT_GT(rows, 10U);
  trainer.hang_up();
  EXPECT_EQ(trainer.exit_status(), 0);
}

TEST_F(ServeTest, CancelsTheRunningAndTheWaiting) {
  Served trainer;
  Json endless = tune_message("endless");
  endless["spec"]["steps"] = 1'000'000;
  Json waiting = tune_message("waiting");
  waiting["stage"] = 5;
  trainer.send(endless);
  trainer.send(waiting);
  trainer.until("progress");
  trainer.send({{"type", "cancel"}, {"stage", 5}, {"attempt", 1}});
  trainer.send({{"type", "cancel"}, {"stage", 1}, {"attempt", 9}});  // not this attempt
  trainer.until("progress");
  trainer.send({{"type", "cancel"}, {"stage", 1}, {"attempt", 1}});
  const Json first = trainer.until("failed").back();
  EXPECT_EQ(first["stage"], 1);
  EXPECT_EQ(first["code"], "cancelled");
  const Json second = trainer.next();
  EXPECT_EQ(second["type"], "failed");
  EXPECT_EQ(second["stage"], 5);
  EXPECT_EQ(second["code"], "cancelled");
  trainer.send(tune_message("after"));
  EXPECT_EQ(trainer.until("done").back()["stage"], 1) << "it goes on with the next stage";
}

TEST_F(ServeTest, AnswersABadRequestAndGoesOn) {
  Served trainer;
  trainer.send({{"type", "run"}, {"stage", 9}, {"attempt", 3}, {"kind", "tune"}});
  trainer.send({{"type", "weather"}});
  const Json failed = trainer.until("failed").back();
  EXPECT_EQ(failed["stage"], 9);
  EXPECT_EQ(failed["attempt"], 3);
  EXPECT_EQ(failed["code"], "invalid");
  Json broken = tune_message("broken");
  broken["parents"][0] = "/nowhere";
  trainer.send(broken);
  EXPECT_EQ(trainer.until("failed").back()["code"], "not_found");
  trainer.send(respond_message(base(), "advbench", "all"));
  trainer.until("done");
}

TEST_F(ServeTest, LeavesARunningStageWhenToldToExitOrLeftAlone) {
  for (const bool told : {true, false}) {
    Served trainer;
    Json endless = tune_message("endless");
    endless["spec"]["steps"] = 1'000'000;
    trainer.send(endless);
    trainer.until("progress");
    if (told)
      trainer.send({{"type", "exit"}});
    else
      trainer.hang_up();
    EXPECT_EQ(trainer.exit_status(), 0) << told;
  }
}

TEST_F(ServeTest, EndsOnWhatIsNoFrame) {
  Served trainer;
  trainer.next();
  trainer.send_raw(std::string(8, '\xff'));
  EXPECT_EQ(trainer.exit_status(), 3);
}

// Runs the trainer with its output in a file.
struct ByHand {
  ByHand(std::vector<std::string> words, const std::filesystem::path& folder) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    const std::string out = folder / "stdout", err = folder / "stderr";
    const int flags = O_WRONLY | O_CREAT | O_TRUNC;
    posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), flags, 0644);
    posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), flags, 0644);
    words.insert(words.begin(), VLSWEEP_TRAINER);
    status = wait_status(spawn(std::move(words), &actions));
    posix_spawn_file_actions_destroy(&actions);
    std::ifstream lines(out);
    for (std::string line; std::getline(lines, line);) output.push_back(line);
    std::ifstream errors_file(err);
    errors.assign(std::istreambuf_iterator<char>(errors_file), {});
  }
  int status = 0;
  std::vector<std::string> output;
  std::string errors;
};

TEST_F(ServeTest, RunsAStageByHand) {
  write(root() / "stage.json", tune_message("by-hand").dump());
  const ByHand tune({"--device", "cpu", root() / "stage.json"}, root());
  EXPECT_EQ(tune.status, 0) << tune.errors;
  ASSERT_EQ(tune.output.size(), 1U);
  EXPECT_EQ(Json::parse(tune.output[0])["type"], "done");
  EXPECT_NE(tune.errors.find("\"progress\""), std::string::npos);

  write(root() / "stage.json", respond_message(root() / "by-hand", "advbench", "all").dump());
  const ByHand respond({root() / "stage.json"}, root());
  EXPECT_EQ(respond.status, 0) << respond.errors;
  ASSERT_GE(respond.output.size(), 2U);
  EXPECT_EQ(Json::parse(respond.output.front())["type"], "samples");
  EXPECT_EQ(Json::parse(respond.output.back())["type"], "done");
}

TEST_F(ServeTest, ByHandTellsWhatIsWrong) {
  write(root() / "torn.json", "{\"stage\":");
  struct {
    std::vector<std::string> words;
    int status;
    const char* says;
  } const cases[] = {
      {{root() / "no-such.json"}, 4, "no-such.json"},
      {{root() / "torn.json"}, 2, "not JSON"},
      {{}, 2, "usage:"},
      {{"--frobnicate"}, 2, "--frobnicate"},
      {{"--device", "tpu", root() / "torn.json"}, 2, "tpu"},
      {{"--serve-fd", "99"}, 3, "vlsweep-trainer:"},
  };
  for (const auto& each : cases) {
    const ByHand run(each.words, root());
    EXPECT_EQ(run.status, each.status) << each.says << ": " << run.errors;
    EXPECT_NE(run.errors.find(each.says), std::string::npos) << run.errors;
    EXPECT_TRUE(run.output.empty());
  }
  const ByHand version({"--version"}, root());
  EXPECT_EQ(version.status, 0);
  EXPECT_TRUE(version.output.at(0).starts_with("vlsweep-trainer "));
}

}  // namespace
}  // namespace vlsweep
