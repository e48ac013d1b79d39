#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "worker/trainer/architecture/architecture.h"
#include "worker/trainer/format/adapter.h"
#include "worker/trainer/model/checkpoint.h"
#include "worker/trainer/model/fill_model.h"
#include "worker/trainer/model/tensor_io.h"

namespace vlsweep {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxAdapterDepth = 16;  // adapters upon adapters

// "base_model.model.PATH.lora_A.weight" -> the canonical PATH and what of it.
struct AdapterName {
  std::string module;  // canonical name without ".weight"
  enum class Kind { lora_a, lora_b, saved } kind;
};

std::string without(std::string name, std::string_view part) {
  if (const auto found = name.find(part); found != name.npos) name.erase(found, part.size());
  return name;
}

AdapterName adapter_name(const Architecture& architecture, std::string name) {
  for (std::string_view part :
       {"base_model.model.", ".modules_to_save.default", ".modules_to_save"}) {
    name = without(name, part);
  }
  using Kind = AdapterName::Kind;
  for (const auto& [mark, kind] : {std::pair(".lora_A", Kind::lora_a), {".lora_B", Kind::lora_b}}) {
    const auto found = name.find(mark);
    if (found == name.npos) continue;
    const auto module = architecture.canonical_name(name.substr(0, found) + ".weight");
    return {without(module.value_or(""), ".weight"), kind};
  }
  return {architecture.canonical_name(name).value_or(""), Kind::saved};
}

struct LowRankPair {
  std::string path;  // of the module, as the adapter's file and its config's patterns name it
  const TensorView* a = nullptr;
  const TensorView* b = nullptr;
};

Result<> merge_pair(const NamedTensor& target, const LowRankPair& pair, const AdapterConfig& config,
                    const std::string& where) {
  const auto bad = [&](const char* what) {
    return fail(Errc::invalid, target.name + ": " + what, where);
  };
  if (!pair.a || !pair.b) return bad("lora_A or lora_B is missing");
  const at::Tensor a = tensor_of(*pair.a).to(at::kFloat), b = tensor_of(*pair.b).to(at::kFloat);
  const at::Tensor weight = target.view();
  const std::int64_t rank = config.rank_of(pair.path);
  if (weight.dim() != 2 || a.dim() != 2 || b.dim() != 2 || a.size(0) != rank || b.size(1) != rank ||
      a.size(1) != weight.size(1) || b.size(0) != weight.size(0)) {
    return bad("LoRA matrices that fit neither the rank nor the base");
  }
  const at::Tensor update = at::matmul(b, a).mul_(config.scale_of(pair.path)).to(weight.device());
  weight.copy_(weight.to(at::kFloat) + update);
  return {};
}

Result<> apply_adapter(VisionLanguageModel& model, const fs::path& folder,
                       const AdapterConfig& config) {
  const fs::path path = folder / "adapter_model.safetensors";
  VLSWEEP_TRY(const SafetensorsFile file, SafetensorsFile::open(path));
  std::map<std::string, NamedTensor> targets;
  for (NamedTensor& tensor : model.named_tensors()) targets.emplace(tensor.name, tensor);
  Misfits misfits;
  std::map<std::string, LowRankPair> pairs;
  for (const TensorView& view : file.tensors()) {
    if (view.name.find("original_module") != view.name.npos) continue;
    const AdapterName name = adapter_name(*model.config().architecture, view.name);
    const bool saved = name.kind == AdapterName::Kind::saved;
    const auto target = targets.find(saved ? name.module : name.module + ".weight");
    if (target == targets.end()) {
      misfits.unexpected.push_back(view.name);
    } else if (saved) {
      misfits.check_shape(view, target->second.view());
      if (misfits.misshapen.empty()) target->second.view().copy_(tensor_of(view));
    } else {
      LowRankPair& pair = pairs[target->first];
      pair.path = without(view.name.substr(0, view.name.find(".lora_")), "base_model.model.");
      (name.kind == AdapterName::Kind::lora_a ? pair.a : pair.b) = &view;
    }
  }
  VLSWEEP_CHECK_OK(misfits.status(folder));
  for (const auto& [name, pair] : pairs) {
    VLSWEEP_CHECK_OK(merge_pair(targets.at(name), pair, config, path.string()));
  }
  return {};
}

Result<fs::path> base_folder(const fs::path& folder, const AdapterConfig& config) {
  const fs::path base = (folder / config.base).lexically_normal();
  std::error_code ignored;
  if (fs::is_directory(base, ignored)) return base;
  return fail(Errc::not_found, "its base model is not there: " + base.string(),
              (folder / "adapter_config.json").string());
}

Result<std::unique_ptr<VisionLanguageModel>> load_at_depth(const fs::path& folder,
                                                           at::ScalarType dtype, at::Device device,
                                                           int depth) {
  if (depth > kMaxAdapterDepth) {
    return fail(Errc::invalid, "adapters upon adapters without end", folder.string());
  }
  if (!is_adapter_folder(folder)) {
    VLSWEEP_TRY(const ModelConfig config, load_config(folder));
    auto model = std::make_unique<VisionLanguageModel>(config, dtype, device);
    VLSWEEP_CHECK_OK(fill_model(*model, folder));
    return model;
  }
  VLSWEEP_TRY(const AdapterConfig config, load_adapter_config(folder));
  VLSWEEP_TRY(const fs::path base, base_folder(folder, config));
  VLSWEEP_TRY(std::unique_ptr<VisionLanguageModel> model,
              load_at_depth(base, dtype, device, depth + 1));
  VLSWEEP_CHECK_OK(apply_adapter(*model, folder, config));
  return model;
}

}  // namespace

Result<std::unique_ptr<VisionLanguageModel>> load_checkpoint(const fs::path& folder,
                                                             at::ScalarType dtype,
                                                             at::Device device) {
  try {
    const at::NoGradGuard no_grad;
    return load_at_depth(folder, dtype, device, 0);
  } catch (const c10::OutOfMemoryError&) {
    return fail(Errc::out_of_memory, "no device memory for the model", folder.string());
  } catch (const c10::Error& error) {
    return fail(Errc::invalid, error.what_without_backtrace(), folder.string());
  } catch (const std::bad_alloc&) {
    return fail(Errc::out_of_memory, "no memory for the model", folder.string());
  }
}

Result<> merge_adapter(VisionLanguageModel& model, const fs::path& folder) {
  try {
    const at::NoGradGuard no_grad;
    VLSWEEP_TRY(const AdapterConfig config, load_adapter_config(folder));
    return apply_adapter(model, folder, config);
  } catch (const c10::Error& error) {
    return fail(Errc::invalid, error.what_without_backtrace(), folder.string());
  }
}

Result<fs::path> tokenizer_folder(const fs::path& folder) {
  fs::path current = folder;
  std::error_code ignored;
  for (int depth = 0; depth <= kMaxAdapterDepth; ++depth) {
    for (const char* file : {"tokenizer.model", "tokenizer.json"})
      if (fs::exists(current / file, ignored)) return current;
    if (!is_adapter_folder(current)) break;
    VLSWEEP_TRY(const AdapterConfig config, load_adapter_config(current));
    VLSWEEP_TRY(current, base_folder(current, config));
  }
  return fail(Errc::not_found, "no tokenizer.model and no tokenizer.json here", current.string());
}

}  // namespace vlsweep
