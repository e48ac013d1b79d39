#include "worker/trainer/text/chat_template_check.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <vector>

namespace vlsweep {
namespace {

constexpr std::size_t kMaxTag = 2 << 10;
constexpr int kMaxNesting = 64;

bool is_name_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// Walks a template's text, comments and tags once and keeps the first complaint.
class Walk {
 public:
  explicit Walk(std::string_view source) : source_(source) {}

  void run() {
    while (at_ < source_.size() && complaint_.empty()) {
      const std::string_view rest = source_.substr(at_);
      if (rest.starts_with("{#")) {
        comment(rest);
      } else if (rest.starts_with("{{") || rest.starts_with("{%")) {
        tag();
      } else {
        checked_.push_back(source_[at_++]);
      }
    }
    for (const auto& [name, called] : calls_) {
      if (name.empty() || !complaint_.empty()) continue;
      std::set<std::string> seen;
      if (reaches(name, name, seen)) complaint_ = "macro " + name + " calls itself";
    }
  }

  const std::string& complaint() const { return complaint_; }
  std::string checked() && { return std::move(checked_); }

 private:
  // Keeps the marks that trim white space.
  void comment(std::string_view rest) {
    const std::size_t end = rest.find("#}", 2);
    if (end == rest.npos) {
      complaint_ = "a comment without an end";
      return;
    }
    const std::string_view inside = rest.substr(2, end - 2);
    checked_ += "{#";
    if (inside.starts_with('-')) checked_ += '-';
    checked_ += ' ';
    if (inside.size() > 1 && inside.ends_with('-')) checked_ += '-';
    checked_ += "#}";
    at_ += end + 2;
  }

  // A {{ }} or {% %}: its names, with the bytes that stand outside of strings counted.
  void tag() {
    const std::size_t begin = at_;
    const bool is_block = source_[at_ + 1] == '%';
    const std::string_view close = is_block ? "%}" : "}}";
    std::size_t plain = 0;
    int depth = 0;
    std::vector<std::string> names;
    for (at_ += 2; at_ < source_.size();) {
      const char c = source_[at_];
      if (depth == 0 && source_.substr(at_).starts_with(close)) break;
      if (++plain > kMaxTag) complaint_ = "a tag of more than 2 KiB";
      if (c == '(' || c == '[' || c == '{') ++depth;
      if (c == ')' || c == ']' || c == '}') --depth;
      if (depth > kMaxNesting) complaint_ = "more than 64 nested brackets";
      if (!complaint_.empty()) return;
      if (c == '\'' || c == '"') {
        skip_string(c);
      } else if (is_name_character(c)) {
        names.push_back(take_name());
      } else {
        ++at_;
      }
    }
    at_ = std::min(at_ + 2, source_.size());
    checked_ += source_.substr(begin, at_ - begin);
    if (is_block && !names.empty()) block(names);
    for (std::size_t i = 0; i < names.size(); ++i) use(names[i], is_block && i == 1);
  }

  void skip_string(char quote) {
    for (++at_; at_ < source_.size() && source_[at_] != quote; ++at_) {
      if (source_[at_] == '\\') ++at_;
    }
    ++at_;
  }

  // A name, with "(" behind it where it is called.
  std::string take_name() {
    const std::size_t begin = at_;
    while (at_ < source_.size() && is_name_character(source_[at_])) ++at_;
    std::string name(source_.substr(begin, at_ - begin));
    const std::size_t next = source_.find_first_not_of(" \t\n", at_);
    if (next != source_.npos && source_[next] == '(') name += '(';
    return name;
  }

  void block(const std::vector<std::string>& names) {
    const std::string& keyword = names.front();
    if (keyword == "for" && names.back() == "recursive") complaint_ = "a recursive loop";
    if (keyword.starts_with("end")) {
      --blocks_;
      if (keyword == "endmacro") macro_.clear();
    } else if (keyword != "else" && keyword != "elif" && keyword != "set" && keyword != "break" &&
               keyword != "continue") {
      ++blocks_;
    }
    if (blocks_ > kMaxNesting) complaint_ = "more than 64 nested blocks";
    if (keyword == "macro" && names.size() > 1) {
      macro_ = names[1].substr(0, names[1].find('('));
      macros_.insert(macro_);
      calls_[macro_];
    }
  }

  // Later tags alone can name a macro; one inside itself counts as a call.
  void use(const std::string& name, bool second) {
    const bool called = name.ends_with('(');
    const std::string bare = called ? name.substr(0, name.size() - 1) : name;
    if (second && bare == macro_) return;  // {% macro NAME( itself
    if (called) calls_[macro_].insert(bare);
    if (!called && macros_.contains(bare)) complaint_ = "macro " + bare + " used as a value";
  }

  bool reaches(const std::string& from, const std::string& wanted,
               std::set<std::string>& seen) const {
    const auto found = calls_.find(from);
    if (found == calls_.end()) return false;
    return std::ranges::any_of(found->second, [&](const std::string& next) {
      return next == wanted || (seen.insert(next).second && reaches(next, wanted, seen));
    });
  }

  std::string_view source_;
  std::size_t at_ = 0;
  int blocks_ = 0;
  std::string macro_;  // within whose body we are; empty: none
  std::set<std::string> macros_;
  std::map<std::string, std::set<std::string>> calls_;
  std::string checked_, complaint_;
};

}  // namespace

Result<std::string> checked_template(std::string_view source, const std::string& where) {
  if (source.size() > kMaxTemplateBytes) {
    return fail(Errc::invalid, "a chat template of more than 32 KiB", where);
  }
  Walk walk(source);
  walk.run();
  if (walk.complaint().empty()) return std::move(walk).checked();
  return fail(Errc::invalid, "chat template: " + walk.complaint(), where);
}

}  // namespace vlsweep
