// A tune stage that is broken off and goes on: the very losses and bytes of one that was not.
#include <signal.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "orchestrator/base/child_process.h"
#include "orchestrator/base/file.h"
#include "stage_fixture.h"

namespace vlsweep {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr std::int64_t kSteps = 12;

struct Variant {
  const char* name;
  const char* changes;  // of the spec
  const char* file;     // what is compared
};
void PrintTo(const Variant& variant, std::ostream* stream) { *stream << variant.name; }

const Variant kVariants[] = {
    {"full", R"({})", "model.safetensors"},
    {"lora_with_dropout", R"({"tuning":"lora","lora":{"rank":4,"alpha":8,"dropout":0.2}})",
     "adapter_model.safetensors"},
    {"eight_bit", R"({"optimizer":"adamw8bit"})", "model.safetensors"},
    {"bfloat16", R"({"dtype":"bfloat16","micro_batch":10})", "model.safetensors"},
    {"everything_trains", R"({"freeze":[],"vision_lr":1e-4,"weight_decay":0.1})",
     "model.safetensors"},
    {"modality_length_packed",
     R"({"grouping":"modality_length","packing":true,"micro_batch":8,"epochs":3.0,"steps":null,
         "loss_normalization":"micro_batch"})",
     "model.safetensors"},
};

class ResumeTest : public StageTest {
 protected:
  ResumeTest()
      : folder_(root() / "resume" / testing::UnitTest::GetInstance()->current_test_info()->name()) {
  }

  Json message(const Variant& variant, const std::string& out) const {
    Json message = tune_message("unused");
    message["out"] = folder_ / out;
    message["spec"]["steps"] = kSteps;
    message["spec"].erase("bucket_by_length");
    message["spec"]["grouping"] = "length";
    const Json changes = Json::parse(variant.changes);
    for (const auto& [name, value] : changes.items()) message["spec"][name] = value;
    return message;
  }
  Json resumable(const Variant& variant, const std::string& out, double seconds = 1e6) const {
    Json resumable = message(variant, out);
    resumable["state"] = state();
    resumable["spec"]["@checkpoint_seconds"] = seconds;
    return resumable;
  }
  fs::path state() const { return folder_ / "state"; }

  // The losses of a run that is not broken off, which leaves its checkpoint in `out`.
  std::vector<double> whole(const Variant& variant, const std::string& out) {
    StageRecord record;
    const auto outcome = run(*runner_, message(variant, out), record);
    EXPECT_TRUE(outcome) << outcome.error().text();
    return record.losses();
  }
  // Runs until so many steps are done; the state is saved `seconds` apart and at the end.
  void break_off(const Variant& variant, std::int64_t step, double seconds = 1e6) {
    StageRecord record;
    record.cancel_at = step;
    const auto outcome = run(*runner_, resumable(variant, "broken", seconds), record);
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, Errc::cancelled);
    EXPECT_EQ(outcome.error().message, "stopped on request");
  }
  // Goes on to the end; its note.
  std::string go_on(const Variant& variant, const std::string& out, StageRecord& record) {
    const auto outcome = run(*runner_, resumable(variant, out), record);
    EXPECT_TRUE(outcome) << outcome.error().text();
    return outcome ? outcome->note : "";
  }
  std::string bytes(const Variant& variant, const std::string& out) const {
    return read(folder_ / out / "checkpoint" / variant.file);
  }
  // The saved tensors, newest last.
  std::vector<fs::path> saved() const {
    std::vector<std::pair<int, fs::path>> found;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(state(), ignored))
      if (entry.path().extension() == ".safetensors")
        found.emplace_back(std::stoi(entry.path().filename().string().substr(6)), entry.path());
    std::ranges::sort(found);
    std::vector<fs::path> paths;
    for (const auto& [step, path] : found) paths.push_back(path);
    return paths;
  }

  fs::path folder_;
};

class ResumeVariants : public ResumeTest, public testing::WithParamInterface<Variant> {};

