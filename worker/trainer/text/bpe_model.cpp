#include "worker/trainer/text/bpe_model.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <queue>
#include <tuple>

#include "worker/trainer/format/json_object.h"
#include "worker/trainer/text/utf8.h"

namespace vlsweep {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxId = 1 << 21;

std::uint64_t pair_key(std::uint32_t left, std::uint32_t right) {
  return static_cast<std::uint64_t>(left) << 32 | right;
}

Result<> refuse_unknown(const json& object, const std::string& where) {
  for (const char* name : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"}) {
    const json* value = json_member(object, name);
    if (!value || *value == "" || *value == 0.0) continue;
    return fail(Errc::invalid, "model: \"" + std::string(name) + "\" is not known", where);
  }
  return {};
}

}  // namespace

// A word's symbols as a linked list, and the merges that could be applied to it, best first.
class BpeModel::Word {
 public:
  Word(const BpeModel& model, const std::vector<std::uint32_t>& symbols) : model_(model) {
    const auto size = static_cast<std::int64_t>(symbols.size());
    for (std::int64_t i = 0; i < size; ++i) {
      links_.push_back({symbols[static_cast<std::size_t>(i)], i - 1, i + 1 < size ? i + 1 : -1});
    }
    for (std::int64_t i = 0; i + 1 < size; ++i) offer(i);
  }

  void merge_all() {
    while (!queue_.empty()) {
      const Candidate best = queue_.top();
      queue_.pop();
      Link& left = at(best.place);
      if (left.merged_away || left.next < 0) continue;
      Link& right = at(left.next);
      const Merged* found = model_.merged(left.id, right.id);
      if (!found || found->id != best.id) continue;  // what stands here has changed since
      left.id = best.id;
      left.next = right.next;
      right.merged_away = true;
      if (left.next >= 0) at(left.next).previous = best.place;
      if (left.previous >= 0) offer(left.previous);
      offer(best.place);
    }
  }

  void append_to(std::vector<TokenId>& ids) const {
    for (const Link& link : links_) {
      if (!link.merged_away) ids.push_back(link.id);
    }
  }

 private:
  struct Link {
    std::uint32_t id = 0;
    std::int64_t previous = -1, next = -1;
    bool merged_away = false;
  };
  struct Candidate {
    std::uint32_t rank = 0;
    std::int64_t place = 0;
    std::uint32_t id = 0;
    bool operator>(const Candidate& other) const {
      return std::tie(rank, place) > std::tie(other.rank, other.place);
    }
  };

  Link& at(std::int64_t place) { return links_[static_cast<std::size_t>(place)]; }

  // The merge of the symbol at `place` with its next one, where there is such a merge.
  void offer(std::int64_t place) {
    const Link& left = at(place);
    if (left.next < 0) return;
    if (const Merged* found = model_.merged(left.id, at(left.next).id)) {
      queue_.push({found->rank, place, found->id});
    }
  }

  const BpeModel& model_;
  std::vector<Link> links_;
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue_;
};

Result<BpeModel> BpeModel::read(const json& object, const std::string& where) {
  const json* type = json_member(object, "type");
  const json* vocabulary = json_member(object, "vocab");
  const json* merges = json_member(object, "merges");
  if (type && *type != "BPE") {
    return fail(Errc::invalid, "a model of type " + type->dump() + "; only BPE is known", where);
  }
  if (!vocabulary || !vocabulary->is_object() || !merges || !merges->is_array()) {
    return fail(Errc::invalid, R"(the model has no "vocab" and "merges" of a BPE)", where);
  }
  VLSWEEP_CHECK_OK(refuse_unknown(object, where));
  BpeModel model;
  VLSWEEP_TRY(model.fuse_unknown_, json_flag(object, "fuse_unk", false, where));
  VLSWEEP_TRY(model.ignore_merges_, json_flag(object, "ignore_merges", false, where));
  VLSWEEP_CHECK_OK(model.read_vocabulary(*vocabulary, where));
  VLSWEEP_CHECK_OK(model.read_merges(*merges, where));
  VLSWEEP_CHECK_OK(model.find_special(object, where));
  return model;
}

Result<> BpeModel::read_vocabulary(const json& vocabulary, const std::string& where) {
  std::size_t largest = 0;
  for (const auto& [text, id] : vocabulary.items()) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() > kMaxId) {
      return fail(Errc::invalid, "vocab: \"" + text + "\" must have an id from 0 to 2097152",
                  where);
    }
    largest = std::max(largest, id.get<std::size_t>());
  }
  tokens_.resize(vocabulary.empty() ? 0 : largest + 1);
  ids_.reserve(vocabulary.size());
  for (const auto& [text, value] : vocabulary.items()) {
    const auto id = value.get<std::uint32_t>();
    if (!tokens_[id].empty()) {
      return fail(Errc::invalid,
                  "vocab: id " + std::to_string(id) + " stands for \"" + tokens_[id] + "\" and \"" +
                      text + "\"",
                  where);
    }
    tokens_[id] = text;
  }
  for (std::uint32_t id = 0; id < tokens_.size(); ++id) {
    if (!tokens_[id].empty()) ids_.emplace(tokens_[id], id);
  }
  return {};
}

