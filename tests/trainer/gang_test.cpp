// A tune stage that two trainers run together: real vlsweep-trainer processes over Gloo, held
// against one trainer with the same global batch.
#include <signal.h>

#include <chrono>
#include <cmath>
#include <thread>

#include "orchestrator/base/child_process.h"
#include "orchestrator/base/file.h"
#include "stage_fixture.h"
#include "worker/trainer/model/tensor_io.h"

namespace vlsweep {
namespace {

using Json = nlohmann::json;
using std::chrono::seconds;
using std::chrono::steady_clock;

class GangTest : public StageTest {
 protected:
  GangTest() : folder_(root() / testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::create_directories(folder_);
  }

  // The message of member `rank` of a gang of two.
  Json member(Json message, int rank, int timeout_s = 60) const {
    message["out"] = folder_ / ("out-" + std::to_string(rank));
    message["gang"] = {{"rank", rank},
                       {"size", 2},
                       {"rendezvous", folder_ / "rendezvous"},
                       {"timeout_s", timeout_s}};
    return message;
  }
  ChildProcess start(const Json& message, const std::string& name) const {
    write(folder_ / (name + ".json"), message.dump());
    auto child = ChildProcess::spawn(
        {.arguments = {VLSWEEP_TRAINER, "--device", "cpu", (folder_ / (name + ".json")).string()},
         .environment = current_environment(),
         .log = folder_ / (name + ".log")});
    EXPECT_TRUE(child);
    return std::move(*child);
  }
  std::string log(const std::string& name) const {
    return *read_file(folder_ / (name + ".log"), 1 << 26);
  }
  // The last message of a trainer.
  Json last(const std::string& name) const {
    Json found;
    std::istringstream lines(log(name));
    for (std::string line; std::getline(lines, line);)
      if (const Json message = Json::parse(line, nullptr, false);
          message.is_object() && (message["type"] == "done" || message["type"] == "failed"))
        found = message;
    return found;
  }
  std::vector<double> losses(const std::string& name) const {
    std::vector<double> found;
    std::istringstream lines(log(name));
    for (std::string line; std::getline(lines, line);) {
      const Json message = Json::parse(line, nullptr, false);
      if (!message.is_object() || message["type"] != "progress") continue;
      for (const Json& point : message["points"])
        if (point[0] == "loss") found.push_back(point[2]);
    }
    return found;
  }
  // One trainer alone, then two together, on the same message.
  void run_alone_and_together(const Json& message) {
    Json alone = message;
    alone["out"] = folder_ / "alone";
    EXPECT_EQ(start(alone, "alone").wait().code, 0) << log("alone");
    ChildProcess second = start(member(message, 1), "second");
    ChildProcess first = start(member(message, 0), "first");
    EXPECT_EQ(first.wait().code, 0) << log("first");
    EXPECT_EQ(second.wait().code, 0) << log("second");
  }
  void wait_for_steps(const std::string& name) const {
    const auto deadline = steady_clock::now() + seconds(60);
    while (!log(name).contains("\"loss\"") && steady_clock::now() < deadline)
      std::this_thread::yield();
    ASSERT_LT(steady_clock::now(), deadline);
  }

  // Until a member has written what it goes on from, in the middle of its steps.
  void wait_for_state(int rank) const {
    const std::string end = ".rank-" + std::to_string(rank) + ".json";
    const auto is_there = [&] {
      std::error_code error;
      for (const auto& entry : std::filesystem::directory_iterator(folder_ / "state", error))
        if (entry.path().string().ends_with(end)) return true;
      return false;
    };
    const auto deadline = steady_clock::now() + seconds(60);
    while (!is_there() && steady_clock::now() < deadline) std::this_thread::yield();
    ASSERT_LT(steady_clock::now(), deadline);
  }

