#include "worker/trainer/text/tokenizer.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "orchestrator/base/file.h"
#include "worker/trainer/text/chat_template.h"
#include "worker/trainer/text/sentencepiece_model.h"
#include "worker/trainer/text/special_tokens.h"
#include "worker/trainer/text/tokenizer_file.h"
#include "worker/trainer/text/utf8.h"

namespace vlsweep {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxModelBytes = 64ULL << 20;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// LLaVA reads LLaMA's tokenizer.model (use_fast=False), whatever else is beside it.
bool takes_sentencepiece(const fs::path& folder, const TokenizerSettings& settings) {
  if (!is_there(folder / "tokenizer.json")) return true;
  const std::string& name = settings.tokenizer_class;
  const bool llama = name.empty() || name.starts_with("Llama") || name.starts_with("CodeLlama");
  return llama && is_there(folder / "tokenizer.model");
}

}  // namespace

struct Tokenizer::State {
  std::unique_ptr<TextModel> model;
  AddedTokenSet raw, normalized;  // looked for in the text as it comes, and normalized
  std::map<std::string, TokenId, std::less<>> added;
  std::map<TokenId, std::string> shown;  // the texts of added and special tokens
  std::set<TokenId> special;
  std::vector<TokenId> before, after;
  std::optional<TokenId> bos, unk, image;
  TokenId eos = 0, pad = 0;
  std::vector<TokenId> eos_ids;
  bool legacy = true;
  TokenId vocab_size = 0;
  std::optional<Result<ChatTemplate>> chat;  // a bad one matters to those who ask for it alone

  std::optional<TokenId> find(std::string_view token) const {
    if (const auto found = added.find(token); found != added.end()) return found->second;
    return model->find(token);
  }

  Result<> add(const AddedToken& token) {
    vocab_size = std::max(vocab_size, token.id + 1);
    if (token.special) special.insert(token.id);
    if (token.special || token.id >= model->size()) shown[token.id] = token.text;
    added[token.text] = token.id;
    if (token.normalized) {
      VLSWEEP_TRY(std::string pattern, model->normalize(token.text));
      shown[token.id] = pattern;  // as the library decodes it
      normalized.add(std::move(pattern), token);
    } else {
      raw.add(token.text, token);
    }
    return {};
  }

  // A special token by its text; one that is in no vocabulary is left alone.
  Result<std::optional<TokenId>> add_special(const std::optional<std::string>& text) {
    const auto id = text ? find(*text) : std::nullopt;
    if (!id) return std::nullopt;
    special.insert(*id);
    shown[*id] = *text;
    if (!added.contains(*text)) VLSWEEP_CHECK_OK(add({*text, *id}));
    return id;
  }

  Result<> add_specials(const TokenizerSettings& settings, const std::string& where) {
    VLSWEEP_TRY(bos, add_special(settings.bos));
    VLSWEEP_TRY(unk, add_special(settings.unk));
    VLSWEEP_TRY(const auto end, add_special(settings.eos));
    VLSWEEP_TRY(const auto padding, add_special(settings.pad.value_or("<pad>")));
    VLSWEEP_TRY(image, add_special("<image>"));
    if (!end && settings.eos_ids.empty()) {
      return fail(Errc::invalid, "no eos_token of its vocabulary; name it in tokenizer_config.json",
                  where);
    }
    eos = end.value_or(settings.eos_ids.empty() ? 0 : settings.eos_ids.front());
    eos_ids = settings.eos_ids.empty() ? std::vector{eos} : settings.eos_ids;
    pad = padding.value_or(unk.value_or(eos));
    return {};
  }

  // transformers' update_post_processor: flags that are stated count, whatever the file has.
  void surround(const TokenizerSettings& settings) {
    if (!settings.add_bos && !settings.add_eos) return;
    before.clear();
    after.clear();
    if (settings.add_bos.value_or(false) && bos) before.push_back(*bos);
    if (settings.add_eos.value_or(false)) after.push_back(eos);
  }

  Result<> encode(const TextPiece& piece, bool first, std::vector<TokenId>& ids) const {
    if (piece.token) {
      ids.push_back(piece.token->id);
      return {};
    }
    VLSWEEP_TRY(const std::string text, model->normalize(piece.text));
    for (const TextPiece& inner : normalized.split(text)) {
      if (inner.token) {
        ids.push_back(inner.token->id);
      } else {
        VLSWEEP_CHECK_OK(model->encode(inner.text, first, ids));
      }
      first = false;
    }
    return {};
  }
};

