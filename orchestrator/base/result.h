// Result<T>: how every fallible function of vlsweep answers. An Error is a value that says what
// went wrong, where, and what the reader can do about it; it is written for the person at the
// terminal.
//
// Plain values: no thread may share one while another changes it. Exceptions of third-party
// libraries stop in the file that owns the library; none crosses a function that returns Result.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace vlsweep {

// A code exists only where a caller acts differently on it (exit status, retry, message).
enum class Errc {
  invalid,        // what the user gave is wrong: configuration, data, model files
  not_found,      // what was named does not exist
  corrupt,        // a file of ours (journal, store, database) does not read back as written
  io,             // the operating system refused: disk full, permission, EIO
  busy,           // in use by another process: run folder, port
  out_of_memory,  // host or device memory
  diverged,       // a loss that is no longer finite
  cancelled,      // stopped on request
  unavailable,    // something outside is missing: MPI, a device, a peer
  internal        // our own bug
};

std::string_view errc_name(Errc code);
// Reads what errc_name wrote; an unknown name is `internal`.
Errc errc_from_name(std::string_view name);

struct Error {
  Errc code = Errc::internal;
  std::string message;  // one sentence: what is wrong and what to do
  std::string where;    // "file:line:column", "file", or empty

  // "where: message", or the message alone.
  std::string text() const { return where.empty() ? message : where + ": " + message; }
};

template <class T = void>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(Errc code, std::string message,
                                                 std::string where = {}) {
  return std::unexpected(Error{code, std::move(message), std::move(where)});
}

// Puts `context: ` before the message of an error on its way up.
[[nodiscard]] inline std::unexpected<Error> with_context(Error error, std::string_view context) {
  error.message = std::string(context) + ": " + error.message;
  return std::unexpected(std::move(error));
}

}  // namespace vlsweep

#define VLSWEEP_CONCAT_INNER(a, b) a##b
#define VLSWEEP_CONCAT(a, b) VLSWEEP_CONCAT_INNER(a, b)

// VLSWEEP_TRY(auto x, f()): x is the value, or the function returns the error.
#define VLSWEEP_TRY(declaration, expression) \
  VLSWEEP_TRY_INNER(VLSWEEP_CONCAT(try_result_, __LINE__), declaration, expression)
#define VLSWEEP_TRY_INNER(result, declaration, expression)        \
  auto result = (expression);                                     \
  if (!result) return std::unexpected(std::move(result).error()); \
  declaration = std::move(*result)

// VLSWEEP_CHECK_OK(f()): f returns Result<>; its error is returned.
#define VLSWEEP_CHECK_OK(expression)                         \
  do {                                                       \
    if (auto try_status = (expression); !try_status)         \
      return std::unexpected(std::move(try_status).error()); \
  } while (false)
