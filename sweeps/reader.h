// Typed access to a document: every helper either gives the value or adds a complaint that says
// what was expected.
//
// A MapReader belongs to one thread and must not outlive its node.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sweeps/document.h"
#include "sweeps/expression/expression.h"

namespace vlsweep {

// Hands out the members of a map and knows which keys were asked for; finish() complains of others.
class MapReader {
 public:
  // `what` names the map in complaints: "model \"llava\"", "tune".
  MapReader(const Node& node, std::string what, Complaints& complaints);

  // The member with its key's place, or null. null values count as given.
  const Node::Member* take(const std::string& key);
  // The same, but a missing one is a complaint.
  const Node::Member* require(const std::string& key, const std::string& expected);
  void finish();
  bool is_map() const { return node_.kind == Node::Kind::map; }

 private:
  const Node& node_;
  std::string what_;
  Complaints& complaints_;
  std::vector<std::string> known_;
};

std::optional<std::string> read_text(const Node& node, const std::string& what,
                                     Complaints& complaints);
// One of the choices; the complaint names the nearest.
std::optional<std::string> read_choice(const Node& node, const std::string& what,
                                       const std::vector<std::string>& choices,
                                       Complaints& complaints);
// A whole number from least to most.
std::optional<std::int64_t> read_whole(const Node& node, const std::string& what,
                                       std::int64_t least, std::int64_t most,
                                       Complaints& complaints);
std::optional<double> read_number(const Node& node, const std::string& what, double least,
                                  double most, Complaints& complaints);
std::optional<bool> read_boolean(const Node& node, const std::string& what, Complaints& complaints);
// A condition or a formula, parsed.
std::optional<Expression> read_expression(const Node& node, const std::string& what,
                                          Complaints& complaints);
// A list that is not empty.
bool check_list(const Node& node, const std::string& what, const std::string& of,
                Complaints& complaints);

// The scalar as a Value; lists and maps are null.
Value scalar_value(const Node& node);
// As the file has it, for complaints: `"full"`, `0.05`, `a list`.
std::string shown(const Node& node);

}  // namespace vlsweep
