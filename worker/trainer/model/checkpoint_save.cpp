#include <algorithm>
#include <map>
#include <string>
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

TensorType tensor_type(at::ScalarType type) {
  switch (type) {
    case at::kBFloat16:
      return TensorType::bf16;
    case at::kHalf:
      return TensorType::f16;
    case at::kDouble:
      return TensorType::f64;
    case at::kLong:
      return TensorType::i64;
    case at::kByte:
      return TensorType::u8;
    default:
      TORCH_CHECK(type == at::kFloat, "tensors of ", type, " are not written");
      return TensorType::f32;
  }
}

const char* dtype_name(at::ScalarType type) {
  return type == at::kHalf ? "float16" : type == at::kBFloat16 ? "bfloat16" : "float32";
}

// Tensors to be written and the memory behind their views.
class Bundle {
 public:
  void add(std::string name, const at::Tensor& tensor) {
    kept_.push_back(tensor.detach().to(at::kCPU).contiguous());
    views_.push_back(view_of(std::move(name), kept_.back()));
  }
  Result<> write(const fs::path& path) { return write_safetensors(path, std::move(views_)); }

 private:
  std::vector<at::Tensor> kept_;
  std::vector<TensorView> views_;
};

Result<> write_model(const VisionLanguageModel& model, const fs::path& folder) {
  std::map<std::string, at::Tensor> merged;
  for (const FusedLinear* linear : model.language_linears()) {
    if (!linear->lora) continue;
    for (const LoraPart& part : linear->lora->parts)
      merged.emplace(linear->parts[part.part].name + ".weight", merged_rows(*linear, part.part));
  }
  Bundle bundle;
  for (const NamedTensor& tensor : model.named_tensors()) {
    const auto found = merged.find(tensor.name);
    bundle.add(model.config().architecture->file_name(tensor.name),
               found == merged.end() ? tensor.view() : found->second);
  }
  VLSWEEP_CHECK_OK(bundle.write(folder / "model.safetensors"));
  ModelConfig config = model.config();
  config.torch_dtype = dtype_name(model.dtype());
  return write_file_durably(folder / "config.json", config_json(config));
}

Result<> write_adapter(const VisionLanguageModel& model, const fs::path& folder,
                       const fs::path& base) {
  Bundle bundle;
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
      bundle.add(path(module) + ".lora_A.weight", lora.a_of(i));
      bundle.add(path(module) + ".lora_B.weight", lora.parts[i].b);
    }
  }
  for (const NamedTensor& tensor : model.named_tensors()) {
    if (tensor.part == Part::projector) bundle.add(path(tensor.name), tensor.view());
  }
  if (!text_only) config.modules_to_save = {"multi_modal_projector"};
  VLSWEEP_CHECK_OK(bundle.write(folder / "adapter_model.safetensors"));
  return write_file_durably(folder / "adapter_config.json", adapter_config_json(config, text_only));
}

}  // namespace

TensorView view_of(std::string name, const at::Tensor& tensor) {
  TensorView view;
  view.name = std::move(name);
  view.type = tensor_type(tensor.scalar_type());
  view.shape = tensor.sizes().vec();
  view.bytes = {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()};
  return view;
}

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
