#include "worker/trainer/text/sentencepiece_model.h"

#include <sentencepiece_processor.h>

namespace vlsweep {
namespace {

using sentencepiece::SentencePieceProcessor;

// Serialized protobufs merge when they are joined: normalizer_spec { add_dummy_prefix: false }.
constexpr std::string_view kNoDummyPrefix{"\x1a\x02\x18\x00", 4};

Result<> load_model(std::string_view bytes, const std::string& where,
                    SentencePieceProcessor& processor) {
  const auto status = processor.LoadFromSerializedProto(bytes);
  if (!status.ok()) return fail(Errc::invalid, "not a sentencepiece model", where);
  return {};
}

class SentencePieceModel : public TextModel {
 public:
  explicit SentencePieceModel(bool legacy) : legacy_(legacy) {}

  Result<> load(const std::string& bytes, const std::string& where) {
    VLSWEEP_CHECK_OK(load_model(bytes, where, prefixed_));
    return load_model(bytes + std::string(kNoDummyPrefix), where, bare_);
  }

  Result<std::string> normalize(std::string_view text) const override { return std::string(text); }

  Result<> encode(std::string_view text, bool first, std::vector<TokenId>& ids) const override {
    std::vector<int> pieces;
    const auto status = (first || legacy_ ? prefixed_ : bare_).Encode(text, &pieces);
    if (!status.ok()) return fail(Errc::invalid, "cannot be tokenized: " + status.ToString());
    ids.insert(ids.end(), pieces.begin(), pieces.end());
    return {};
  }

  // Stretches between added and special tokens are decoded apart, each as a text of its own.
  std::string decode(std::span<const ShownToken> tokens) const override {
    std::string text;
    std::vector<int> pieces;
    const auto flush = [&] {
      std::string part;
      if (!pieces.empty() && prefixed_.Decode(pieces, &part).ok()) text += part;
      pieces.clear();
    };
    for (const ShownToken& token : tokens) {
      if (token.added) {
        flush();
        text += *token.added;
      } else if (token.id >= 0 && token.id < prefixed_.GetPieceSize()) {
        pieces.push_back(static_cast<int>(token.id));
      }
    }
    flush();
    return text;
  }

  std::optional<TokenId> find(std::string_view token) const override {
    const int id = prefixed_.PieceToId(token);
    if (id >= 0 && (id != prefixed_.unk_id() || prefixed_.IdToPiece(id) == token)) return id;
    return std::nullopt;
  }

  TokenId size() const override { return prefixed_.GetPieceSize(); }

  std::string token(TokenId id) const override {
    return id >= 0 && id < size() ? prefixed_.IdToPiece(static_cast<int>(id)) : std::string();
  }

  std::vector<SentencePiece> pieces() const override {
    std::vector<SentencePiece> pieces;
    for (int id = 0; id < prefixed_.GetPieceSize(); ++id) {
      const bool ordinary =
          !prefixed_.IsControl(id) && !prefixed_.IsUnknown(id) && !prefixed_.IsByte(id);
      pieces.push_back({prefixed_.IdToPiece(id), prefixed_.GetScore(id), ordinary});
    }
    return pieces;
  }

 private:
  SentencePieceProcessor prefixed_;  // puts a space before a text (the model's default)
  SentencePieceProcessor bare_;      // does not
  bool legacy_;
};

}  // namespace

Result<std::unique_ptr<TextModel>> make_sentencepiece_model(const std::string& bytes, bool legacy,
                                                            const std::string& where) {
  auto model = std::make_unique<SentencePieceModel>(legacy);
  VLSWEEP_CHECK_OK(model->load(bytes, where));
  return model;
}

}  // namespace vlsweep
