#include "orchestrator/base/child_process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "orchestrator/base/file.h"

namespace vlsweep {
namespace {

class Child : public testing::Test {
 protected:
  Child() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "child_process_test.XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~Child() override { std::filesystem::remove_all(folder_); }

  Result<ChildProcess> shell(const std::string& script, int descriptor = -1) {
    return ChildProcess::spawn({.arguments = {"sh", "-c", script},
                                .environment = {"PATH=/usr/bin:/bin", "COLOUR=blue"},
                                .log = log(),
                                .descriptor = descriptor});
  }
  std::filesystem::path log() const { return folder_ / "log"; }
  std::string output() { return read_file(log(), 1U << 20).value_or(""); }

  std::filesystem::path folder_;
};

TEST_F(Child, EndsWithAStatusOrASignal) {
  EXPECT_TRUE(shell("true")->wait().success());
  EXPECT_EQ(shell("exit 3")->wait().text(), "exit status 3");
  const ExitStatus killed = shell("kill -SEGV $$")->wait();
  EXPECT_FALSE(killed.success());
  EXPECT_EQ(killed.text(), "SIGSEGV (Segmentation fault)");
}

TEST_F(Child, AppendsItsOutputAndReadsNothing) {
  shell("echo one; echo two >&2")->wait();
  shell("cat; echo three")->wait();
  EXPECT_EQ(output(), "one\ntwo\nthree\n");
}

TEST_F(Child, HasTheEnvironmentItIsGivenAndNoOther) {
  ::setenv("VLSWEEP_CHILD_TEST", "leaks", 1);
  shell("echo $COLOUR$VLSWEEP_CHILD_TEST")->wait();
  EXPECT_EQ(output(), "blue\n");
}

TEST_F(Child, HasTheDescriptorItIsGivenAndNoOther) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);  // without close-on-exec, as libraries leave them
  shell("echo through >&3; ls /proc/$$/fd", ends[1])->wait();
  char text[16] = {};
  EXPECT_EQ(::read(ends[0], text, sizeof text), 8);
  EXPECT_STREQ(text, "through\n");
  // dash itself may keep its script or the folder open at 10 or more.
  EXPECT_TRUE(output().starts_with("0\n1\n2\n3\n") || output().starts_with("0\n1\n10\n2\n3\n"))
      << output();
  EXPECT_EQ(output().find("\n4\n"), std::string::npos) << output();
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(Child, ThatCannotBeStartedIsAnErrorWithItsName) {
  const auto child =
      ChildProcess::spawn({.arguments = {"/nowhere/program"}, .environment = {}, .log = log()});
  ASSERT_FALSE(child);
  EXPECT_NE(child.error().text().find("/nowhere/program"), std::string::npos);
  const auto unlogged =
      ChildProcess::spawn({.arguments = {"true"}, .environment = {}, .log = "/nowhere/log"});
  ASSERT_FALSE(unlogged);
  EXPECT_NE(unlogged.error().text().find("/nowhere/log"), std::string::npos);
}

TEST_F(Child, IsKilledWhenItsHandleGoes) {
  pid_t pid = -1;
  {
    const auto child = shell("sleep 600");
    ASSERT_TRUE(child);
    pid = child->pid();
    EXPECT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

}  // namespace
}  // namespace vlsweep
