#include "worker/trainer/text/tokenizer_folder.h"

#include <array>
#include <nlohmann/json.hpp>

#include "orchestrator/base/file.h"
#include "worker/trainer/text/tokenizer.h"
#include "worker/trainer/text/tokenizer_json.h"

namespace vlsweep {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::uint64_t kMaxFileBytes = 64ULL << 20;
constexpr std::array<const char*, 10> kTokenizerFiles{"tokenizer.model",
                                                      "tokenizer_config.json",
                                                      "special_tokens_map.json",
                                                      "added_tokens.json",
                                                      "tokenizer.json",
                                                      "vocab.json",
                                                      "merges.txt",
                                                      "chat_template.jinja",
                                                      "chat_template.json",
                                                      "generation_config.json"};

json token_json(const std::string& text) {
  return {{"content", text}, {"lstrip", false},      {"normalized", false},
          {"rstrip", false}, {"single_word", false}, {"special", true}};
}

// tokenizer_config.json for a bare sentencepiece model.
Result<json> tokenizer_config(const fs::path& folder) {
  VLSWEEP_TRY(const Tokenizer tokenizer, Tokenizer::load(folder));
  json config = {{"tokenizer_class", "LlamaTokenizer"},
                 {"processor_class", "LlavaProcessor"},
                 {"legacy", true},
                 {"add_bos_token", true},
                 {"add_eos_token", false},
                 {"bos_token", "<s>"},
                 {"eos_token", "</s>"},
                 {"unk_token", "<unk>"},
                 {"clean_up_tokenization_spaces", false}};
  json decoder = json::object();
  const auto add = [&](const char* text) {
    if (const auto id = tokenizer.find(text)) decoder[std::to_string(*id)] = token_json(text);
  };
  for (const char* text : {"<unk>", "<s>", "</s>", "<pad>", "<image>"}) add(text);
  if (tokenizer.find("<pad>")) config["pad_token"] = "<pad>";
  if (tokenizer.find("<image>")) {
    config["extra_special_tokens"] = {{"image_token", "<image>"}};
  }
  config["added_tokens_decoder"] = std::move(decoder);
  return config;
}

}  // namespace

Result<bool> copy_if_there(const fs::path& folder, const fs::path& source, const char* name) {
  std::error_code ignored;
  if (!fs::exists(source / name, ignored)) return false;
  if (fs::equivalent(source / name, folder / name, ignored)) return true;
  VLSWEEP_TRY(const std::string bytes, read_file(source / name, kMaxFileBytes));
  VLSWEEP_CHECK_OK(write_file_durably(folder / name, bytes));
  return true;
}

Result<> copy_tokenizer_files(const fs::path& folder, const fs::path& source) {
  for (const char* name : kTokenizerFiles) VLSWEEP_CHECK_OK(copy_if_there(folder, source, name));
  std::error_code ignored;
  if (!fs::exists(folder / "tokenizer.model", ignored)) return {};
  if (!fs::exists(folder / "tokenizer_config.json", ignored)) {
    VLSWEEP_TRY(const json written, tokenizer_config(folder));
    VLSWEEP_CHECK_OK(write_file_durably(folder / "tokenizer_config.json", written.dump(2) + "\n"));
  }
  if (fs::exists(folder / "tokenizer.json", ignored)) return {};
  VLSWEEP_TRY(const Tokenizer tokenizer, Tokenizer::load(folder));
  return write_file_durably(folder / "tokenizer.json", tokenizer_json(tokenizer));
}

}  // namespace vlsweep
