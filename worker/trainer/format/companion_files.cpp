#include "worker/trainer/format/companion_files.h"

#include "orchestrator/base/file.h"
#include "worker/trainer/architecture/architecture.h"
#include "worker/trainer/format/json_object.h"
#include "worker/trainer/text/tokenizer_folder.h"

namespace vlsweep {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

json generation_config(const ModelConfig& config) {
  json object = {{"do_sample", false}};
  if (config.bos_token) object["bos_token_id"] = *config.bos_token;
  if (config.eos_token) object["eos_token_id"] = *config.eos_token;
  if (config.pad_token) object["pad_token_id"] = *config.pad_token;
  return object;
}

}  // namespace

Result<> copy_or_write_json(const fs::path& folder, const fs::path& source, const char* name,
                            const json& otherwise) {
  VLSWEEP_TRY(const bool copied, copy_if_there(folder, source, name));
  if (copied) return {};
  return write_file_durably(folder / name, otherwise.dump(2) + "\n");
}

Result<> write_companion_files(const ModelConfig& config, const fs::path& folder,
                               const fs::path& source) {
  VLSWEEP_CHECK_OK(copy_tokenizer_files(folder, source));
  VLSWEEP_CHECK_OK(
      copy_or_write_json(folder, source, "generation_config.json", generation_config(config)));
  if (!config.architecture->write_processor_files) return {};
  return config.architecture->write_processor_files(config, folder, source);
}

}  // namespace vlsweep
