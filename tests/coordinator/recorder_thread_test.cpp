#include "orchestrator/coordinator/recorder_thread.h"

#include <gtest/gtest.h>

#include <atomic>
#include <semaphore>

#include "orchestrator/base/log.h"

namespace vlsweep::testing {
namespace {

class FakeRecorder final : public Recorder {
 public:
  std::uint64_t recorded() override { return 0; }
  Result<> record(std::uint64_t first, std::span<const Event> events) override {
    ++offers;
    if (failures_left > 0) {
      --failures_left;
      return fail(Errc::io, "disk full");
    }
    firsts.push_back(first);
    for (const Event& event : events) ranks.push_back(std::get<RankLost>(event).rank);
    return {};
  }
  void live(std::span<const LiveReport> reports) override { num_live += reports.size(); }
  void checkpoint() override { ++checkpoints; }

  std::atomic<int> offers = 0;
  int failures_left = 0;
  std::vector<std::uint64_t> firsts;
  std::vector<std::uint32_t> ranks;
  std::size_t num_live = 0;
  int checkpoints = 0;
};

Event event_number(std::uint32_t i) { return RankLost{0, i, ""}; }

TEST(RecorderThread, RecordsEverythingInOrderBeforeItCloses) {
  FakeRecorder recorder;
  RecorderThread thread(recorder, 0);
  for (std::uint32_t i = 1; i <= 1000; ++i) thread.push(event_number(i));
  thread.push_live({{1.0, 1, {}}});
  thread.close();
  ASSERT_EQ(recorder.ranks.size(), 1000U);
  for (std::uint32_t i = 1; i <= 1000; ++i) EXPECT_EQ(recorder.ranks[i - 1], i);
  EXPECT_EQ(recorder.firsts.front(), 1U);
  EXPECT_EQ(recorder.num_live, 1U);
  EXPECT_EQ(recorder.checkpoints, 1);
}

TEST(RecorderThread, PassesOverWhatIsRecordedAlready) {
  FakeRecorder recorder;
  RecorderThread thread(recorder, 7);
  for (std::uint32_t i = 1; i <= 10; ++i) thread.push(event_number(i));
  thread.close();
  EXPECT_EQ(recorder.ranks, (std::vector<std::uint32_t>{8, 9, 10}));
  EXPECT_EQ(recorder.firsts.front(), 8U);
}

TEST(RecorderThread, OffersAgainWhatFailed) {
  log_set_level(Level::error);
  FakeRecorder recorder;
  recorder.failures_left = 1;
  RecorderThread thread(recorder, 0);
  thread.push(event_number(1));
  while (recorder.offers == 0) std::this_thread::yield();
  thread.push(event_number(2));
  thread.close();
  EXPECT_EQ(recorder.ranks, (std::vector<std::uint32_t>{1, 2}));
}

TEST(RecorderThread, ClosesAlthoughTheRecorderNeverRecovers) {
  FakeRecorder recorder;
  recorder.failures_left = 1'000'000;
  RecorderThread thread(recorder, 0);
  for (std::uint32_t i = 1; i <= 100; ++i) {
    thread.push(event_number(i));
    thread.wait_below(10);  // does not wait for ever either
  }
  thread.close();
  EXPECT_TRUE(recorder.ranks.empty());
  EXPECT_EQ(recorder.checkpoints, 0);
}

}  // namespace
}  // namespace vlsweep::testing
