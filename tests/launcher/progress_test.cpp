#include <gtest/gtest.h>

#include "orchestrator/launcher/mpirun.h"
#include "orchestrator/launcher/progress_display.h"
#include "orchestrator/launcher/progress_text.h"

namespace vlsweep {
namespace {

using std::chrono::seconds;

RunStatus halfway() {
  RunStatus status;
  status.waiting = 40;
  status.running = 2;
  status.done = 50;
  status.failed = 8;
  status.eta_s = 133;
  return status;
}

TEST(Duration, IsForPeople) {
  EXPECT_EQ(duration_text(0), "0s");
  EXPECT_EQ(duration_text(59.2), "1m 00s");
  EXPECT_EQ(duration_text(133), "2m 13s");
  EXPECT_EQ(duration_text(3 * 3600 + 300), "3h 05m");
  EXPECT_EQ(duration_text(2 * 86'400 + 4 * 3600), "2d 04h");
  EXPECT_EQ(duration_text(-1), "?");
  EXPECT_EQ(duration_text(1.0 / 0.0), "?");
}

TEST(BarLine, ShowsBarCountsAndTimeLeft) {
  EXPECT_EQ(
      bar_line(halfway(), {.width = 100, .unicode = false, .color = false}),
      "###################-------------------  50%  50/100 stages, 2 running, 8 failed, about "
      "2m 13s to go");
  EXPECT_EQ(bar_line(halfway(), {.width = 80, .unicode = true, .color = false}),
            "\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2591\u2591\u2591\u2591"
            "\u2591\u2591\u2591\u2591\u2591  50%  50/100 stages, 2 running, 8 failed, about "
            "2m 13s to go")
      << "the bar gives way to the text";
}

TEST(BarLine, NeverReachesTheLastColumn) {
  for (std::size_t width = 0; width < 120; ++width) {
    const std::string line =
        bar_line(halfway(), {.width = width, .unicode = false, .color = false});
    EXPECT_LT(line.size(), std::max<std::size_t>(width, 1)) << width;
  }
}

TEST(BarLine, ColoursOnlyWhenAsked) {
  EXPECT_NE(bar_line(halfway(), {.width = 100}).find("\x1b["), std::string::npos);
  EXPECT_EQ(bar_line(halfway(), {.width = 100, .color = false}).find("\x1b["), std::string::npos);
}

TEST(BarLine, OfNothingIsZero) {
  EXPECT_EQ(plain_line(RunStatus{}), "0% (0 of 0 stages), 0 running");
}

TEST(CutToColumns, CountsCharactersAndLosesControls) {
  EXPECT_EQ(cut_to_columns("gl\u00fcck", 3), "gl\u00fc");
  EXPECT_EQ(cut_to_columns("a\x1b[31m\nb", 9), "a [31m b");
  EXPECT_EQ(cut_to_columns("abc", 0), "");
}

TEST(PlainPace, SpeaksWhenSomethingHasChangedAndNotTooOften) {
  PlainPace pace;
  const std::chrono::steady_clock::time_point start{};
  RunStatus status;
  EXPECT_FALSE(pace.due(status, start)) << "there is no plan yet";
  status.waiting = 1000;
  EXPECT_TRUE(pace.due(status, start));
  EXPECT_FALSE(pace.due(status, start + seconds(60))) << "nothing has changed";
  status.done = 10;
  status.waiting = 990;
  EXPECT_FALSE(pace.due(status, start + seconds(5))) << "one percent can wait";
  EXPECT_TRUE(pace.due(status, start + seconds(31)));
  status.done = 70;
  EXPECT_TRUE(pace.due(status, start + seconds(33))) << "a jump";
  status.failed = 1;
  EXPECT_TRUE(pace.due(status, start + seconds(33))) << "a failure is news at once";
  status.done = 999;
  status.waiting = 0;
  EXPECT_TRUE(pace.due(status, start + seconds(33))) << "so is the end";
}

TEST(MpiFlavour, FollowsFromTheVersionText) {
  EXPECT_EQ(flavour_of("mpirun (Open MPI) 4.1.4\n\nReport bugs to"), MpiFlavour::open_mpi_4);
  EXPECT_EQ(flavour_of("mpirun (Open MPI) 5.0.11\n"), MpiFlavour::open_mpi_5);
  EXPECT_EQ(flavour_of("mpirun (Open MPI) 10.0.0"), MpiFlavour::open_mpi_5);
  EXPECT_EQ(flavour_of("HYDRA build details:"), MpiFlavour::other);
  EXPECT_EQ(flavour_of("mpirun (Open MPI) "), MpiFlavour::other);
}

TEST(MpirunArguments, AskForRecoveryWhereItExists) {
  const std::vector<std::string> rank{"vlsweep", "rank", "runs/a"};
  const auto joined = [&](MpiFlavour flavour, bool single_host) {
    std::string all;
    for (const auto& part : mpirun_arguments({"mpirun", flavour, ""}, 3, single_host, rank))
      all += part + " ";
    return all;
  };
  const std::string old = joined(MpiFlavour::open_mpi_4, true);
  EXPECT_NE(old.find("--enable-recovery"), std::string::npos);
  EXPECT_NE(old.find("self,vader"), std::string::npos);
  EXPECT_TRUE(old.ends_with("-n 3 vlsweep rank runs/a "));
  EXPECT_EQ(joined(MpiFlavour::open_mpi_4, false).find("vader"), std::string::npos);
  const std::string recent = joined(MpiFlavour::open_mpi_5, true);
  EXPECT_NE(recent.find("--with-ft ulfm"), std::string::npos);
  EXPECT_EQ(recent.find("--enable-recovery"), std::string::npos);
  EXPECT_EQ(joined(MpiFlavour::other, true), "mpirun -n 3 vlsweep rank runs/a ");
}

}  // namespace
}  // namespace vlsweep
