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

  std::filesystem::path folder_;
};

// The largest absolute difference between two checkpoints, and the largest value of the first.
std::pair<double, double> compare(const std::filesystem::path& a, const std::filesystem::path& b) {
  const auto first = SafetensorsFile::open(a), second = SafetensorsFile::open(b);
  EXPECT_TRUE(first && second);
  EXPECT_EQ(first->tensors().size(), second->tensors().size());
  double difference = 0, value = 0;
  for (const TensorView& view : first->tensors()) {
    const TensorView* other = second->find(view.name);
    EXPECT_NE(other, nullptr) << view.name;
    if (other == nullptr) continue;
    const at::Tensor mine = tensor_of(view);
    difference = std::max(difference, (mine - tensor_of(*other)).abs().max().item<double>());
    value = std::max(value, mine.abs().max().item<double>());
  }
  return {difference, value};
}

struct Recipe {
  const char* name;
  const char* changes;  // to the spec
  const char* weights;
};

// Sums are made in another order: losses may differ by float rounding, which Adam's division by
// small second moments magnifies over the steps.
constexpr double kLossTolerance = 1e-5;
constexpr double kWeightTolerance = 1e-4;

TEST_F(GangTest, TwoTrainersTogetherEqualOneWithTheSameGlobalBatch) {
  for (const Recipe& recipe :
       {Recipe{"full", R"({"tuning":"full"})", "model.safetensors"},
        Recipe{"small pieces", R"({"micro_batch":5})", "model.safetensors"},
        Recipe{"odd batch", R"({"batch":7,"micro_batch":7})", "model.safetensors"},
        Recipe{"lora", R"({"tuning":"lora","lora":{"rank":4,"alpha":8,"dropout":0}})",
               "adapter_model.safetensors"}}) {
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
    EXPECT_LT(worst, kLossTolerance);
    EXPECT_LT(std::abs(alone[0] - together[0]) / alone[0], 1e-6) << "before any step";
    EXPECT_TRUE(losses("second").empty()) << "member 0 alone reports";
    EXPECT_EQ(last("alone")["metrics"][2], last("first")["metrics"][2]) << "tokens";
    const auto [difference, value] = compare(folder_ / "alone/checkpoint" / recipe.weights,
                                             folder_ / "out-0/checkpoint" / recipe.weights);
    EXPECT_LT(difference, kWeightTolerance * value);
    EXPECT_FALSE(std::filesystem::exists(folder_ / "out-1/checkpoint")) << "member 0 alone saves";
    std::printf("%s: losses within %.1e, weights within %.1e of %.2f\n", recipe.name, worst,
                difference, value);
  }
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
