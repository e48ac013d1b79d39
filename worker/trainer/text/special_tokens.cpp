#include "worker/trainer/text/special_tokens.h"

#include <charconv>

#include "worker/trainer/format/json_object.h"

namespace vlsweep {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxTokenizerJson = 16ULL << 20;
constexpr std::int64_t kMaxTokenId = 1 << 24;
constexpr std::string_view kWhiteSpace = " \t\n\r\f\v";

// A token stands as "text" or {"content": "text", ...}.
std::optional<std::string> token_text(const json* value) {
  if (value && value->is_object()) value = json_member(*value, "content");
  if (!value || !value->is_string() || value->get_ref<const std::string&>().empty()) {
    return std::nullopt;
  }
  return value->get<std::string>();
}

// The object in FOLDER/NAME, or an empty one when there is no such file.
Result<json> optional_object(const std::filesystem::path& folder, const char* name) {
  auto object = read_json_object(folder / name, kMaxTokenizerJson);
  if (!object && object.error().code == Errc::not_found) return json::object();
  return object;
}

void read_names(const json& object, TokenizerSettings& settings) {
  if (auto text = token_text(json_member(object, "bos_token"))) settings.bos = *text;
  if (auto text = token_text(json_member(object, "eos_token"))) settings.eos = *text;
  if (auto text = token_text(json_member(object, "unk_token"))) settings.unk = *text;
  if (auto text = token_text(json_member(object, "pad_token"))) settings.pad = *text;
}

Result<> read_added_decoder(const json& object, const std::string& where,
                            TokenizerSettings& settings) {
  const json* decoder = json_member(object, "added_tokens_decoder");
  if (!decoder || !decoder->is_object()) return {};
  for (const auto& [key, value] : decoder->items()) {
    AddedToken token;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), token.id);
    const auto text = token_text(&value);
    if (error != std::errc() || end != key.data() + key.size() || token.id < 0 ||
        token.id > kMaxTokenId || !text) {
      return fail(Errc::invalid, "added_tokens_decoder: bad entry \"" + key + "\"", where);
    }
    token.text = *text;
    VLSWEEP_TRY(token.special, json_flag(value, "special", false, where));
    VLSWEEP_TRY(token.strip_left, json_flag(value, "lstrip", false, where));
    VLSWEEP_TRY(token.strip_right, json_flag(value, "rstrip", false, where));
    settings.added.push_back(std::move(token));
  }
  return {};
}

Result<> read_added_map(const json& object, const std::string& where, TokenizerSettings& settings) {
  for (const auto& [key, value] : object.items()) {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > kMaxTokenId || key.empty()) {
      return fail(Errc::invalid, "bad entry \"" + key + "\"", where);
    }
    AddedToken token;
    token.text = key;
    token.id = value.get<std::int64_t>();
    settings.added.push_back(std::move(token));
  }
  return {};
}

// eos_token_id: an id or a list of them. Returns whether there are any.
Result<bool> read_eos_ids(const json& object, const std::string& where,
                          TokenizerSettings& settings) {
  const json* value = json_member(object, "eos_token_id");
  if (!value) return false;
  const json list = value->is_array() ? *value : json::array({*value});
  for (const json& id : list) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() > kMaxTokenId) {
      return fail(Errc::invalid, "eos_token_id must be a token id or a list of them", where);
    }
    settings.eos_ids.push_back(id.get<std::int64_t>());
  }
  return !settings.eos_ids.empty();
}

// Where transformers' generate() takes them from: generation_config.json, else the model's config.
Result<> find_eos_ids(const std::filesystem::path& folder, TokenizerSettings& settings) {
  VLSWEEP_TRY(const json generation, optional_object(folder, "generation_config.json"));
  VLSWEEP_TRY(const bool found,
              read_eos_ids(generation, (folder / "generation_config.json").string(), settings));
  if (found) return {};
  const std::string where = (folder / "config.json").string();
  VLSWEEP_TRY(const json config, optional_object(folder, "config.json"));
  VLSWEEP_TRY(const bool outer, read_eos_ids(config, where, settings));
  const json* text = json_member(config, "text_config");
  if (outer || !text || !text->is_object()) return {};
  VLSWEEP_TRY([[maybe_unused]] const bool inner, read_eos_ids(*text, where, settings));
  return {};
}

void strip_right_end(TextPiece* piece) {
  auto* text = piece ? std::get_if<std::string_view>(piece) : nullptr;
  if (text) *text = text->substr(0, text->find_last_not_of(kWhiteSpace) + 1);
}

// The longest token that begins at `text`.
const AddedToken* match(std::string_view text,
                        const std::map<std::string, AddedToken, std::less<>>& tokens) {
  const AddedToken* best = nullptr;
  auto next = tokens.lower_bound(text.substr(0, 1));
  for (; next != tokens.end() && next->first.front() == text.front(); ++next) {
    if (text.starts_with(next->first) && (!best || next->first.size() > best->text.size())) {
      best = &next->second;
    }
  }
  return best;
}

}  // namespace

Result<TokenizerSettings> load_tokenizer_settings(const std::filesystem::path& folder) {
  TokenizerSettings settings;
  VLSWEEP_TRY(const json map, optional_object(folder, "special_tokens_map.json"));
  VLSWEEP_TRY(const json config, optional_object(folder, "tokenizer_config.json"));
  VLSWEEP_TRY(const json added, optional_object(folder, "added_tokens.json"));
  read_names(map, settings);
  read_names(config, settings);
  const std::string where = (folder / "tokenizer_config.json").string();
  VLSWEEP_TRY(settings.legacy, json_flag(config, "legacy", true, where));
  VLSWEEP_CHECK_OK(read_added_map(added, (folder / "added_tokens.json").string(), settings));
  VLSWEEP_CHECK_OK(read_added_decoder(config, where, settings));
  VLSWEEP_CHECK_OK(find_eos_ids(folder, settings));
  return settings;
}

std::vector<TextPiece> split_at_tokens(
    std::string_view text, const std::map<std::string, AddedToken, std::less<>>& tokens) {
  std::vector<TextPiece> pieces;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const AddedToken* token = match(text.substr(at), tokens);
    if (!token) {
      ++at;
      continue;
    }
    if (at > begin) pieces.emplace_back(text.substr(begin, at - begin));
    if (token->strip_left && !pieces.empty()) strip_right_end(&pieces.back());
    pieces.emplace_back(token);
    at += token->text.size();
    if (token->strip_right) at = std::min(text.find_first_not_of(kWhiteSpace, at), text.size());
    begin = at;
  }
  if (begin < text.size()) pieces.emplace_back(text.substr(begin));
  return pieces;
}

}  // namespace vlsweep
