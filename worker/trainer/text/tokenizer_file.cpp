#include "worker/trainer/text/tokenizer_file.h"

#include "worker/trainer/format/json_object.h"
#include "worker/trainer/text/bpe_model.h"
#include "worker/trainer/text/normalizer.h"
#include "worker/trainer/text/pre_tokenizer.h"
#include "worker/trainer/text/special_tokens.h"
#include "worker/trainer/text/token_decoder.h"

namespace vlsweep {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxFileBytes = 64ULL << 20;
constexpr std::int64_t kMaxTokenId = 1 << 24;

// Normalizer, pre-tokenizer, BPE and decoder, one behind the other.
class TokenizerFileModel : public TextModel {
 public:
  TokenizerFileModel(Normalizer normalizer, PreTokenizer pre_tokenizer, BpeModel bpe,
                     TokenDecoder decoder)
      : normalizer_(std::move(normalizer)),
        pre_tokenizer_(std::move(pre_tokenizer)),
        bpe_(std::move(bpe)),
        decoder_(std::move(decoder)) {}

  Result<std::string> normalize(std::string_view text) const override {
    return normalizer_.apply(text);
  }

  Result<> encode(std::string_view text, bool first, std::vector<TokenId>& ids) const override {
    VLSWEEP_TRY(const auto words, pre_tokenizer_.apply(std::string(text), first));
    for (const Word& word : words) VLSWEEP_CHECK_OK(bpe_.encode(word.text, ids));
    return {};
  }

  std::string decode(std::span<const ShownToken> tokens) const override {
    std::vector<std::string> texts;
    for (const ShownToken& token : tokens) {
      const std::string* text = token.added ? token.added : bpe_.token(token.id);
      if (text) texts.push_back(*text);
    }
    return decoder_.decode(std::move(texts));
  }

  std::optional<TokenId> find(std::string_view token) const override { return bpe_.find(token); }
  TokenId size() const override { return bpe_.size(); }
  std::string token(TokenId id) const override {
    const std::string* text = bpe_.token(id);
    return text ? *text : std::string();
  }
  std::vector<SentencePiece> pieces() const override { return {}; }

 private:
  Normalizer normalizer_;
  PreTokenizer pre_tokenizer_;
  BpeModel bpe_;
  TokenDecoder decoder_;
};

Result<std::vector<AddedToken>> read_added(const json& object, const BpeModel& bpe,
                                           const std::string& where) {
  std::vector<AddedToken> tokens;
  const json* list = json_member(object, "added_tokens");
  if (!list) return tokens;
  if (!list->is_array()) return fail(Errc::invalid, "\"added_tokens\" must be a list", where);
  for (const json& entry : *list) {
    VLSWEEP_TRY(AddedToken token, read_added_token(entry, where));
    VLSWEEP_TRY(token.id, json_integer(entry, "id", -1, 0, kMaxTokenId, where));
    const auto known = bpe.find(token.text);
    const std::string* other = bpe.token(token.id);
    if (token.id < 0 || (known && *known != token.id) || (other && *other != token.text)) {
      return fail(Errc::invalid,
                  "added token \"" + token.text + "\": its id " + std::to_string(token.id) +
                      " is not the vocabulary's",
                  where);
    }
    tokens.push_back(std::move(token));
  }
  return tokens;
}

// The ids of a template's special token.
Result<> append_special(const json& processor, const std::string& name, const std::string& where,
                        std::vector<TokenId>& ids) {
  const json* specials = json_member(processor, "special_tokens");
  const json* special = specials ? json_member(*specials, name) : nullptr;
  const json* list = special ? json_member(*special, "ids") : nullptr;
  if (!list || !list->is_array()) {
    return fail(Errc::invalid, "post_processor: special token \"" + name + "\" has no ids", where);
  }
  for (const json& id : *list) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() > kMaxTokenId) {
      return fail(Errc::invalid, "post_processor: a bad id of \"" + name + "\"", where);
    }
    ids.push_back(id.get<TokenId>());
  }
  return {};
}

Result<> read_template(const json& processor, const std::string& where, TokenizerFile& file) {
  const json* single = json_member(processor, "single");
  if (!single || !single->is_array()) {
    return fail(Errc::invalid, R"(post_processor: no "single" template)", where);
  }
  bool behind = false;
  for (const json& part : *single) {
    if (const json* special = json_member(part, "SpecialToken")) {
      VLSWEEP_TRY(const std::string name, json_text(*special, "id", "", where));
      VLSWEEP_CHECK_OK(append_special(processor, name, where, behind ? file.after : file.before));
    } else if (json_member(part, "Sequence") && !behind) {
      behind = true;
    } else {
      return fail(Errc::invalid, "post_processor: a template that is not known", where);
    }
  }
  return {};
}

// ByteLevel trims offsets, which nobody asks for here.
Result<> read_post_processor(const json& object, const std::string& where, TokenizerFile& file) {
  VLSWEEP_TRY(const std::string type, json_text(object, "type", "", where));
  if (type == "ByteLevel") return {};
  if (type == "TemplateProcessing" && file.before.empty() && file.after.empty()) {
    return read_template(object, where, file);
  }
  const json* list = json_member(object, "processors");
  if (type != "Sequence" || !list || !list->is_array()) {
    return fail(Errc::invalid, "the post_processor \"" + type + "\" is not known", where);
  }
  for (const json& each : *list) {
    if (each.is_object() && each.value("type", json()) == "Sequence") {
      return fail(Errc::invalid, "post_processor: a Sequence in a Sequence", where);
    }
    VLSWEEP_CHECK_OK(read_post_processor(each, where, file));
  }
  return {};
}

}  // namespace

Result<TokenizerFile> read_tokenizer_file(const std::filesystem::path& path) {
  const std::string where = path.string();
  VLSWEEP_TRY(const json object, read_json_object(path, kMaxFileBytes));
  const json* model = json_member(object, "model");
  if (!model) return fail(Errc::invalid, "it has no \"model\"", where);
  VLSWEEP_TRY(Normalizer normalizer, Normalizer::read(json_member(object, "normalizer"), where));
  VLSWEEP_TRY(PreTokenizer pre_tokenizer,
              PreTokenizer::read(json_member(object, "pre_tokenizer"), where));
  VLSWEEP_TRY(BpeModel bpe, BpeModel::read(*model, where));
  VLSWEEP_TRY(TokenDecoder decoder, TokenDecoder::read(json_member(object, "decoder"), where));
  TokenizerFile file;
  VLSWEEP_TRY(file.added, read_added(object, bpe, where));
  if (const json* processor = json_member(object, "post_processor")) {
    VLSWEEP_CHECK_OK(read_post_processor(*processor, where, file));
  }
  file.model = std::make_unique<TokenizerFileModel>(std::move(normalizer), std::move(pre_tokenizer),
                                                    std::move(bpe), std::move(decoder));
  return file;
}

}  // namespace vlsweep
