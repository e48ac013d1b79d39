// Frames between an agent and its trainer: a u32 little-endian length, then so many bytes of JSON.
// Both ends use this one library; what the JSON says is in worker/agent/trainer_message.h.
//
// Every class belongs to one thread. The descriptors are stream sockets and stay the caller's own;
// no write ever raises SIGPIPE.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "orchestrator/base/result.h"

namespace vlsweep {

// A longer frame is refused by both ends (invalid where it is written, corrupt where it is read).
inline constexpr std::uint32_t kMaxFrameBytes = 64U << 20;

// Length and text. JSON has no NaN and no infinity: they become null. Bytes that are not UTF-8
// become U+FFFD.
Result<std::string> encode_frame(const nlohmann::json& message);

// Writes one frame and waits until the kernel has taken all of it.
// unavailable: the other end is gone.
Result<> write_frame(int fd, const nlohmann::json& message);

// Frames on their way out for those who may not wait: what the socket does not take at once is
// kept.
class FrameWriter {
 public:
  explicit FrameWriter(int fd) : fd_(fd) {}
  // Queues a frame and sends what can be sent.
  Result<> write(const nlohmann::json& message);
  // Sends more of what is queued, without waiting.
  Result<> flush();
  bool empty() const { return sent_ == bytes_.size(); }

 private:
  int fd_;
  std::string bytes_;
  std::size_t sent_ = 0;
};

// Frames on their way in.
class FrameReader {
 public:
  enum class State { frame, none, end };
  struct Read {
    State state = State::none;  // none: no whole frame has come yet; end: the other end has closed
    nlohmann::json message;     // of a frame
  };

  explicit FrameReader(int fd) : fd_(fd) {}

  // The next frame if it is there, without waiting.
  // corrupt: the length is out of bounds, the text is not JSON, or the stream ended inside a frame.
  Result<Read> poll();
  // The same, waiting up to `timeout` for it; a negative one waits for ever.
  Result<Read> read(std::chrono::milliseconds timeout = std::chrono::milliseconds(-1));

 private:
  Result<Read> take();  // a frame out of what has been received
  Result<bool> receive();

  int fd_;
  std::string buffer_;
  std::size_t begin_ = 0;  // of what is not yet taken
  bool ended_ = false;
};

}  // namespace vlsweep
