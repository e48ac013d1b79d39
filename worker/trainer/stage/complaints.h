// The bad samples of a stage: counted, the first few named, put in the stage's note.
//
// Belongs to one thread.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace vlsweep {

class Complaints {
 public:
  // `count` bad samples of which this is the first not yet named.
  void add(const std::string& who, const std::string& why, std::size_t count = 1) {
    count_ += count;
    if (named_.size() < kNamed) named_.push_back(who + " (" + why + ")");
  }
  std::size_t count() const { return count_; }

  // "3 bad samples left out: a (why), b (why), ..."; empty if there are none.
  std::string note() const {
    if (count_ == 0) return {};
    std::string text =
        std::to_string(count_) + (count_ == 1 ? " bad sample" : " bad samples") + " left out: ";
    for (const std::string& each : named_) text += (&each == &named_.front() ? "" : ", ") + each;
    return text + (count_ > named_.size() ? ", ..." : "");
  }

 private:
  static constexpr std::size_t kNamed = 5;
  std::size_t count_ = 0;
  std::vector<std::string> named_;
};

}  // namespace vlsweep
