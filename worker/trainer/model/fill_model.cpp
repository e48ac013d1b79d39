#include "worker/trainer/model/fill_model.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "worker/trainer/architecture/architecture.h"
#include "worker/trainer/model/tensor_io.h"

namespace vlsweep {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxNamesInError = 100;
constexpr std::string_view kTower = "vision_tower.";

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i ? ", " : "") + std::to_string(shape[i]);
  }
  return text + "]";
}

void describe(const char* what, const std::vector<std::string>& names, std::string& text) {
  if (names.empty()) return;
  text += std::string(text.empty() ? "" : "; ") + what + ": ";
  for (std::size_t i = 0; i < std::min(names.size(), kMaxNamesInError); ++i)
    text += (i ? ", " : "") + names[i];
  if (names.size() > kMaxNamesInError)
    text += " and " + std::to_string(names.size() - kMaxNamesInError) + " more";
}

// A tensor of a file, and the file.
struct Source {
  const TensorView* view = nullptr;
  const SafetensorsFile* file = nullptr;
};
using SourcesByName = std::map<std::string, Source>;

// The files' tensors under their canonical names.
Result<SourcesByName> canonical_sources(const Architecture& architecture,
                                        const std::vector<SafetensorsFile>& files) {
  SourcesByName sources;
  for (const SafetensorsFile& file : files) {
    for (const TensorView& view : file.tensors()) {
      const auto name = architecture.canonical_name(view.name);
      if (!name) continue;
      if (!sources.emplace(*name, Source{&view, &file}).second)
        return fail(Errc::invalid, "two tensors for " + *name, file.path().string());
    }
  }
  return sources;
}

bool has_tower(const SourcesByName& sources) {
  const auto first = sources.lower_bound(std::string(kTower));
  return first != sources.end() && first->first.starts_with(kTower);
}

// Adds the tower's tensors of a CLIP folder; its text half is left aside.
Result<> add_separate_tower(const VisionLanguageModel& model, const fs::path& folder,
                            std::vector<SafetensorsFile>& files, SourcesByName& sources) {
  const std::string& named = model.config().separate_tower;
  if (named.empty() || has_tower(sources)) return {};
  const fs::path tower = tower_folder(folder, named);
  if (tower.empty()) {
    return fail(Errc::not_found,
                "the vision tower's tensors are not here, and mm_vision_tower \"" + named +
                    "\" is no folder: download it and put its path into config.json",
                folder.string());
  }
  VLSWEEP_TRY(files, open_model_files(tower));
  VLSWEEP_TRY(SourcesByName found, canonical_sources(*model.config().architecture, files));
  for (auto& [name, source] : found)
    if (name.starts_with(kTower)) sources.emplace(name, source);
  return {};
}

// The sources of one parameter's named tensors, in the order of its rows.
struct Filling {
  at::Tensor parameter;
  std::vector<std::pair<NamedTensor, Source>> pieces;
};

// Whether the pieces lie in one file as the parameter does in memory, in its type.
bool lies_as_parameter(const Filling& filling) {
  const Source& first = filling.pieces.front().second;
  const std::byte* next = first.view->bytes.data();
  const auto address = reinterpret_cast<std::uintptr_t>(next);
  if (!first.file->writable() || address % filling.parameter.element_size() != 0) return false;
  for (const auto& [tensor, source] : filling.pieces) {
    const bool follows = source.file == first.file && source.view->bytes.data() == next;
    if (!follows || scalar_type(source.view->type) != filling.parameter.scalar_type()) return false;
    next += source.view->bytes.size();
  }
  return true;
}

void map_parameter(const Filling& filling) {
  const Source& first = filling.pieces.front().second;
  at::Tensor parameter = filling.parameter;
  auto* data = const_cast<std::byte*>(first.view->bytes.data());
  parameter.set_data(at::from_blob(
      data, parameter.sizes(), [mapping = first.file->mapping()](void*) {}, parameter.options()));
}

// Asks for large pages under memory that is not touched yet: fewer faults while it is filled.
void advise_large_pages(const at::Tensor& tensor) {
  constexpr std::uintptr_t kLarge = 2 << 20;
  if (!tensor.is_cpu()) return;
  const auto begin = reinterpret_cast<std::uintptr_t>(tensor.const_data_ptr());
  const std::uintptr_t first = (begin + kLarge - 1) / kLarge * kLarge;
  const std::uintptr_t last = (begin + tensor.nbytes()) / kLarge * kLarge;
  if (first < last) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
}

void copy_parameter(const Filling& filling) {
  advise_large_pages(filling.parameter);
  for (const auto& [tensor, source] : filling.pieces) {
    tensor.view().copy_(tensor_of(*source.view));
    SafetensorsFile::forget(*source.view);
  }
}

}  // namespace

void Misfits::check_shape(const TensorView& view, const at::Tensor& target) {
  if (at::IntArrayRef(view.shape) == target.sizes()) return;
  misshapen.push_back(view.name + " " + shape_text(view.shape) + " instead of " +
                      shape_text(target.sizes().vec()));
}

Result<> Misfits::status(const fs::path& folder) const {
  std::string text;
  describe("missing", missing, text);
  describe("unexpected", unexpected, text);
  describe("of another shape than config.json says", misshapen, text);
  if (text.empty()) return {};
  return fail(Errc::invalid, "the tensors do not fit config.json: " + text, folder.string());
}

Result<> fill_model(VisionLanguageModel& model, const fs::path& folder) {
  VLSWEEP_TRY(const std::vector<SafetensorsFile> files, open_model_files(folder));
  VLSWEEP_TRY(SourcesByName sources, canonical_sources(*model.config().architecture, files));
  std::vector<SafetensorsFile> tower_files;
  VLSWEEP_CHECK_OK(add_separate_tower(model, folder, tower_files, sources));
  if (model.config().text.tie_word_embeddings) sources.erase("language_model.lm_head.weight");
  Misfits misfits;
  std::vector<Filling> fillings;
  std::map<const void*, std::size_t> places;  // of a parameter among the fillings
  for (const NamedTensor& tensor : model.named_tensors()) {
    const auto found = sources.find(tensor.name);
    if (found == sources.end()) {
      misfits.missing.push_back(tensor.name);
      continue;
    }
    misfits.check_shape(*found->second.view, tensor.view());
    const auto [place, fresh] =
        places.emplace(tensor.parameter.unsafeGetTensorImpl(), fillings.size());
    if (fresh) fillings.push_back({tensor.parameter, {}});
    fillings[place->second].pieces.emplace_back(tensor, found->second);
    sources.erase(found);
  }
  for (const auto& [name, source] : sources) misfits.unexpected.push_back(source.view->name);
  VLSWEEP_CHECK_OK(misfits.status(folder));
  for (const Filling& filling : fillings) {
    if (filling.parameter.is_cpu() && lies_as_parameter(filling))
      map_parameter(filling);
    else
      copy_parameter(filling);
  }
  return {};
}

}  // namespace vlsweep
