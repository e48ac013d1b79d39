#include "worker/trainer/command/session.h"

#include <torch/torch.h>

#include <algorithm>
#include <utility>

#include "worker/trainer/architecture/architecture.h"
#include "worker/trainer/format/image_settings.h"
#include "worker/trainer/model/checkpoint.h"

namespace vlsweep {
namespace {

constexpr std::uint64_t kFeatureBytes = 1ULL << 30;
constexpr std::string_view kImage = "<image>";

Result<at::Device> choose_device(const std::string& name) {
  const bool has_cuda = name != "cpu" && torch::cuda::is_available();
  if (name == "cuda" && !has_cuda)
    return fail(Errc::unavailable,
                "no CUDA device can be used: check nvidia-smi and that libtorch is a CUDA build");
  return has_cuda ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
}

at::ScalarType choose_dtype(const std::string& wanted, const std::string& of_checkpoint,
                            at::Device device) {
  const std::string& name = wanted != "auto" ? wanted : of_checkpoint;
  if (wanted == "auto" && device.is_cpu()) return at::kFloat;
  if (name == "bfloat16") return at::kBFloat16;
  return name == "float16" ? at::kHalf : at::kFloat;
}

// The configuration of a checkpoint, or of what an adapter was made for.
Result<std::string> checkpoint_dtype(const std::filesystem::path& folder) {
  VLSWEEP_TRY(const ModelConfig config, load_config(folder));
  return config.torch_dtype;
}

// A text around <image>, each part a text of its own, as LLaVA's tokenizer_image_token does it: for
// tokenizers that have no such token.
Result<std::vector<TokenId>> encode_around_images(const Tokenizer& tokenizer, std::string_view text,
                                                  TokenId image_token) {
  std::vector<TokenId> ids;
  bool first = true;
  while (true) {
    const std::size_t found = text.find(kImage);
    const std::string_view part = text.substr(0, found);
    VLSWEEP_TRY(const auto chunk, first ? tokenizer.encode_with_bos(part) : tokenizer.encode(part));
    ids.insert(ids.end(), chunk.begin(), chunk.end());
    first = false;
    if (found == text.npos) return ids;
    ids.push_back(image_token);
    text.remove_prefix(found + kImage.size());
  }
}

}  // namespace

ModelSession::ModelSession(std::unique_ptr<VisionLanguageModel> model, Tokenizer tokenizer,
                           PromptStyle style, ImageMode mode)
    : model_(std::move(model)),
      tokenizer_(std::move(tokenizer)),
      style_(style),
      features_(mode, kFeatureBytes) {}

Result<ModelSession> ModelSession::open(const CommandOptions& options) {
  VLSWEEP_TRY(const at::Device device, choose_device(options.device));
  if (options.threads > 0) at::set_num_threads(options.threads);
  std::string dtype = options.dtype;
  if (dtype == "auto" && !device.is_cpu()) dtype = checkpoint_dtype(options.model).value_or(dtype);
  VLSWEEP_TRY(auto model,
              load_checkpoint(options.model, choose_dtype(dtype, dtype, device), device));
  if (!options.adapter.empty()) VLSWEEP_CHECK_OK(merge_adapter(*model, options.adapter));
  VLSWEEP_TRY(const auto tokenizer_at, tokenizer_folder(options.model));
  VLSWEEP_TRY(Tokenizer tokenizer, Tokenizer::load(tokenizer_at));
  const Architecture& architecture = *model->config().architecture;
  const auto chat = tokenizer.chat_template();
  if (!chat && chat.error().code != Errc::not_found) return std::unexpected(chat.error());
  VLSWEEP_TRY(const PromptStyle style, prompt_style(chat ? "chat" : architecture.prompt));
  ImageMode mode = ImageMode::plain;
  if (!options.image_mode.empty()) {
    VLSWEEP_TRY(mode, image_mode(options.image_mode));
  } else if (model->has_vision()) {
    VLSWEEP_TRY(mode, folder_image_mode(tokenizer_at, model->config().vision->image_size,
                                        architecture.image_mode));
  }
  return ModelSession(std::move(model), std::move(tokenizer), style, mode);
}

GenerateSettings ModelSession::settings(const CommandOptions& options) const {
  return {.max_new_tokens = options.max_new_tokens,
          .min_new_tokens = options.min_new_tokens,
          .end_tokens = tokenizer_.eos_ids(),
          .stop = options.stop,
          .sampling = {options.temperature, options.top_p, options.seed}};
}

void ModelSession::read_images(std::span<const std::filesystem::path> images) {
  if (model_->has_vision()) (void)features_.add(*model_, images, [] { return false; });
}

Result<std::int64_t> ModelSession::image_id(const std::filesystem::path& image) {
  if (image.empty()) return -1;
  if (!model_->has_vision())
    return fail(Errc::invalid, "this model sees no images", image.string());
  VLSWEEP_TRY(const auto ids, features_.add(*model_, {&image, 1}, [] { return false; }));
  return ids.front();
}

// The image's one place becomes its positions.
Result<Prompt> ModelSession::with_image(std::vector<TokenId> ids, std::int64_t image) const {
  const ModelConfig& config = model_->config();
  const auto places = std::ranges::count(ids, config.image_token);
  if (model_->has_vision() && places != (image >= 0 ? 1 : 0))
    return fail(Errc::invalid, image >= 0 ? "a prompt on an image has one <image> in it, not " +
                                                std::to_string(places)
                                          : "the prompt has <image> in it: give it an image");
  if (image >= 0) ids = expand_image(ids, config.image_token, config.vision->positions);
  if (ids.empty()) return fail(Errc::invalid, "the prompt is empty");
  for (const TokenId id : ids) {
    if (id >= config.text.vocab_size && (image < 0 || id != config.image_token))
      return fail(Errc::invalid, "the tokenizer gives id " + std::to_string(id) +
                                     ", but the model has " +
                                     std::to_string(config.text.vocab_size) +
                                     " tokens: they do not belong together");
  }
  return Prompt{std::move(ids), image};
}

Result<Prompt> ModelSession::raw_prompt(const std::string& text,
                                        const std::filesystem::path& image) {
  VLSWEEP_TRY(const std::int64_t id, image_id(image));
  const TokenId image_token = model_->config().image_token;
  const bool has_token = tokenizer_.image() == image_token || !model_->has_vision();
  VLSWEEP_TRY(auto ids, has_token ? tokenizer_.encode_with_bos(text)
                                  : encode_around_images(tokenizer_, text, image_token));
  return with_image(std::move(ids), id);
}

Result<Prompt> ModelSession::chat_prompt(std::span<const DialogueTurn> turns,
                                         const std::filesystem::path& image) {
  VLSWEEP_TRY(const std::int64_t id, image_id(image));
  VLSWEEP_TRY(auto ids,
              encode_prompt(tokenizer_, style_, turns, id >= 0, model_->config().image_token));
  return with_image(std::move(ids), id);
}

Result<> ModelSession::check_length(const Prompt& prompt, std::int64_t max_new_tokens) const {
  const std::int64_t length = std::ssize(prompt.ids) + max_new_tokens;
  const std::int64_t most = model_->config().text.max_positions;
  if (length <= most) return {};
  return fail(Errc::invalid, "prompt (" + std::to_string(prompt.ids.size()) + ") and answer (" +
                                 std::to_string(max_new_tokens) + ") take more than the model's " +
                                 std::to_string(most) + " positions: lower --max-new-tokens");
}

}  // namespace vlsweep
