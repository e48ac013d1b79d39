#include "worker/trainer/text/tokenizer.h"

#include <sentencepiece_processor.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "orchestrator/base/file.h"
#include "worker/trainer/text/special_tokens.h"

namespace vlsweep {
namespace {

constexpr std::uint64_t kMaxModelBytes = 64ULL << 20;
// Serialized protobufs merge when they are joined: normalizer_spec { add_dummy_prefix: false }.
constexpr std::string_view kNoDummyPrefix{"\x1a\x02\x18\x00", 4};

Result<> load_model(std::string_view bytes, const std::string& where,
                    sentencepiece::SentencePieceProcessor& processor) {
  const auto status = processor.LoadFromSerializedProto(bytes);
  if (!status.ok()) return fail(Errc::invalid, "not a sentencepiece model", where);
  return {};
}

}  // namespace

struct Tokenizer::State {
  sentencepiece::SentencePieceProcessor
      prefixed;                                // puts a space before a text (the model's default)
  sentencepiece::SentencePieceProcessor bare;  // does not
  std::map<std::string, AddedToken, std::less<>> added;
  std::map<TokenId, std::string> added_by_id;  // those that are not pieces of the model
  std::set<TokenId> special;
  TokenId bos = 0, eos = 0, unk = 0, pad = 0;
  std::vector<TokenId> eos_ids;
  std::optional<TokenId> image;
  bool legacy = true;
  TokenId vocab_size = 0;

  std::optional<TokenId> find(std::string_view token) const {
    if (const auto found = added.find(token); found != added.end()) return found->second.id;
    const int id = prefixed.PieceToId(token);
    if (id >= 0 && (id != prefixed.unk_id() || prefixed.IdToPiece(id) == token)) return id;
    return std::nullopt;
  }

  // Registers a token to be split out of texts; what is in no vocabulary is left alone.
  std::optional<TokenId> register_special(const std::string& text) {
    const auto id = find(text);
    if (!id) return std::nullopt;
    added.try_emplace(text, AddedToken{text, *id, true, false, false});
    special.insert(*id);
    return id;
  }

  Result<> append(const sentencepiece::SentencePieceProcessor& processor, std::string_view text,
                  std::vector<TokenId>& ids) const {
    std::vector<int> pieces;
    const auto status = processor.Encode(text, &pieces);
    if (!status.ok()) return fail(Errc::invalid, "cannot be tokenized: " + status.ToString());
    ids.insert(ids.end(), pieces.begin(), pieces.end());
    return {};
  }
};

Tokenizer::Tokenizer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Result<Tokenizer> Tokenizer::load(const std::filesystem::path& folder) {
  const auto path = folder / "tokenizer.model";
  VLSWEEP_TRY(const std::string bytes, read_file(path, kMaxModelBytes));
  VLSWEEP_TRY(TokenizerSettings settings, load_tokenizer_settings(folder));
  auto state = std::make_unique<State>();
  VLSWEEP_CHECK_OK(load_model(bytes, path.string(), state->prefixed));
  VLSWEEP_CHECK_OK(load_model(bytes + std::string(kNoDummyPrefix), path.string(), state->bare));
  state->legacy = settings.legacy;
  const TokenId num_pieces = state->prefixed.GetPieceSize();
  state->vocab_size = num_pieces;
  for (AddedToken& token : settings.added) {
    state->vocab_size = std::max(state->vocab_size, token.id + 1);
    if (token.special) state->special.insert(token.id);
    if (token.id >= num_pieces) state->added_by_id[token.id] = token.text;
    state->added.insert_or_assign(token.text, token);
  }
  const auto bos = state->register_special(settings.bos);
  const auto eos = state->register_special(settings.eos);
  const auto unk = state->register_special(settings.unk);
  if (!bos || !eos || !unk) {
    const std::string& missing = !bos ? settings.bos : !eos ? settings.eos : settings.unk;
    return fail(Errc::invalid, "the vocabulary has no token " + missing, path.string());
  }
  state->bos = *bos;
  state->eos = *eos;
  state->eos_ids = settings.eos_ids.empty() ? std::vector{*eos} : std::move(settings.eos_ids);
  state->unk = *unk;
  state->pad = state->register_special(settings.pad.value_or("<pad>")).value_or(*unk);
  state->image = state->register_special("<image>");
  return Tokenizer(std::move(state));
}

Result<std::vector<TokenId>> Tokenizer::encode(std::string_view text) const {
  std::vector<TokenId> ids;
  bool first = true;
  for (const TextPiece& piece : split_at_tokens(text, state_->added)) {
    if (const auto* token = std::get_if<const AddedToken*>(&piece)) {
      ids.push_back((*token)->id);
    } else {
      const bool prefix = first || state_->legacy;
      VLSWEEP_CHECK_OK(state_->append(prefix ? state_->prefixed : state_->bare,
                                      std::get<std::string_view>(piece), ids));
    }
    first = false;
  }
  return ids;
}

Result<std::vector<TokenId>> Tokenizer::encode_with_bos(std::string_view text) const {
  VLSWEEP_TRY(std::vector<TokenId> ids, encode(text));
  ids.insert(ids.begin(), state_->bos);
  return ids;
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool keep_special) const {
  std::string text;
  std::vector<int> pieces;
  const auto flush = [&] {
    std::string part;
    if (!pieces.empty() && state_->prefixed.Decode(pieces, &part).ok()) text += part;
    pieces.clear();
  };
  for (const TokenId id : ids) {
    const bool special = state_->special.contains(id);
    if (special && !keep_special) continue;
    const auto added = state_->added_by_id.find(id);
    if (added == state_->added_by_id.end() && !special) {
      if (id >= 0 && id < state_->prefixed.GetPieceSize()) pieces.push_back(static_cast<int>(id));
      continue;
    }
    flush();
    text += added != state_->added_by_id.end() ? added->second
                                               : state_->prefixed.IdToPiece(static_cast<int>(id));
  }
  flush();
  return text;
}

std::optional<TokenId> Tokenizer::find(std::string_view token) const { return state_->find(token); }
std::vector<SentencePiece> Tokenizer::pieces() const {
  const auto& model = state_->prefixed;
  std::vector<SentencePiece> pieces;
  for (int id = 0; id < model.GetPieceSize(); ++id) {
    const bool ordinary = !model.IsControl(id) && !model.IsUnknown(id) && !model.IsByte(id) &&
                          !state_->special.contains(id);
    pieces.push_back({model.IdToPiece(id), model.GetScore(id), ordinary});
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

}  // namespace vlsweep
