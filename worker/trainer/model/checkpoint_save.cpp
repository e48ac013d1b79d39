#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "orchestrator/base/file.h"
#include "worker/trainer/architecture/architecture.h"
#include "worker/trainer/format/adapter.h"
#include "worker/trainer/format/companion_files.h"
#include "worker/trainer/model/checkpoint.h"
#include "worker/trainer/model/lora.h"
#include "worker/trainer/model/tensor_io.h"
#include "worker/trainer/text/tokenizer_folder.h"

namespace vlsweep {
namespace {

namespace fs = std::filesystem;

const char* dtype_name(at::ScalarType type) {
  return type == at::kHalf ? "float16" : type == at::kBFloat16 ? "bfloat16" : "float32";
}

// A tensor that is brought to the CPU when its turn comes; it must outlive the writing.
TensorSource source_of(std::string name, const at::Tensor& tensor) {
  return {std::move(name), tensor_type(tensor.scalar_type()), tensor.sizes().vec(),
          [tensor](const auto& sink) {
            return sink(bytes_of(tensor.detach().to(at::kCPU).contiguous()));
          }};
}

// A part of a linear with its LoRA merged, made when its turn comes.
TensorSource merged_source(std::string name, const FusedLinear& linear, std::size_t part) {
  TensorSource source =
      source_of(std::move(name),
                linear.weight.narrow(0, linear.parts[part].first_row, linear.parts[part].num_rows));
  source.write = [&linear, part](const auto& sink) {
    return sink(bytes_of(merged_rows(linear, part).detach().to(at::kCPU).contiguous()));
  };
  return source;
}

Result<> write_model(const VisionLanguageModel& model, const fs::path& folder) {
  std::map<std::string, std::pair<const FusedLinear*, std::size_t>> merged;
  for (const FusedLinear* linear : model.language_linears()) {
    if (!linear->lora) continue;
    for (const LoraPart& part : linear->lora->parts)
      merged.emplace(linear->parts[part.part].name + ".weight", std::pair(linear, part.part));
  }
  std::vector<TensorSource> sources;
  for (const NamedTensor& tensor : model.named_tensors()) {
    const auto found = merged.find(tensor.name);
    const std::string name = model.config().architecture->file_name(tensor.name);
    sources.push_back(found == merged.end()
                          ? source_of(name, tensor.view())
                          : merged_source(name, *found->second.first, found->second.second));
  }
  VLSWEEP_CHECK_OK(write_model_files(folder, std::move(sources)));
  ModelConfig config = model.config();
  config.torch_dtype = dtype_name(model.dtype());
  return write_file_durably(folder / "config.json", config_json(config));
}

Result<> write_adapter(const VisionLanguageModel& model, const fs::path& folder,
                       const fs::path& base) {
  std::vector<TensorSource> sources;
  const auto add = [&](std::string name, const at::Tensor& tensor) {
    sources.push_back(source_of(std::move(name), tensor));
  };
  const bool text_only = !model.has_vision();
  const auto path = [&](const std::string& name) {
    return "base_model.model." + model.config().architecture->module_name(name);
  };
  AdapterConfig config;
  config.base = base.string();
  for (const FusedLinear* linear : model.language_linears()) {
    if (!linear->lora) continue;
    const Lora& lora = *linear->lora;
    config.rank = lora.rank;
    config.alpha = lora.alpha;
    config.rslora = lora.rslora;
    config.dropout = lora.dropout;
    for (std::size_t i = 0; i < lora.parts.size(); ++i) {
      const std::string& module = linear->parts[lora.parts[i].part].name;
      const std::string target = module.substr(module.rfind('.') + 1);
      if (std::ranges::find(config.targets, target) == config.targets.end())
        config.targets.push_back(target);
      add(path(module) + ".lora_A.weight", lora.a_of(i));
      add(path(module) + ".lora_B.weight", lora.parts[i].b);
    }
  }
  for (const NamedTensor& tensor : model.named_tensors()) {
    if (tensor.part == Part::projector) add(path(tensor.name), tensor.view());
  }
  if (!text_only) config.modules_to_save = {"multi_modal_projector"};
  VLSWEEP_CHECK_OK(write_safetensors(folder / "adapter_model.safetensors", std::move(sources)));
  return write_file_durably(folder / "adapter_config.json", adapter_config_json(config, text_only));
}

}  // namespace

Result<> save_checkpoint(const VisionLanguageModel& model, const fs::path& folder,
                         const fs::path& source) {
  try {
    VLSWEEP_CHECK_OK(make_folders(folder));
    VLSWEEP_CHECK_OK(write_companion_files(model.config(), folder, source));
    return write_model(model, folder);
  } catch (const std::exception& error) {
    return fail(Errc::internal, error.what(), folder.string());
  }
}

Result<> save_adapter(const VisionLanguageModel& model, const fs::path& folder,
                      const fs::path& base, const fs::path& source) {
  if (!model.has_lora()) return fail(Errc::internal, "the model has no LoRA to save");
  try {
    VLSWEEP_CHECK_OK(make_folders(folder));
    VLSWEEP_CHECK_OK(copy_tokenizer_files(folder, source));
    return write_adapter(model, folder, base);
  } catch (const std::exception& error) {
    return fail(Errc::internal, error.what(), folder.string());
  }
}

}  // namespace vlsweep
