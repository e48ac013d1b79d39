// The only user of yaml-cpp: its events become our tree, so that no graph of shared nodes ever
// exists and every bound is checked while reading.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <istream>
#include <set>
#include <streambuf>
#include <unordered_map>

#include "sweeps/document.h"
#include "sweeps/scalar.h"

namespace vlsweep {
namespace {

constexpr std::size_t kMaxNodes = 100'000;
constexpr std::size_t kMaxDepth = 64;

// Ends the parse at once; caught in read_document.
struct TooLarge {};

Position position(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

std::size_t count_nodes(const Node& node) {
  std::size_t count = 1;
  for (const Node& item : node.items) count += count_nodes(item);
  for (const Node::Member& member : node.members) count += 1 + count_nodes(member.value);
  return count;
}

class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(Complaints& complaints) : complaints_(complaints) {}

  Node take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node;
    node.at = position(mark);
    finish(std::move(node), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    Node node;
    if (found == anchors_.end()) {
      complaints_.add(position(mark), "the alias stands inside of what it names; write it out");
    } else {
      count(count_nodes(found->second), position(mark));
      node = found->second;
    }
    node.at = position(mark);
    finish(std::move(node), 0);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check_tag(mark, tag);
    Node node;
    node.at = position(mark);
    type_scalar(value, tag == "!", node);
    finish(std::move(node), anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    check_tag(mark, tag);
    open(mark, anchor, Node::Kind::list);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    check_tag(mark, tag);
    open(mark, anchor, Node::Kind::map);
  }
  void OnMapEnd() override { close(); }

 private:
  // A list or map that is being read; `key` waits for its value.
  struct Open {
    Node node;
    YAML::anchor_t anchor = 0;
    bool has_key = false;
    std::string key;
    Position key_at;
    std::set<std::string> keys;
  };

  void check_tag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.size() > 1)
      complaints_.add(position(mark), "the tag " + tag + " is not supported; leave it out");
  }

  void count(std::size_t nodes, Position at) {
    num_nodes_ += nodes;
    if (num_nodes_ <= kMaxNodes) return;
    complaints_.add(at,
                    "the file has more than 100000 values, aliases counted as what they "
                    "stand for; write a smaller one");
    throw TooLarge();
  }

  void open(const YAML::Mark& mark, YAML::anchor_t anchor, Node::Kind kind) {
    if (open_.size() >= kMaxDepth) {
      complaints_.add(position(mark), "nested deeper than 64 levels; write it flatter");
      throw TooLarge();
    }
    open_.emplace_back();
    open_.back().node.kind = kind;
    open_.back().node.at = position(mark);
    open_.back().anchor = anchor;
  }

  void close() {
    Open closed = std::move(open_.back());
    open_.pop_back();
    finish(std::move(closed.node), closed.anchor);
  }

  // Puts a whole node where it belongs: the root, a list, a map's key or a map's value.
  void finish(Node node, YAML::anchor_t anchor) {
    count(1, node.at);
    if (anchor != 0) {
      count(count_nodes(node), node.at);  // the copy is as large
      anchors_[anchor] = node;
    }
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == Node::Kind::list) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.has_key) {
      take_key(parent, std::move(node));
    } else {
      parent.has_key = false;
      if (parent.keys.insert(parent.key).second)
        parent.node.members.push_back({parent.key, parent.key_at, std::move(node)});
    }
  }

  void take_key(Open& parent, Node node) {
    parent.has_key = true;
    parent.key_at = node.at;
    parent.key = node.text;
    if (!node.is_scalar() || node.kind == Node::Kind::null)
      complaints_.add(node.at,
                      "a key must be a plain text, this is " + std::string(kind_name(node.kind)));
    else if (parent.keys.count(node.text) != 0)
      complaints_.add(node.at, "the key \"" + node.text + "\" stands here twice; remove one");
  }

  Complaints& complaints_;
  Node root_;
  std::vector<Open> open_;
  std::unordered_map<YAML::anchor_t, Node> anchors_;
  std::size_t num_nodes_ = 0;
};

// Reads from the text itself; a stringstream would copy it.
class TextBuffer : public std::streambuf {
 public:
  explicit TextBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // streambuf's get area is never written to
    setg(begin, begin, begin + text.size());
  }
};

void parse(std::string_view text, TreeBuilder& builder, Complaints& complaints) {
  TextBuffer buffer(text);
  std::istream stream(&buffer);
  YAML::Parser parser(stream);
  if (!parser.HandleNextDocument(builder)) {
    complaints.add({1, 1}, "the file is empty; expected a sweep, such as sweeps/quickstart.yaml");
    return;
  }
  TreeBuilder rest(complaints);
  if (parser.HandleNextDocument(rest))
    complaints.add({}, "the file holds more than one YAML document; expected one");
}

}  // namespace

Node read_document(std::string_view text, Complaints& complaints) {
  if (text.size() > kMaxSweepBytes) {
    complaints.add({}, "the file is larger than 1 MiB; a sweep is a page, not a data set");
    return {};
  }
  TreeBuilder builder(complaints);
  try {
    parse(text, builder, complaints);
  } catch (const YAML::Exception& error) {
    const Position at = error.mark.is_null() ? Position{} : position(error.mark);
    complaints.add(at, "this is not YAML: " + error.msg);
  } catch (const TooLarge&) {
    return {};  // the complaint is there
  }
  return builder.take_root();
}

}  // namespace vlsweep
