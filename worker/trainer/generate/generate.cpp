#include "worker/trainer/generate/generate.h"

#include <algorithm>
#include <utility>

#include "worker/trainer/model/cached_decode.h"

namespace vlsweep {
namespace {

constexpr std::int64_t kMostSequences = 256;

// The sequences still being decoded; row r of a step is sequence `slots[r]`, in its slot.
struct Active {
  std::vector<std::int64_t> slots;
  std::vector<std::int64_t> positions;  // of the next token
  std::vector<TokenId> tokens;          // that it gets
};

class Decoding {
 public:
  Decoding(const VisionLanguageModel& model, std::span<const Prompt> prompts,
           const GenerateSettings& settings)
      : model_(model),
        settings_(settings),
        longest_(longest(prompts)),
        cache_(model.config().text, static_cast<std::int64_t>(prompts.size()),
               longest_ + settings.max_new_tokens, model.options()),
        answers_(prompts.size()) {}

  // Reads the prompts and takes the first token of every answer.
  void prefill(const FeatureTable* features, std::span<const Prompt> prompts);
  // One more token for every sequence that has not ended.
  void advance();
  bool done() const { return active_.slots.empty(); }
  std::vector<std::vector<TokenId>> take() { return std::move(answers_); }

 private:
  static std::int64_t longest(std::span<const Prompt> prompts) {
    std::size_t length = 1;
    for (const Prompt& prompt : prompts) length = std::max(length, prompt.ids.size());
    return static_cast<std::int64_t>(length);
  }
  at::Tensor long_tensor(const std::vector<std::int64_t>& values) const {
    return at::tensor(values, at::kLong).to(model_.device());
  }
  // Takes the likeliest token of each row of hidden states [rows, d].
  void take_tokens(const at::Tensor& hidden);

  const VisionLanguageModel& model_;
  GenerateSettings settings_;
  std::int64_t longest_;
  StaticKvCache cache_;
  std::vector<std::vector<TokenId>> answers_;
  Active active_;
};

void Decoding::prefill(const FeatureTable* features, std::span<const Prompt> prompts) {
  std::vector<std::int64_t> ids, images, last_rows;
  std::vector<CacheSegment> segments;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    ids.insert(ids.end(), prompts[i].ids.begin(), prompts[i].ids.end());
    const auto length = static_cast<std::int64_t>(prompts[i].ids.size());
    const auto slot = static_cast<std::int64_t>(i);
    segments.push_back({slot, 0, length});
    last_rows.push_back(static_cast<std::int64_t>(ids.size()) - 1);
    active_.slots.push_back(slot);
    active_.positions.push_back(length);
    if (prompts[i].image >= 0) images.push_back(prompts[i].image);
  }
  at::Tensor projected;
  if (!images.empty()) projected = model_.project(features->gather(model_, images));
  const at::Tensor embeddings = model_.embed(long_tensor(ids).unsqueeze(0), projected).squeeze(0);
  const at::Tensor hidden = decode_cached(model_.language_model, embeddings, segments, cache_);
  take_tokens(hidden.index_select(0, long_tensor(last_rows)));
}

void Decoding::take_tokens(const at::Tensor& hidden) {
  const at::Tensor best = model_.logits(hidden).argmax(-1).cpu();
  const std::int64_t* tokens = best.const_data_ptr<std::int64_t>();
  Active left;
  for (std::size_t row = 0; row < active_.slots.size(); ++row) {
    auto& answer = answers_[static_cast<std::size_t>(active_.slots[row])];
    if (tokens[row] == settings_.eos) continue;
    answer.push_back(tokens[row]);
    if (static_cast<std::int64_t>(answer.size()) == settings_.max_new_tokens) continue;
    left.slots.push_back(active_.slots[row]);
    left.positions.push_back(active_.positions[row]);
    left.tokens.push_back(tokens[row]);
  }
  active_ = std::move(left);
}

void Decoding::advance() {
  // Looked up directly: a model may say <image> itself, which then stands for no image.
  const at::Tensor embeddings =
      at::embedding(model_.language_model.embed_tokens, long_tensor(active_.tokens));
  std::vector<CacheSegment> segments;
  for (std::size_t i = 0; i < active_.slots.size(); ++i)
    segments.push_back({active_.slots[i], active_.positions[i], 1});
  const at::Tensor hidden = decode_cached(model_.language_model, embeddings, segments, cache_);
  for (std::int64_t& position : active_.positions) ++position;
  take_tokens(hidden);
}

}  // namespace

std::int64_t sequences_that_fit(const VisionLanguageModel& model, std::int64_t length,
                                std::uint64_t bytes) {
  const LlamaConfig& text = model.config().text;
  const std::int64_t per_sequence = 2 * text.num_layers * text.num_kv_heads * text.head_dim *
                                    length *
                                    static_cast<std::int64_t>(at::elementSize(model.dtype()));
  return std::clamp(static_cast<std::int64_t>(bytes) / per_sequence, std::int64_t{1},
                    kMostSequences);
}

Result<std::vector<std::vector<TokenId>>> generate(const VisionLanguageModel& model,
                                                   const FeatureTable* features,
                                                   std::span<const Prompt> prompts,
                                                   const GenerateSettings& settings,
                                                   const std::function<bool()>& stop) {
  if (prompts.empty()) return std::vector<std::vector<TokenId>>();
  const torch::NoGradGuard no_grad;
  Decoding decoding(model, prompts, settings);
  decoding.prefill(features, prompts);
  while (!decoding.done()) {
    if (stop()) return fail(Errc::cancelled, "stopped on request");
    decoding.advance();
  }
  return decoding.take();
}

}  // namespace vlsweep
