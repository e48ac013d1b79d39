#include "tests/agent/agent_fixture.h"

#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <utility>

#include "orchestrator/base/file.h"

namespace vlsweep {

std::optional<Envelope> TestTransport::poll(std::chrono::microseconds) {
  const std::scoped_lock lock(mutex_);
  if (to_agent_.empty()) return std::nullopt;
  Envelope envelope{0, std::move(to_agent_.front())};
  to_agent_.pop_front();
  return envelope;
}

void TestTransport::send(std::uint32_t rank, std::string bytes) {
  EXPECT_EQ(rank, 0U);
  auto messages = decode_batch<ToCoordinator>(bytes);
  ASSERT_TRUE(messages);
  const std::scoped_lock lock(mutex_);
  for (auto& message : *messages) to_coordinator_.push_back(std::move(message));
  changed_.notify_all();
}

void TestTransport::leave(int, Ending ending) {
  const std::scoped_lock lock(mutex_);
  ending_ = ending;
}

void TestTransport::tell(const ToAgent& message) {
  const std::scoped_lock lock(mutex_);
  to_agent_.push_back(encode_one(message));
}

std::optional<ToCoordinator> TestTransport::hear(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, timeout, [&] { return !to_coordinator_.empty(); }))
    return std::nullopt;
  ToCoordinator message = std::move(to_coordinator_.front());
  to_coordinator_.pop_front();
  return message;
}

std::optional<Ending> TestTransport::ending() {
  const std::scoped_lock lock(mutex_);
  return ending_;
}

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

bool is_alive(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(file, text)) return false;
  const std::size_t end = text.rfind(')');
  return end != std::string::npos && end + 2 < text.size() && text[end + 2] != 'Z';
}

AgentFixture::AgentFixture() {
  std::string pattern = (std::filesystem::temp_directory_path() / "agent_test.XXXXXX").string();
  folder_ = ::mkdtemp(pattern.data());
  store_ = *Store::open(folder_ / "store");
  options_.trainer = {FAKE_TRAINER};
  options_.logs = folder_;
}

AgentFixture::~AgentFixture() {
  stop();
  std::filesystem::remove_all(folder_);
}

Hello AgentFixture::start(std::uint32_t silence_ms) {
  thread_ = std::thread([this] { status_ = run_agent(transport_, options_); });
  Hello hello = await<Hello>();
  transport_.tell(
      Welcome{kProtocolVersion, folder_.string(), store_.folder().string(), 50, silence_ms});
  return hello;
}

int AgentFixture::stop(bool orderly) {
  if (thread_.joinable()) {
    transport_.tell(Shutdown{orderly});
    thread_.join();
  }
  return status_.value_or(-1);
}

Assignment AgentFixture::make(std::uint32_t stage, StageKind kind, const std::string& spec,
                              std::vector<Key> parents) {
  const Key key = *key_from_hex(sha256_hex(std::to_string(stage) + spec));
  return {stage, 1, kind, key, std::move(parents), spec};
}

std::variant<Finished, Failed> AgentFixture::await_end(std::uint32_t stage) {
  while (auto message = transport_.hear(std::chrono::seconds(20))) {
    if (auto* done = std::get_if<Finished>(&*message); done && done->stage == stage)
      return std::move(*done);
    if (auto* failed = std::get_if<Failed>(&*message); failed && failed->stage == stage)
      return std::move(*failed);
  }
  ADD_FAILURE() << "stage " << stage << " did not end";
  return Failed{};
}

Finished AgentFixture::await_finished(std::uint32_t stage) {
  auto end = await_end(stage);
  if (Finished* finished = std::get_if<Finished>(&end)) return std::move(*finished);
  ADD_FAILURE() << "stage " << stage << " failed: " << std::get<Failed>(end).message;
  return {};
}

Failed AgentFixture::await_failed(std::uint32_t stage) {
  auto end = await_end(stage);
  if (Failed* failed = std::get_if<Failed>(&end)) return std::move(*failed);
  ADD_FAILURE() << "stage " << stage << " did not fail";
  return {};
}

std::vector<pid_t> AgentFixture::trainers() const {
  std::vector<pid_t> found;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream children(task.path() / "children");
    for (pid_t pid = 0; children >> pid;)
      if (is_alive(pid)) found.push_back(pid);
  }
  return found;
}

}  // namespace vlsweep
