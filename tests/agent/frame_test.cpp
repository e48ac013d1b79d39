#include "worker/frame/frame.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <thread>

namespace vlsweep {
namespace {

using Json = nlohmann::json;
using State = FrameReader::State;
using std::chrono::milliseconds;

struct Frames : testing::Test {
  Frames() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0); }
  ~Frames() override {
    close_end(0);
    close_end(1);
  }
  void close_end(int i) {
    if (ends[i] >= 0) ::close(ends[i]);
    ends[i] = -1;
  }
  void send_raw(std::string_view bytes) {
    ASSERT_EQ(::send(ends[0], bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  }
  void send_length(std::uint32_t length) {
    char raw[4];
    std::memcpy(raw, &length, 4);
    send_raw(std::string_view(raw, 4));
  }
  int ends[2] = {-1, -1};
};

TEST_F(Frames, WhatIsWrittenIsReadInOrder) {
  const Json first = {{"type", "ready"}, {"text", "gl\u00fcck \n"}};
  const Json second = Json::array({1, 2.5, nullptr});
  ASSERT_TRUE(write_frame(ends[0], first));
  ASSERT_TRUE(write_frame(ends[0], second));
  FrameReader reader(ends[1]);
  EXPECT_EQ(reader.poll()->message, first);
  EXPECT_EQ(reader.poll()->message, second);
  EXPECT_EQ(reader.poll()->state, State::none);
}

TEST_F(Frames, AFrameInPiecesArrivesWhole) {
  const std::string frame = *encode_frame({{"a", 1}});
  FrameReader reader(ends[1]);
  for (std::size_t i = 0; i + 1 < frame.size(); ++i) {
    send_raw(std::string_view(frame).substr(i, 1));
    ASSERT_EQ(reader.poll()->state, State::none) << i;
  }
  send_raw(std::string_view(frame).substr(frame.size() - 1));
  EXPECT_EQ(reader.poll()->message["a"], 1);
}

TEST_F(Frames, EndIsNotAnError) {
  ASSERT_TRUE(write_frame(ends[0], Json(7)));
  close_end(0);
  FrameReader reader(ends[1]);
  EXPECT_EQ(reader.poll()->state, State::frame);
  EXPECT_EQ(reader.poll()->state, State::end);
  EXPECT_EQ(reader.poll()->state, State::end);
}

TEST_F(Frames, EndInsideAFrameIsCorrupt) {
  send_length(100);
  close_end(0);
  FrameReader reader(ends[1]);
  const auto read = reader.poll();
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::corrupt);
}

TEST_F(Frames, RubbishIsCorrupt) {
  send_length(3);
  send_raw("{\"a");
  FrameReader reader(ends[1]);
  const auto read = reader.poll();
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::corrupt);
}

TEST_F(Frames, ALengthOutOfBoundsIsRefusedBeforeAnythingIsAllocated) {
  send_length(kMaxFrameBytes + 1);
  FrameReader reader(ends[1]);
  ASSERT_FALSE(reader.poll());
  const auto long_frame = encode_frame(Json(std::string(kMaxFrameBytes, 'x')));
  ASSERT_FALSE(long_frame);
  EXPECT_EQ(long_frame.error().code, Errc::invalid);
}

TEST_F(Frames, WritingToAClosedEndIsAnErrorAndNoSignal) {
  close_end(1);
  const auto written = write_frame(ends[0], Json(1));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::unavailable);
}

TEST_F(Frames, NumbersThatJsonCannotHoldBecomeNullAndBrokenTextIsMended) {
  ASSERT_TRUE(write_frame(ends[0], Json::array({std::nan(""), "\xff"})));
  FrameReader reader(ends[1]);
  const Json message = reader.poll()->message;
  EXPECT_TRUE(message[0].is_null());
  EXPECT_EQ(message[1], "\xef\xbf\xbd");
}

TEST_F(Frames, ReadWaitsForALargeFrameAndGivesUpInTime) {
  FrameReader reader(ends[1]);
  EXPECT_EQ(reader.read(milliseconds(1))->state, State::none);
  const Json large = std::string(8U << 20, 'y');
  std::thread writer([&] { EXPECT_TRUE(write_frame(ends[0], large)); });
  EXPECT_EQ(reader.read()->message, large);
  writer.join();
}

TEST_F(Frames, AWriterThatMayNotWaitKeepsWhatTheSocketDoesNotTake) {
  FrameWriter writer(ends[0]);
  const Json large = std::string(4U << 20, 'z');
  ASSERT_TRUE(writer.write(large));
  EXPECT_FALSE(writer.empty());
  FrameReader reader(ends[1]);
  auto read = reader.poll();
  while (read && read->state == State::none) {
    ASSERT_TRUE(writer.flush());
    read = reader.poll();
  }
  EXPECT_TRUE(writer.empty());
  EXPECT_EQ(read->message, large);
}

}  // namespace
}  // namespace vlsweep