  std::filesystem::path folder_;
};

// The root of the mean squared difference between two checkpoints' values, relative to that of the
// values themselves.
double difference(const std::filesystem::path& a, const std::filesystem::path& b) {
  const auto first = SafetensorsFile::open(a), second = SafetensorsFile::open(b);
  EXPECT_TRUE(first && second);
  EXPECT_EQ(first->tensors().size(), second->tensors().size());
  double differences = 0, values = 0;
  for (const TensorView& view : first->tensors()) {
    const TensorView* other = second->find(view.name);
    EXPECT_NE(other, nullptr) << view.name;
    if (other == nullptr) continue;
    const at::Tensor mine = tensor_of(view).to(at::kDouble);
    differences += (mine - tensor_of(*other)).square().sum().item<double>();
    values += mine.square().sum().item<double>();
  }
  return std::sqrt(differences / values);
}

struct Recipe {
  const char* name;
  const char* changes;  // to the spec
  double losses;        // tolerance, relative, over 30 steps
  double weights;       // tolerance, relative, in the mean square
};

// Sums are made in another order: losses may differ by float rounding, which Adam's division by
// small second moments magnifies over the steps. In bfloat16 each gradient is rounded once more;
// with 8-bit states a second moment that is just zero here and just not zero there moves a weight
// far.
constexpr Recipe kRecipes[] = {
    {"full", R"({"tuning":"full"})", 1e-5, 1e-5},
    {"small pieces", R"({"micro_batch":5})", 1e-5, 1e-5},
    {"odd batch", R"({"batch":7,"micro_batch":7})", 1e-5, 1e-5},
    {"lora", R"({"tuning":"lora","lora":{"rank":4,"alpha":8,"dropout":0}})", 1e-5, 1e-5},
    {"dropout", R"({"tuning":"lora","lora":{"rank":4,"alpha":8,"dropout":0.3},"micro_batch":8})",
     1e-5, 1e-5},
    {"mean of micro-batches", R"({"loss_normalization":"micro_batch","micro_batch":8})", 1e-5,
     1e-4},
    {"bfloat16", R"({"dtype":"bfloat16"})", 1e-2, 1e-2},
    {"8-bit", R"({"optimizer":"adamw8bit"})", 1e-2, 1e-2}};

TEST_F(GangTest, TwoTrainersTogetherEqualOneWithTheSameGlobalBatch) {
  for (const Recipe& recipe : kRecipes) {
    SCOPED_TRACE(recipe.name);
    std::filesystem::remove_all(folder_);
    Json message = tune_message("unused");
    message["spec"].update(Json::parse(recipe.changes));
    run_alone_and_together(message);
    const std::vector<double> alone = losses("alone"), together = losses("first");
    ASSERT_EQ(alone.size(), 30U);
    ASSERT_EQ(together.size(), 30U);
    double worst = 0;
    for (std::size_t i = 0; i < alone.size(); ++i)
      worst = std::max(worst, std::abs(alone[i] - together[i]) / alone[i]);
    EXPECT_LT(worst, recipe.losses);
    EXPECT_TRUE(losses("second").empty()) << "member 0 alone reports";
    EXPECT_EQ(last("alone")["metrics"][2], last("first")["metrics"][2]) << "tokens";
    const bool lora = message["spec"]["tuning"] == "lora";
    const char* weights = lora ? "adapter_model.safetensors" : "model.safetensors";
    const double moved =
        difference(folder_ / "alone/checkpoint" / weights, folder_ / "out-0/checkpoint" / weights);
    EXPECT_LT(moved, recipe.weights);
    EXPECT_FALSE(std::filesystem::exists(folder_ / "out-1/checkpoint")) << "member 0 alone saves";
    std::printf("%s: losses within %.1e, weights within %.1e\n", recipe.name, worst, moved);
  }
}

TEST_F(GangTest, GoesOnToTheBitFromItsMembersStates) {
  Json message = tune_message("unused");
  message["spec"]["steps"] = 60;
  run_alone_and_together(message);
  const std::vector<double> expected = losses("first");
  const std::string weights = read(folder_ / "out-0/checkpoint/model.safetensors");

  message["state"] = folder_ / "state";
  message["spec"]["@checkpoint_seconds"] = 0.0;
  const auto begin = [&](const std::string& attempt, int rank) {
    Json part = member(message, rank);
    part["gang"]["rendezvous"] = folder_ / ("rendezvous-" + attempt);
    return start(part, attempt + std::to_string(rank));
  };
  ChildProcess first = begin("cut", 0), second = begin("cut", 1);
  wait_for_state(0);
  wait_for_state(1);
  first.signal(SIGKILL);
  second.wait();
  ChildProcess again = begin("again", 0), other = begin("again", 1);
  EXPECT_EQ(again.wait().code, 0) << log("again0");
  EXPECT_EQ(other.wait().code, 0) << log("again1");
  EXPECT_TRUE(last("again0")["note"].get<std::string>().contains("resumed from step "))
      << last("again0");
  EXPECT_EQ(losses("again0"), expected);
  EXPECT_EQ(read(folder_ / "out-0/checkpoint/model.safetensors"), weights);
}

TEST_F(GangTest, AMemberThatIsKilledEndsTheOtherWithAClearError) {
  Json message = tune_message("unused");
  message["spec"]["steps"] = 100'000;
  ChildProcess first = start(member(message, 0), "first");
  ChildProcess second = start(member(message, 1), "second");
  wait_for_steps("first");
  second.signal(SIGKILL);
  const auto killed = steady_clock::now();
  EXPECT_EQ(first.wait().code, 3) << log("first");
  EXPECT_LT(steady_clock::now() - killed, seconds(10));
  const Json end = last("first");
  EXPECT_EQ(end["code"], "unavailable");
  EXPECT_TRUE(end["message"].get<std::string>().starts_with(
      "member 0 of the gang of 2 lost another one while "))
      << end;
}

TEST_F(GangTest, AMemberThatHangsEndsTheOtherWithinTheTimeout) {
  Json message = tune_message("unused");
  message["spec"]["steps"] = 100'000;
  ChildProcess first = start(member(message, 0, 3), "first");
  ChildProcess second = start(member(message, 1, 3), "second");
  wait_for_steps("first");
  second.signal(SIGSTOP);
  const auto stopped = steady_clock::now();
  EXPECT_EQ(first.wait().code, 3) << log("first");
  EXPECT_LT(steady_clock::now() - stopped, seconds(15));
  EXPECT_EQ(last("first")["code"], "unavailable");
}

TEST_F(GangTest, TheReasonForWhichOneMemberFailedIsTheOthersToo) {
  const Json message = tune_message("unused");
  Json broken = message;
  broken["spec"]["data"][0]["@path"] = folder_ / "nothing.json";
  ChildProcess first = start(member(message, 0), "first");
  ChildProcess second = start(member(broken, 1), "second");
  second.wait();
  first.wait();
  EXPECT_EQ(last("first")["code"], last("second")["code"]);
  EXPECT_EQ(last("first")["message"].get<std::string>(),
            "member 1 of the gang of 2 failed: " + last("second")["message"].get<std::string>());
}

TEST_F(GangTest, AMemberThatNobodyJoinsDoesNotWaitForEver) {
  ChildProcess first = start(member(tune_message("unused"), 0, 1), "first");
  EXPECT_EQ(first.wait().code, 3);
  EXPECT_EQ(last("first")["message"], "of a gang of 2 only 1 came within 1 s");
  std::filesystem::remove_all(folder_ / "rendezvous");
  ChildProcess second = start(member(tune_message("unused"), 1, 1), "second");
  EXPECT_EQ(second.wait().code, 3);
  EXPECT_TRUE(last("second")["message"].get<std::string>().contains(
      "member 0 of the gang did not come within 1 s"));
}

TEST_F(GangTest, CancellingOneMemberEndsBothAtTheSameStep) {
  Json message = tune_message("unused");
  message["spec"]["steps"] = 100'000;
  StageRecord records[2];
  records[1].cancel_at = 3;
  Result<StageOutcome> ends[2];
  const auto work = [&](int rank) {
    const auto runner = std::move(*StageRunner::make("cpu"));
    ends[rank] = run(*runner, member(message, rank), records[rank]);
  };
  std::thread other(work, 1);
  work(0);
  other.join();
  for (const Result<StageOutcome>& end : ends) {
    ASSERT_FALSE(end);
    EXPECT_EQ(end.error().code, Errc::cancelled);
  }
  EXPECT_EQ(records[0].step, 3);
}

TEST_F(GangTest, OnlyATuneStageHasAGang) {
  Json message = respond_message(base(), "advbench", "");
  message["gang"] = {{"rank", 0}, {"size", 2}, {"rendezvous", "/r"}};
  EXPECT_EQ(read_request(message).error().where, "gang");
  Json beyond = member(tune_message("unused"), 2);
  EXPECT_FALSE(read_request(beyond));
}

}  // namespace
}  // namespace vlsweep
