// A trainer's place among those that run one stage together (a gang), as its run message says. No
// libtorch here.
//
// A plain value.
#pragma once

#include <chrono>
#include <filesystem>

namespace vlsweep {

struct GangPlace {
  int rank = 0;  // member 0 alone saves, and speaks for all
  int size = 1;  // 1: no gang
  // A folder that all members see, new for each attempt (see rendezvous.h).
  std::filesystem::path rendezvous;
  // The longest that a member waits for the others, to join and in each exchange.
  std::chrono::seconds timeout{300};
};

}  // namespace vlsweep