namespace {

// LLaMA's names where the files name none, and what its slow tokenizer does where nothing is said.
void set_llama_defaults(TokenizerSettings& settings) {
  if (!settings.bos) settings.bos = "<s>";
  if (!settings.eos) settings.eos = "</s>";
  if (!settings.unk) settings.unk = "<unk>";
  if (!settings.add_bos) settings.add_bos = true;
}

// transformers' special_tokens_map, which templates see.
std::map<std::string, std::string> template_variables(const TokenizerSettings& settings) {
  std::map<std::string, std::string> variables;
  if (settings.bos) variables["bos_token"] = *settings.bos;
  if (settings.eos) variables["eos_token"] = *settings.eos;
  if (settings.unk) variables["unk_token"] = *settings.unk;
  if (settings.pad) variables["pad_token"] = *settings.pad;
  return variables;
}

}  // namespace

Tokenizer::Tokenizer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Result<Tokenizer> Tokenizer::load(const fs::path& folder) {
  VLSWEEP_TRY(TokenizerSettings settings, load_tokenizer_settings(folder));
  auto state = std::make_unique<State>();
  const bool sentencepiece = takes_sentencepiece(folder, settings);
  const fs::path path = folder / (sentencepiece ? "tokenizer.model" : "tokenizer.json");
  if (sentencepiece) {
    VLSWEEP_TRY(const std::string bytes, read_file(path, kMaxModelBytes));
    VLSWEEP_TRY(state->model, make_sentencepiece_model(bytes, settings.legacy, path.string()));
    set_llama_defaults(settings);
    for (AddedToken& token : settings.added) token.normalized = false;
  } else {
    VLSWEEP_TRY(TokenizerFile file, read_tokenizer_file(path));
    state->model = std::move(file.model);
    state->before = std::move(file.before);
    state->after = std::move(file.after);
    settings.added.insert(settings.added.begin(), file.added.begin(), file.added.end());
  }
  state->vocab_size = state->model->size();
  for (const AddedToken& token : settings.added) VLSWEEP_CHECK_OK(state->add(token));
  VLSWEEP_CHECK_OK(state->add_specials(settings, path.string()));
  state->surround(settings);
  state->chat.emplace(ChatTemplate::load(folder, template_variables(settings)));
  state->legacy = settings.legacy;
  if (!sentencepiece) {
    std::vector<TokenId> first, behind;
    VLSWEEP_CHECK_OK(state->encode({"a"}, true, first));
    VLSWEEP_CHECK_OK(state->encode({"a"}, false, behind));
    state->legacy = first == behind;
  }
  return Tokenizer(std::move(state));
}

Result<std::vector<TokenId>> Tokenizer::encode(std::string_view text) const {
  const std::string repaired = repair_utf8(text);
  std::vector<TokenId> ids;
  bool first = true;
  for (const TextPiece& piece : state_->raw.split(repaired)) {
    VLSWEEP_CHECK_OK(state_->encode(piece, first, ids));
    first = false;
  }
  return ids;
}

Result<std::vector<TokenId>> Tokenizer::encode_with_bos(std::string_view text) const {
  VLSWEEP_TRY(std::vector<TokenId> ids, encode(text));
  ids.insert(ids.begin(), state_->before.begin(), state_->before.end());
  ids.insert(ids.end(), state_->after.begin(), state_->after.end());
  return ids;
}

const std::vector<TokenId>& Tokenizer::prefix() const { return state_->before; }

std::string Tokenizer::decode(std::span<const TokenId> ids, bool keep_special) const {
  std::vector<ShownToken> tokens;
  for (const TokenId id : ids) {
    if (!keep_special && state_->special.contains(id)) continue;
    const auto found = state_->shown.find(id);
    tokens.push_back({id, found == state_->shown.end() ? nullptr : &found->second});
  }
  return state_->model->decode(tokens);
}

std::optional<TokenId> Tokenizer::find(std::string_view token) const { return state_->find(token); }

std::string Tokenizer::token(TokenId id) const {
  for (const auto& [text, added] : state_->added) {
    if (added == id) return text;
  }
  return state_->model->token(id);
}

std::vector<SentencePiece> Tokenizer::pieces() const {
  std::vector<SentencePiece> pieces = state_->model->pieces();
  for (const TokenId id : state_->special) {
    if (id < std::ssize(pieces)) pieces[static_cast<std::size_t>(id)].ordinary = false;
  }
  return pieces;
}

std::optional<TokenId> Tokenizer::bos() const { return state_->bos; }
TokenId Tokenizer::eos() const { return state_->eos; }
const std::vector<TokenId>& Tokenizer::eos_ids() const { return state_->eos_ids; }
std::optional<TokenId> Tokenizer::unk() const { return state_->unk; }
TokenId Tokenizer::pad() const { return state_->pad; }
std::optional<TokenId> Tokenizer::image() const { return state_->image; }
bool Tokenizer::legacy() const { return state_->legacy; }
std::int64_t Tokenizer::vocab_size() const { return state_->vocab_size; }
Result<const ChatTemplate*> Tokenizer::chat_template() const {
  if (!*state_->chat) return std::unexpected(state_->chat->error());
  return &**state_->chat;
}

}  // namespace vlsweep
