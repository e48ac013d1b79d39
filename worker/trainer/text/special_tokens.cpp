#include "worker/trainer/text/special_tokens.h"

#include <charconv>

#include "worker/trainer/format/json_object.h"

namespace vlsweep {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxTokenizerJson = 16ULL << 20;
constexpr std::int64_t kMaxTokenId = 1 << 24;

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
  if (auto text = token_text(json_member(object, "bos_token"))) settings.bos = std::move(text);
  if (auto text = token_text(json_member(object, "eos_token"))) settings.eos = std::move(text);
  if (auto text = token_text(json_member(object, "unk_token"))) settings.unk = std::move(text);
  if (auto text = token_text(json_member(object, "pad_token"))) settings.pad = std::move(text);
}

Result<> read_added_decoder(const json& object, const std::string& where,
                            TokenizerSettings& settings) {
  const json* decoder = json_member(object, "added_tokens_decoder");
  if (!decoder || !decoder->is_object()) return {};
  for (const auto& [key, value] : decoder->items()) {
    std::int64_t id = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || end != key.data() + key.size() || id < 0 || id > kMaxTokenId ||
        !value.is_object()) {
      return fail(Errc::invalid, "added_tokens_decoder: bad entry \"" + key + "\"", where);
    }
    VLSWEEP_TRY(AddedToken read, read_added_token(value, where));
    read.id = id;
    settings.added.push_back(std::move(read));
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

}  // namespace

Result<AddedToken> read_added_token(const json& object, const std::string& where) {
  const auto text = token_text(&object);
  if (!text) return fail(Errc::invalid, "an added token without its text", where);
  AddedToken token;
  token.text = *text;
  VLSWEEP_TRY(token.special, json_flag(object, "special", false, where));
  VLSWEEP_TRY(token.strip_left, json_flag(object, "lstrip", false, where));
  VLSWEEP_TRY(token.strip_right, json_flag(object, "rstrip", false, where));
  VLSWEEP_TRY(token.single_word, json_flag(object, "single_word", false, where));
  VLSWEEP_TRY(token.normalized, json_flag(object, "normalized", !token.special, where));
  return token;
}

Result<TokenizerSettings> load_tokenizer_settings(const std::filesystem::path& folder) {
  TokenizerSettings settings;
  VLSWEEP_TRY(const json map, optional_object(folder, "special_tokens_map.json"));
  VLSWEEP_TRY(const json config, optional_object(folder, "tokenizer_config.json"));
  VLSWEEP_TRY(const json added, optional_object(folder, "added_tokens.json"));
  read_names(map, settings);
  read_names(config, settings);
  const std::string where = (folder / "tokenizer_config.json").string();
  VLSWEEP_TRY(settings.legacy, json_flag(config, "legacy", true, where));
  VLSWEEP_TRY(settings.tokenizer_class, json_text(config, "tokenizer_class", "", where));
  for (auto& [name, flag] : {std::pair("add_bos_token", &settings.add_bos),
                             std::pair("add_eos_token", &settings.add_eos)}) {
    if (!json_member(config, name)) continue;
    VLSWEEP_TRY(*flag, json_flag(config, name, false, where));
  }
  VLSWEEP_CHECK_OK(read_added_map(added, (folder / "added_tokens.json").string(), settings));
  VLSWEEP_CHECK_OK(read_added_decoder(config, where, settings));
  VLSWEEP_CHECK_OK(find_eos_ids(folder, settings));
  return settings;
}

}  // namespace vlsweep
