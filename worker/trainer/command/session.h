// A model opened by a command: loaded, on its device, with its tokenizer; and prompts as it takes
// them.
//
// Belongs to the main thread.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "orchestrator/base/result.h"
#include "worker/trainer/command/options.h"
#include "worker/trainer/generate/generator.h"
#include "worker/trainer/model/vision_language_model.h"
#include "worker/trainer/text/prompt.h"
#include "worker/trainer/text/tokenizer.h"
#include "worker/trainer/train/feature_table.h"

namespace vlsweep {

class ModelSession {
 public:
  static Result<ModelSession> open(const CommandOptions& options);

  const VisionLanguageModel& model() const { return *model_; }
  const Tokenizer& tokenizer() const { return tokenizer_; }
  const FeatureTable& features() const { return features_; }
  GenerateSettings settings(const CommandOptions& options) const;

  // Reads images together, faster than one by one; what is wrong with one is said by its prompt.
  void read_images(std::span<const std::filesystem::path> images);

  // The prompt as it stands, as transformers' tokenizer or processor takes it: bos before it where
  // the tokenizer puts one, the image at its <image>.
  Result<Prompt> raw_prompt(const std::string& text, const std::filesystem::path& image);
  // By the model's chat template or prompt style, up to where the last answer begins; the image
  // (may be empty) goes before the first question.
  Result<Prompt> chat_prompt(std::span<const DialogueTurn> turns,
                             const std::filesystem::path& image);

  // invalid: prompt and answer are longer than the model's positions.
  Result<> check_length(const Prompt& prompt, std::int64_t max_new_tokens) const;

 private:
  ModelSession(std::unique_ptr<VisionLanguageModel> model, Tokenizer tokenizer, PromptStyle style,
               ImageMode mode);
  Result<std::int64_t> image_id(const std::filesystem::path& image);
  Result<Prompt> with_image(std::vector<TokenId> ids, std::int64_t image) const;

  std::unique_ptr<VisionLanguageModel> model_;
  Tokenizer tokenizer_;
  PromptStyle style_;
  FeatureTable features_;
};

}  // namespace vlsweep
