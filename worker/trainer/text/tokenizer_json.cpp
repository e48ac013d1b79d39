#include "worker/trainer/text/tokenizer_json.h"

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>
#include <unordered_map>

namespace vlsweep {
namespace {

using nlohmann::json;

using Ids = std::unordered_map<std::string_view, TokenId>;

struct Merge {
  std::string_view left, right;
  float score = 0;
};

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char byte) { return (static_cast<unsigned char>(byte) & 0xc0) != 0x80; }));
}

// The ways in which a piece is put together from two others, in the order of their ids.
std::vector<Merge> merges_into(const SentencePiece& piece, const Ids& ids) {
  std::vector<Merge> merges;
  const std::string_view text = piece.text;
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (ids.contains(text.substr(0, at)) && ids.contains(text.substr(at))) {
      merges.push_back({text.substr(0, at), text.substr(at), piece.score});
    }
  }
  std::ranges::sort(merges, {}, [&ids](const Merge& merge) {
    return std::pair(ids.at(merge.left), ids.at(merge.right));
  });
  return merges;
}

json merge_list(const std::vector<SentencePiece>& pieces, const Ids& ids) {
  std::vector<Merge> merges;
  for (const SentencePiece& piece : pieces) {
    if (!piece.ordinary) continue;
    const std::vector<Merge> found = merges_into(piece, ids);
    merges.insert(merges.end(), found.begin(), found.end());
  }
  std::ranges::stable_sort(merges, std::greater(), [](const Merge& merge) {
    return std::tuple(merge.score, code_points(merge.left), code_points(merge.right));
  });
  json list = json::array();
  for (const Merge& merge : merges) list.push_back({merge.left, merge.right});
  return list;
}

// In the order of their ids: the library numbers what is not in the vocabulary as it comes.
json added_tokens(const Tokenizer& tokenizer) {
  std::map<TokenId, std::string> texts;
  for (const char* text : {"<unk>", "<s>", "</s>", "<pad>", "<image>"}) {
    if (const auto id = tokenizer.find(text)) texts.emplace(*id, text);
  }
  json list = json::array();
  for (const auto& [id, text] : texts) {
    list.push_back({{"id", id},
                    {"content", text},
                    {"single_word", false},
                    {"lstrip", false},
                    {"rstrip", false},
                    {"normalized", false},
                    {"special", true}});
  }
  return list;
}

// Slow and legacy: every chunk between special tokens gets a space before it. Otherwise the first.
void set_prefix(const Tokenizer& tokenizer, json& object) {
  const json replace = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\u2581"}};
  object["normalizer"] = nullptr;
  object["pre_tokenizer"] = nullptr;
  if (tokenizer.legacy()) {
    const json prepend = {{"type", "Prepend"}, {"prepend", "\u2581"}};
    object["normalizer"] = {{"type", "Sequence"}, {"normalizers", {prepend, replace}}};
  } else {
    object["pre_tokenizer"] = {{"type", "Metaspace"},
                               {"replacement", "\u2581"},
                               {"prepend_scheme", "first"},
                               {"split", false}};
  }
}

json post_processor(TokenId bos_id) {
  const json bos = {{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}};
  const json first = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  const json second = {{"Sequence", {{"id", "B"}, {"type_id", 1}}}};
  const json token = {
      {"id", "<s>"}, {"ids", json::array({bos_id})}, {"tokens", json::array({"<s>"})}};
  return {{"type", "TemplateProcessing"},
          {"single", json::array({bos, first})},
          {"pair", json::array({bos, first, bos, second})},
          {"special_tokens", {{"<s>", token}}}};
}

json decoder() {
  const json replace = {{"type", "Replace"}, {"pattern", {{"String", "\u2581"}}}, {"content", " "}};
  const json strip = {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}};
  const json bytes = {{"type", "ByteFallback"}}, fuse = {{"type", "Fuse"}};
  return {{"type", "Sequence"}, {"decoders", json::array({replace, bytes, fuse, strip})}};
}

}  // namespace

std::string tokenizer_json(const Tokenizer& tokenizer) {
  const std::vector<SentencePiece> pieces = tokenizer.pieces();
  Ids ids;
  json vocabulary = json::object();
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    ids.emplace(pieces[i].text, static_cast<TokenId>(i));
    vocabulary[pieces[i].text] = i;
  }
  json object = {{"version", "1.0"},
                 {"truncation", nullptr},
                 {"padding", nullptr},
                 {"added_tokens", added_tokens(tokenizer)},
                 {"post_processor", post_processor(tokenizer.bos().value_or(1))},
                 {"decoder", decoder()},
                 {"model",
                  {{"type", "BPE"},
                   {"dropout", nullptr},
                   {"unk_token", "<unk>"},
                   {"continuing_subword_prefix", nullptr},
                   {"end_of_word_suffix", nullptr},
                   {"fuse_unk", true},
                   {"byte_fallback", true},
                   {"ignore_merges", false},
                   {"vocab", std::move(vocabulary)},
                   {"merges", merge_list(pieces, ids)}}}};
  set_prefix(tokenizer, object);
  return object.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace vlsweep
