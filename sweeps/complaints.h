// What is wrong with a sweep: all of it, each with its place, so that one look mends everything.
// Also the "did you mean" of every listing of names.
//
// A Complaints belongs to one reader of one file, on one thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/base/result.h"

namespace vlsweep {

// Line and column count from 1; line 0 is the file as a whole.
struct Position {
  int line = 0;
  int column = 0;
  auto operator<=>(const Position&) const = default;
};

class Complaints {
 public:
  explicit Complaints(std::string file) : file_(std::move(file)) {}

  void add(Position at, std::string message);
  // `wrong`; expected one of a, b; did you mean "b"?
  void add_unknown(Position at, std::string wrong, std::string_view name,
                   const std::vector<std::string>& known);

  bool empty() const { return found_.empty(); }
  std::size_t count() const { return found_.size(); }
  const std::string& file() const { return file_; }
  // In the order of the file, each once; beyond 100 only their number.
  std::vector<Error> take();

 private:
  struct Complaint {
    Position at;
    std::string message;
    auto operator<=>(const Complaint&) const = default;
  };
  std::string file_;
  std::vector<Complaint> found_;
};

// The known name that is nearest to what was written, or empty if none is near.
std::string nearest_name(std::string_view name, const std::vector<std::string>& known);

// "a, b, c"
std::string join(const std::vector<std::string>& names, std::string_view separator = ", ");

}  // namespace vlsweep