TEST_P(ResumeVariants, GoesOnAsIfNothingHadBeen) {
  const Variant& variant = GetParam();
  const auto losses = whole(variant, "whole");
  ASSERT_GE(losses.size(), 12U);
  for (const std::int64_t step : {1, 5, 11}) {
    break_off(variant, step);
    StageRecord record;
    const std::string out = "resumed-" + std::to_string(step);
    EXPECT_EQ(go_on(variant, out, record), "resumed from step " + std::to_string(step));
    EXPECT_EQ(record.losses(), losses) << "the whole curve, from " << step;
    EXPECT_TRUE(bytes(variant, out) == bytes(variant, "whole")) << step;
  }
}

INSTANTIATE_TEST_SUITE_P(Of, ResumeVariants, testing::ValuesIn(kVariants),
                         [](const auto& one) { return std::string(one.param.name); });

TEST_F(ResumeTest, GoesOnMoreThanOnce) {
  const Variant& variant = kVariants[1];
  const auto losses = whole(variant, "whole");
  for (const std::int64_t step : {3, 4, 9}) break_off(variant, step, 0);
  EXPECT_EQ(saved().size(), 2U) << "the last two states";
  StageRecord record;
  EXPECT_EQ(go_on(variant, "resumed", record), "resumed from step 9");
  EXPECT_EQ(record.losses(), losses);
  EXPECT_TRUE(bytes(variant, "resumed") == bytes(variant, "whole"));
}

struct Damage {
  const char* name;
  void (*newest)(const fs::path& tensors);
};

TEST_F(ResumeTest, ATornStateFallsBackToTheOneBefore) {
  const Variant& variant = kVariants[0];
  whole(variant, "whole");
  const Damage damages[] = {
      {"cut short", [](const fs::path& tensors) { fs::resize_file(tensors, 100); }},
      {"a bit has changed",
       [](const fs::path& tensors) {
         std::fstream file(tensors, std::ios::in | std::ios::out | std::ios::binary);
         file.seekp(-5, std::ios::end);
         file.put('\x55');
       }},
      {"gone", [](const fs::path& tensors) { fs::remove(tensors); }},
      {"not written yet",
       [](const fs::path& tensors) { fs::remove(fs::path(tensors).replace_extension(".json")); }},
      {"no JSON",
       [](const fs::path& tensors) {
         fs::resize_file(fs::path(tensors).replace_extension(".json"), 20);
       }},
  };
  for (const Damage& each : damages) {
    break_off(variant, 8, 0);
    ASSERT_EQ(saved().size(), 2U) << each.name;
    each.newest(saved().back());
    StageRecord record;
    const std::string note = go_on(variant, "resumed", record);
    EXPECT_TRUE(note == "resumed from step 7" || note.ends_with("; resumed from step 7"))
        << each.name << ": " << note;
    EXPECT_TRUE(bytes(variant, "resumed") == bytes(variant, "whole")) << each.name;
  }
  break_off(variant, 8, 0);
  for (const fs::path& path : saved()) damages[0].newest(path);
  StageRecord record;
  const std::string note = go_on(variant, "resumed", record);
  EXPECT_NE(note.find("not resumed from step 8"), std::string::npos) << note;
  EXPECT_NE(note.find("not resumed from step 7"), std::string::npos) << note;
  EXPECT_FALSE(note.contains("; resumed")) << note;
  EXPECT_TRUE(bytes(variant, "resumed") == bytes(variant, "whole")) << "from the start";
}

TEST_F(ResumeTest, AStateOfAnotherStageIsNotTaken) {
  const Variant &one = kVariants[0], &other = kVariants[2];
  whole(other, "whole");
  break_off(one, 8);
  StageRecord record;
  const std::string note = go_on(other, "resumed", record);
  EXPECT_NE(note.find("is of another stage"), std::string::npos) << note;
  EXPECT_TRUE(bytes(other, "resumed") == bytes(other, "whole"));
  EXPECT_EQ(saved().size(), 1U) << "it is left to its owner";
}

