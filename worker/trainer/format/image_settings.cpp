#include "worker/trainer/format/image_settings.h"

#include <array>
#include <cmath>
#include <optional>
#include <string>

#include "worker/trainer/format/json_object.h"

namespace vlsweep {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::array<double, 3> kMean{0.48145466, 0.4578275, 0.40821073};
constexpr std::array<double, 3> kStd{0.26862954, 0.26130258, 0.27577711};
constexpr double kTolerance = 1e-6;
constexpr std::int64_t kBicubic = 3;
constexpr std::int64_t kMaxSide = 4096;

// The object that describes the image processor, and the file it stands in.
struct Processor {
  json object;
  std::string where;
};

// preprocessor_config.json, or (transformers 5) the image_processor of processor_config.json.
Result<std::optional<Processor>> find_processor(const fs::path& folder) {
  std::error_code ignored;
  const fs::path own = folder / "preprocessor_config.json";
  if (fs::exists(own, ignored)) {
    VLSWEEP_TRY(json object, read_json_object(own, kMaxConfigBytes));
    return Processor{std::move(object), own.string()};
  }
  const fs::path shared = folder / "processor_config.json";
  if (!fs::exists(shared, ignored)) return std::nullopt;
  VLSWEEP_TRY(const json object, read_json_object(shared, kMaxConfigBytes));
  const json* inner = json_member(object, "image_processor");
  if (!inner || !inner->is_object()) return std::nullopt;
  return Processor{*inner, shared.string()};
}

Result<> unsupported(const Processor& processor, const char* member) {
  return fail(Errc::invalid, "\"" + std::string(member) + "\" is not what images are prepared with",
              processor.where);
}

Result<> check_numbers(const Processor& processor, const char* member,
                       const std::array<double, 3>& wanted) {
  const json* found = json_member(processor.object, member);
  if (!found) return {};
  if (!found->is_array() || found->size() != wanted.size()) return unsupported(processor, member);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const json& value = (*found)[i];
    if (!value.is_number() || std::abs(value.get<double>() - wanted[i]) > kTolerance) {
      return unsupported(processor, member);
    }
  }
  return {};
}

// What is the same in every mode: bicubic, / 255, CLIP's mean and deviation.
Result<> check_arithmetic(const Processor& processor) {
  const auto& [object, where] = processor;
  for (const char* step : {"do_resize", "do_rescale", "do_normalize"}) {
    VLSWEEP_TRY(const bool done, json_flag(object, step, true, where));
    if (!done) return unsupported(processor, step);
  }
  VLSWEEP_TRY(const auto filter, json_integer(object, "resample", kBicubic, 0, 16, where));
  if (filter != kBicubic) return unsupported(processor, "resample");
  VLSWEEP_TRY(const double factor, json_number(object, "rescale_factor", 1.0 / 255.0, where));
  if (std::abs(factor - 1.0 / 255.0) > kTolerance) return unsupported(processor, "rescale_factor");
  VLSWEEP_CHECK_OK(check_numbers(processor, "image_mean", kMean));
  return check_numbers(processor, "image_std", kStd);
}

// Every side that "size" or "crop_size" names is the model's.
Result<> check_size(const Processor& processor, const char* member, std::int64_t image_size) {
  const json* found = json_member(processor.object, member);
  if (!found) return {};
  const json wrapped = found->is_object() ? *found : json{{"shortest_edge", *found}};
  for (const char* side : {"shortest_edge", "height", "width"}) {
    VLSWEEP_TRY(const auto pixels,
                json_integer(wrapped, side, image_size, 1, kMaxSide, processor.where));
    if (pixels == image_size) continue;
    return fail(Errc::invalid,
                "\"" + std::string(member) + "\" is " + std::to_string(pixels) +
                    " pixels, but the model's images have " + std::to_string(image_size),
                processor.where);
  }
  return {};
}

Result<ImageMode> mode_of(const Processor& processor, std::int64_t image_size) {
  const auto& [object, where] = processor;
  VLSWEEP_CHECK_OK(check_arithmetic(processor));
  for (const char* member : {"size", "crop_size"}) {
    VLSWEEP_CHECK_OK(check_size(processor, member, image_size));
  }
  VLSWEEP_TRY(const bool pads, json_flag(object, "do_pad", false, where));
  if (pads) return ImageMode::pad;
  // Both sides given: whatever is cropped then is whole.
  const json* size = json_member(object, "size");
  if (size && size->is_object() && size->contains("height")) return ImageMode::stretch;
  VLSWEEP_TRY(const bool crops, json_flag(object, "do_center_crop", true, where));
  if (!crops) {
    VLSWEEP_CHECK_OK(unsupported(processor, "do_center_crop"));
  }
  return ImageMode::crop;
}

// liuhaotian's config.json (LLaVA's mm_utils.process_images); empty if it says nothing.
Result<std::string> aspect_ratio(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::exists(folder / "config.json", ignored)) return std::string();
  VLSWEEP_TRY(const json object, read_json_object(folder / "config.json", kMaxConfigBytes));
  const std::string where = (folder / "config.json").string();
  if (!json_member(object, "mm_vision_tower")) return std::string();
  VLSWEEP_TRY(const std::string ratio, json_text(object, "image_aspect_ratio", "", where));
  if (ratio == "anyres") {
    return fail(Errc::invalid, "\"image_aspect_ratio\": \"anyres\" is not supported", where);
  }
  return ratio;
}

}  // namespace

Result<ImageMode> folder_image_mode(const fs::path& folder, std::int64_t image_size,
                                    std::string_view otherwise) {
  VLSWEEP_TRY(const std::string ratio, aspect_ratio(folder));
  if (!ratio.empty()) return ratio == "pad" ? ImageMode::pad : ImageMode::crop;
  VLSWEEP_TRY(const std::optional<Processor> processor, find_processor(folder));
  return processor ? mode_of(*processor, image_size) : image_mode(otherwise);
}

}  // namespace vlsweep
