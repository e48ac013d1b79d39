#include "worker/trainer/stage/world_text.h"

#include <functional>
#include <string_view>
#include <utility>

#include "orchestrator/base/file.h"
#include "worker/trainer/stage/json_fields.h"

namespace vlsweep {
namespace {

constexpr std::uint64_t kMaxBytes = 1ULL << 30;

Result<> for_each_line(const std::filesystem::path& path,
                       const std::function<Result<>(JsonFields&)>& take) {
  VLSWEEP_TRY(const std::string text, read_file(path, kMaxBytes));
  std::size_t line = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string place = path.string() + ":" + std::to_string(++line);
    const auto json =
        nlohmann::json::parse(text.begin() + static_cast<std::ptrdiff_t>(begin),
                              text.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
    if (json.is_discarded()) return fail(Errc::invalid, "is not JSON", place);
    JsonFields fields(json, place);
    VLSWEEP_CHECK_OK(take(fields));
    VLSWEEP_CHECK_OK(fields.finish());
    begin = end + 1;
  }
  if (line == 0) return fail(Errc::invalid, "holds no line", path.string());
  return {};
}

}  // namespace

Result<std::vector<TextItem>> read_text_items(const std::filesystem::path& path) {
  std::vector<TextItem> items;
  VLSWEEP_CHECK_OK(for_each_line(path, [&](JsonFields& fields) -> Result<> {
    items.push_back({fields.text("prompt"), fields.text("answer")});
    return {};
  }));
  return items;
}

Result<std::vector<LabelledImage>> read_labelled_images(const std::filesystem::path& path) {
  std::vector<LabelledImage> images;
  VLSWEEP_CHECK_OK(for_each_line(path, [&](JsonFields& fields) -> Result<> {
    images.push_back({path.parent_path() / fields.text("image"), fields.texts("cells")});
    return {};
  }));
  return images;
}

}  // namespace vlsweep
