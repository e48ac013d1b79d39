#include "worker/frame/frame.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace vlsweep {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kLengthBytes = sizeof(std::uint32_t);

std::unexpected<Error> socket_error(std::string_view what) {
  const int number = errno;
  const bool gone = number == EPIPE || number == ECONNRESET || number == ENOTCONN;
  return fail(gone ? Errc::unavailable : Errc::io,
              "cannot " + std::string(what) + " the other process: " + std::strerror(number));
}

// Waits for `events`; false after `timeout` (negative: never).
Result<bool> wait_for(int fd, short events, milliseconds timeout) {
  const auto deadline = steady_clock::now() + timeout;
  while (true) {
    milliseconds left = timeout;
    if (timeout.count() >= 0)
      left = std::max(milliseconds(0),
                      std::chrono::ceil<milliseconds>(deadline - steady_clock::now()));
    pollfd entry{fd, events, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready == 0) return false;
    if (errno != EINTR) return socket_error("wait for");
  }
}

// How many bytes the kernel took; 0 if it takes none now.
Result<std::size_t> send_some(int fd, std::string_view bytes) {
  while (true) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno == EAGAIN || errno == EWOULDBLOCK) return std::size_t{0};
    if (errno != EINTR) return socket_error("write to");
  }
}

}  // namespace

Result<std::string> encode_frame(const Json& message) {
  const std::string text = message.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > kMaxFrameBytes)
    return fail(Errc::invalid, "a frame of " + std::to_string(text.size()) +
                                   " bytes is longer than the " + std::to_string(kMaxFrameBytes) +
                                   " allowed");
  const auto length = static_cast<std::uint32_t>(text.size());
  std::string frame(kLengthBytes, '\0');
  std::memcpy(frame.data(), &length, kLengthBytes);
  return frame + text;
}

Result<> write_frame(int fd, const Json& message) {
  VLSWEEP_TRY(const std::string frame, encode_frame(message));
  std::string_view rest = frame;
  while (!rest.empty()) {
    VLSWEEP_TRY(const std::size_t sent, send_some(fd, rest));
    rest.remove_prefix(sent);
    if (sent == 0) VLSWEEP_CHECK_OK(wait_for(fd, POLLOUT, milliseconds(-1)));
  }
  return {};
}

Result<> FrameWriter::write(const Json& message) {
  VLSWEEP_TRY(const std::string frame, encode_frame(message));
  bytes_ += frame;
  return flush();
}

Result<> FrameWriter::flush() {
  while (!empty()) {
    VLSWEEP_TRY(const std::size_t sent, send_some(fd_, std::string_view(bytes_).substr(sent_)));
    if (sent == 0) return {};
    sent_ += sent;
  }
  bytes_.clear();
  sent_ = 0;
  return {};
}

Result<FrameReader::Read> FrameReader::poll() {
  while (true) {
    VLSWEEP_TRY(Read read, take());
    if (read.state != State::none) return read;
    if (ended_) {
      if (begin_ == buffer_.size()) return Read{State::end, {}};
      return fail(Errc::corrupt, "the other process ended in the middle of a frame");
    }
    VLSWEEP_TRY(const bool more, receive());
    if (!more) return read;
  }
}

Result<FrameReader::Read> FrameReader::read(milliseconds timeout) {
  const auto deadline = steady_clock::now() + timeout;
  while (true) {
    VLSWEEP_TRY(Read read, poll());
    if (read.state != State::none) return read;
    milliseconds left = timeout;
    if (timeout.count() >= 0) {
      left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
      if (left.count() <= 0) return read;
    }
    VLSWEEP_CHECK_OK(wait_for(fd_, POLLIN, left));
  }
}

Result<FrameReader::Read> FrameReader::take() {
  const std::string_view rest = std::string_view(buffer_).substr(begin_);
  if (rest.size() < kLengthBytes) return Read{};
  std::uint32_t length = 0;
  std::memcpy(&length, rest.data(), kLengthBytes);
  if (length > kMaxFrameBytes)
    return fail(Errc::corrupt, "a frame claims " + std::to_string(length) +
                                   " bytes, more than the " + std::to_string(kMaxFrameBytes) +
                                   " allowed");
  if (rest.size() < kLengthBytes + length) return Read{};
  Json message = Json::parse(rest.substr(kLengthBytes, length), nullptr, false);
  if (message.is_discarded()) return fail(Errc::corrupt, "a frame does not hold JSON");
  begin_ += kLengthBytes + length;
  if (begin_ == buffer_.size()) {
    buffer_.clear();
    begin_ = 0;
  }
  return Read{State::frame, std::move(message)};
}

// Whether anything came: bytes, or the end of the stream.
Result<bool> FrameReader::receive() {
  std::array<char, 65536> chunk;
  while (true) {
    const ssize_t n = ::recv(fd_, chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
    // A peer that died with unread input resets the connection: for us, the end all the same.
    if (n < 0 && errno != ECONNRESET) return socket_error("read from");
    ended_ = n <= 0;
    if (!ended_) {
      buffer_.erase(0, begin_);
      begin_ = 0;
      buffer_.append(chunk.data(), static_cast<std::size_t>(n));
    }
    return true;
  }
}

}  // namespace vlsweep