TEST_F(ResumeTest, AStateThatCannotBeWrittenDoesNotEndTheStage) {
  Json blocked = resumable(kVariants[0], "blocked", 0);
  write(folder_ / "file", "not a folder");
  blocked["state"] = folder_ / "file";
  StageRecord record;
  const auto outcome = run(*runner_, blocked, record);
  ASSERT_TRUE(outcome) << outcome.error().text();
  EXPECT_NE(outcome->note.find("could not be written"), std::string::npos) << outcome->note;
}

// Whether a process is writing a state just now.
bool is_saving(const fs::path& state, pid_t process) {
  std::error_code ignored;
  const std::string partial = ".tmp." + std::to_string(process);
  for (const auto& entry : fs::directory_iterator(state, ignored))
    if (entry.path().filename().string().ends_with(partial)) return true;
  return false;
}

// Two trainers that run one stage together.
class Pair {
 public:
  Pair(const fs::path& folder, Json message) {
    for (int rank = 0; rank < 2; ++rank) {
      const fs::path file = folder / ("member-" + std::to_string(rank) + ".json");
      message["gang"] = {
          {"rank", rank}, {"size", 2}, {"rendezvous", message["out"]}, {"timeout_s", 60}};
      std::ofstream(file) << message.dump();
      auto child =
          ChildProcess::spawn({.arguments = {VLSWEEP_TRAINER, "--device", "cpu", file.string()},
                               .environment = current_environment(),
                               .log = folder / ("member-" + std::to_string(rank) + ".log")});
      EXPECT_TRUE(child);
      members_.push_back(std::move(*child));
    }
  }
  ChildProcess& member(std::size_t rank) { return members_[rank]; }
  bool wait() {
    bool all_well = true;
    for (ChildProcess& each : members_) all_well = each.wait().success() && all_well;
    return all_well;
  }

 private:
  std::vector<ChildProcess> members_;
};

TEST_F(ResumeTest, AGangGoesOnFromTheStateThatAllOfItHave) {
  const Variant& variant = kVariants[2];
  fs::create_directories(folder_);
  ASSERT_TRUE(Pair(folder_, message(variant, "whole")).wait());
  Pair broken(folder_, resumable(variant, "broken", 0));
  while (saved().size() < 4 && !broken.member(0).poll()) std::this_thread::yield();
  broken.member(1).signal(SIGKILL);
  EXPECT_FALSE(broken.wait());
  // One member has a later state than the other, as when it is killed between the two.
  fs::remove(saved().back().replace_extension(".json"));
  ASSERT_TRUE(Pair(folder_, resumable(variant, "resumed")).wait());
  EXPECT_TRUE(read(folder_ / "member-0.log").contains("resumed from step"));
  EXPECT_TRUE(bytes(variant, "resumed") == bytes(variant, "whole"));
}

TEST_F(ResumeTest, SurvivesATrainerKilledWhileItSaves) {
  const Variant& variant = kVariants[1];
  whole(variant, "whole");
  write(folder_ / "stage.json", resumable(variant, "killed", 0).dump());
  int killed = 0;
  for (int attempt = 0; attempt < 6; ++attempt) {
    auto child = ChildProcess::spawn(
        {.arguments = {VLSWEEP_TRAINER, "--device", "cpu", (folder_ / "stage.json").string()},
         .environment = current_environment(),
         .log = folder_ / "log"});
    ASSERT_TRUE(child) << child.error().text();
    // The state that the next kill leaves behind is a later one each time.
    const auto enough = static_cast<std::size_t>(std::min(attempt, 2));
    while (!child->poll() && !(saved().size() >= enough && is_saving(state(), child->pid())))
      std::this_thread::yield();
    if (child->poll()) break;
    child->signal(SIGKILL);
    child->wait();
    ++killed;
  }
  EXPECT_GE(killed, 3);
  StageRecord record;
  const std::string note = go_on(variant, "killed", record);
  EXPECT_TRUE(note.contains("resumed from step ") && !note.contains("not resumed")) << note;
  EXPECT_TRUE(bytes(variant, "killed") == bytes(variant, "whole"));
}

}  // namespace
}  // namespace vlsweep