// Each is "left right" or ["left", "right"]; their order is their rank.
Result<> BpeModel::read_merges(const json& merges, const std::string& where) {
  merges_.reserve(merges.size());
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const json& merge = merges[rank];
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      VLSWEEP_CHECK_OK(add_merge(merge[0].get_ref<const std::string&>(),
                                 merge[1].get_ref<const std::string&>(), rank, where));
      continue;
    }
    const std::string_view text =
        merge.is_string() ? std::string_view(merge.get_ref<const std::string&>()) : "";
    const std::size_t space = text.find(' ');
    if (space == text.npos || text.find(' ', space + 1) != text.npos) {
      return fail(Errc::invalid,
                  "merges: expected two tokens, not " +
                      merge.dump(-1, ' ', false, json::error_handler_t::replace).substr(0, 60),
                  where);
    }
    VLSWEEP_CHECK_OK(add_merge(text.substr(0, space), text.substr(space + 1), rank, where));
  }
  return {};
}

Result<> BpeModel::add_merge(std::string_view left, std::string_view right, std::size_t rank,
                             const std::string& where) {
  const auto first = find(left), second = find(right);
  const auto whole = find(std::string(left) + std::string(right));
  if (!first || !second || !whole) {
    return fail(Errc::invalid,
                "merges: \"" + std::string(left) + "\" + \"" + std::string(right) +
                    "\" is not in the vocabulary",
                where);
  }
  merges_[pair_key(static_cast<std::uint32_t>(*first), static_cast<std::uint32_t>(*second))] = {
      static_cast<std::uint32_t>(rank), static_cast<std::uint32_t>(*whole)};
  return {};
}

Result<> BpeModel::find_special(const json& object, const std::string& where) {
  VLSWEEP_TRY(const bool byte_fallback, json_flag(object, "byte_fallback", false, where));
  VLSWEEP_TRY(const std::string unknown, json_text(object, "unk_token", "", where));
  if (const auto id = find(unknown)) unknown_ = static_cast<std::uint32_t>(*id);
  drop_unknown_ = unknown.empty();
  if (!byte_fallback) return {};
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::array<char, 8> text{};
    std::snprintf(text.data(), text.size(), "<0x%02X>", byte);
    const auto found = ids_.find(text.data());
    bytes_.push_back(found == ids_.end() ? std::nullopt : std::optional(found->second));
  }
  return {};
}

const BpeModel::Merged* BpeModel::merged(std::uint32_t left, std::uint32_t right) const {
  const auto found = merges_.find(pair_key(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

std::optional<TokenId> BpeModel::find(std::string_view token) const {
  const auto found = ids_.find(token);
  return found == ids_.end() ? std::nullopt : std::optional<TokenId>(found->second);
}

const std::string* BpeModel::token(TokenId id) const {
  if (id < 0 || id >= size()) return nullptr;
  const std::string& text = tokens_[static_cast<std::size_t>(id)];
  return text.empty() ? nullptr : &text;
}

// BPE::merge_word: characters that the vocabulary lacks become bytes, or the unknown token (one for
// a run of them with fuse_unk), or nothing. As there, bytes do not end a run of unknown characters.
Result<> BpeModel::add_symbols(std::string_view word, std::vector<std::uint32_t>& symbols) const {
  bool pending = false;
  const auto flush = [&] {
    if (pending) symbols.push_back(*unknown_);
    pending = false;
  };
  for (std::size_t at = 0, length = 0; at < word.size(); at += length) {
    length = utf8_length(word[at]);
    const std::string_view character = word.substr(at, length);
    if (const auto found = ids_.find(character); found != ids_.end()) {
      flush();
      symbols.push_back(found->second);
      continue;
    }
    const auto id_of = [this](char byte) { return bytes_[static_cast<unsigned char>(byte)]; };
    const auto is_known = [&id_of](char byte) { return id_of(byte).has_value(); };
    if (!bytes_.empty() && std::ranges::all_of(character, is_known)) {
      for (const char byte : character) symbols.push_back(*id_of(byte));
      continue;
    }
    if (drop_unknown_) continue;
    if (!unknown_) return fail(Errc::invalid, "the tokenizer's unk_token is not in its vocabulary");
    if (!fuse_unknown_) flush();
    pending = true;
  }
  flush();
  return {};
}

Result<> BpeModel::encode(std::string_view word, std::vector<TokenId>& ids) const {
  const auto whole = ignore_merges_ ? find(word) : std::nullopt;
  if (whole) {
    ids.push_back(*whole);
    return {};
  }
  std::vector<std::uint32_t> symbols;
  VLSWEEP_CHECK_OK(add_symbols(word, symbols));
  Word linked(*this, symbols);
  linked.merge_all();
  linked.append_to(ids);
  return {};
}

}  // namespace vlsweep
