// A YAML file as a tree that remembers where each key and value stands. Scalars are typed here and
// not by a YAML library: 1e-5 and 1.0e-5 are numbers, only true and false are booleans (`off` and
// `no` are texts), only null, ~ and nothing are null.
//
// Plain values. yaml-cpp stands behind read_document, in yaml_reader.cpp alone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/base/result.h"
#include "sweeps/complaints.h"

namespace vlsweep {

struct Node {
  enum class Kind { null, boolean, number, text, list, map };
  struct Member;

  Kind kind = Kind::null;
  Position at;
  bool boolean = false;
  double number = 0;
  std::string text;  // of every scalar, as written
  std::vector<Node> items;
  std::vector<Member> members;  // in the order of the file, keys unique

  bool is_scalar() const { return kind != Kind::list && kind != Kind::map; }
};

struct Node::Member {
  std::string key;
  Position at;
  Node value;
};

// "a list", "a number", ...
std::string_view kind_name(Node::Kind kind);

inline constexpr std::size_t kMaxSweepBytes = 1U << 20;

// One YAML document. What is not YAML, a second document, a duplicate key, a key that is no plain
// text, an alias to something unfinished, more than 100,000 nodes (an alias counts as much as what
// it stands for), 64 levels or kMaxSweepBytes is a complaint; the tree is what could be read.
Node read_document(std::string_view text, Complaints& complaints);

}  // namespace vlsweep
