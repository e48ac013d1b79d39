#include "worker/trainer/train/resume.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "orchestrator/base/file.h"
#include "worker/trainer/model/tensor_io.h"
#include "worker/trainer/stage/json_fields.h"

namespace vlsweep {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr std::int64_t kFormat = 1;
constexpr std::size_t kStatesKept = 2;
constexpr std::uint64_t kMaxJson = 64ULL << 20;
constexpr std::string_view kPrefix = "state-";
constexpr const char* kPoints = "points";  // [n, 3] float64: series, step, value
constexpr const char* kCpuRandom = "random.cpu";
constexpr const char* kDeviceRandom = "random.device";

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

// The state of a device's default generator, bytes on the CPU.
at::Tensor random_state(at::Device device) {
  at::Generator generator = at::globalContext().defaultGenerator(device);
  const std::lock_guard lock(generator.mutex());
  return generator.get_state();
}

void set_random_state(at::Device device, const at::Tensor& state) {
  at::Generator generator = at::globalContext().defaultGenerator(device);
  const std::lock_guard lock(generator.mutex());
  generator.set_state(state);
}

at::Device device_of(const NamedTensors& state) {
  for (const auto& [name, tensor] : state)
    if (!tensor.is_cpu()) return tensor.device();
  return at::kCPU;
}

// The points as numbers; the names of the series in their order of appearance.
at::Tensor numbers_of(const std::vector<SeriesPoint>& points, std::vector<std::string>& series) {
  at::Tensor numbers = at::empty({std::ssize(points), 3}, at::kDouble);
  double* at = numbers.mutable_data_ptr<double>();
  for (const SeriesPoint& point : points) {
    auto found = std::ranges::find(series, point.name);
    if (found == series.end()) found = series.insert(series.end(), point.name);
    *at++ = static_cast<double>(found - series.begin());
    *at++ = static_cast<double>(point.step);
    *at++ = point.value;
  }
  return numbers;
}

Result<std::vector<SeriesPoint>> points_of(const at::Tensor& numbers,
                                           const std::vector<std::string>& series) {
  std::vector<SeriesPoint> points;
  const double* at = numbers.const_data_ptr<double>();
  for (std::int64_t i = 0; i < numbers.size(0); ++i, at += 3) {
    if (!(at[0] >= 0 && at[0] < static_cast<double>(series.size())))
      return fail(Errc::corrupt, "has a point of no series");
    points.push_back(
        {series[static_cast<std::size_t>(at[0])], static_cast<std::int64_t>(at[1]), at[2]});
  }
  return points;
}

std::uint32_t checksum(const std::vector<TensorView>& sorted) {
  std::uint32_t crc = 0;
  for (const TensorView& view : sorted)
    crc = crc32c({reinterpret_cast<const char*>(view.bytes.data()), view.bytes.size()}, crc);
  return crc;
}

// A tensor of the file like another one, if there is such.
Result<at::Tensor> find_like(const SafetensorsFile& file, const std::string& name,
                             const at::Tensor& like) {
  const TensorView* view = file.find(name);
  if (view == nullptr) return fail(Errc::corrupt, "lacks " + name, file.path().string());
  at::Tensor tensor = tensor_of(*view);
  if (tensor.scalar_type() != like.scalar_type() || !tensor.sizes().equals(like.sizes()))
    return fail(Errc::corrupt, "has another shape of " + name, file.path().string());
  return tensor;
}

// A whole state's tensors into the optimizer and the generators.
Result<> put_back(const SafetensorsFile& file, FlatAdamW& optimizer) {
  const torch::NoGradGuard no_grad;
  const NamedTensors state = optimizer.state();
  for (const auto& [name, tensor] : state) {
    VLSWEEP_TRY(const at::Tensor saved, find_like(file, name, tensor));
    tensor.copy_(saved);
  }
  optimizer.restored();
  set_random_state(at::kCPU, tensor_of(*file.find(kCpuRandom)).clone());
  if (const at::Device device = device_of(state); !device.is_cpu())
    set_random_state(device, tensor_of(*file.find(kDeviceRandom)).clone());
  return {};
}

}  // namespace

// A state that was read and found whole.
struct ResumeFolder::Found {
  SafetensorsFile file;
  ResumePoint point;
};

ResumeFolder::ResumeFolder(fs::path folder, std::string fits, int rank)
    : folder_(std::move(folder)), fits_(std::move(fits)), rank_(".rank-" + std::to_string(rank)) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder_, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix) || !name.contains(rank_ + ".")) continue;
    const bool orphan = entry.path().extension() == ".safetensors" &&
                        !fs::exists(fs::path(entry.path()).replace_extension(".json"), ignored);
    if (orphan || name.contains(".tmp.")) fs::remove(entry.path(), ignored);
  }
}

fs::path ResumeFolder::file(std::int64_t step, const char* extension) const {
  return folder_ / (std::string(kPrefix) + std::to_string(step) + rank_ + extension);
}

std::vector<std::int64_t> ResumeFolder::steps() const {
  std::vector<std::int64_t> steps;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder_, ignored)) {
    const std::string name = entry.path().filename().string();
    std::int64_t step = -1;
    if (!name.starts_with(kPrefix)) continue;
    std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), step);
    if (step >= 0 && entry.path() == file(step, ".json")) steps.push_back(step);
  }
  std::ranges::sort(steps, std::greater());
  return steps;
}

void ResumeFolder::remove(std::int64_t step) const {
  std::error_code ignored;
  fs::remove(file(step, ".json"), ignored);
  fs::remove(file(step, ".safetensors"), ignored);
}

Result<> ResumeFolder::save(const ResumePoint& point, const FlatAdamW& optimizer) {
  VLSWEEP_CHECK_OK(make_folders(folder_));
  std::vector<std::string> series;
  NamedTensors tensors = optimizer.state();
  const at::Device device = device_of(tensors);
  tensors.emplace_back(kCpuRandom, random_state(at::kCPU));
  if (!device.is_cpu()) tensors.emplace_back(kDeviceRandom, random_state(device));
  tensors.emplace_back(kPoints, numbers_of(point.train.points, series));
  for (auto& [name, tensor] : tensors) tensor = tensor.detach().cpu().contiguous();
  std::ranges::sort(tensors, {}, &NamedTensors::value_type::first);
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : tensors) views.push_back(view_of(name, tensor));
  const std::uint32_t crc = checksum(views);
  const std::int64_t step = point.train.step;
  VLSWEEP_CHECK_OK(write_safetensors(file(step, ".safetensors"), std::move(views)));
  const Json json{{"format", kFormat},
                  {"fits", fits_},
                  {"step", step},
                  {"num_tokens", point.train.num_tokens},
                  {"losses", point.train.losses},
                  {"micro_batch", point.micro_batch},
                  {"series", series},
                  {"crc32c", crc}};
  VLSWEEP_CHECK_OK(write_file_durably(file(step, ".json"), json.dump() + "\n"));
  std::erase(kept_, step);
  kept_.push_back(step);
  while (kept_.size() > kStatesKept) {
    remove(kept_.front());
    kept_.erase(kept_.begin());
  }
  return {};
}

Result<ResumeFolder::Found> ResumeFolder::read(std::int64_t step,
                                               const FlatAdamW& optimizer) const {
  const fs::path path = file(step, ".json");
  VLSWEEP_TRY(const std::string text, read_file(path, kMaxJson));
  const Json json = Json::parse(text, nullptr, false);
  JsonFields fields(json, path.string());
  if (fields.integer("format", 0, INT64_MAX) != kFormat || fields.text("fits") != fits_)
    return fail(Errc::not_found, "is of another stage, data or version", path.string());
  ResumePoint point;
  point.train.step = fields.integer("step", step, step);
  point.train.num_tokens = fields.integer("num_tokens", 0, INT64_MAX);
  point.micro_batch = fields.integer("micro_batch", 1, INT32_MAX);
  const Json& losses = fields.list("losses");
  for (const Json& loss : losses)
    if (loss.is_number()) point.train.losses.push_back(loss.get<double>());
  const auto series = fields.texts("series");
  const auto crc = fields.integer("crc32c", 0, UINT32_MAX);
  VLSWEEP_CHECK_OK(fields.finish());

  VLSWEEP_TRY(SafetensorsFile tensors, SafetensorsFile::open(file(step, ".safetensors")));
  if (checksum(tensors.tensors()) != crc)
    return fail(Errc::corrupt, "does not read back as it was written", tensors.path().string());
  NamedTensors wanted = optimizer.state();
  const at::Device device = device_of(wanted);
  wanted.emplace_back(kCpuRandom, random_state(at::kCPU));
  if (!device.is_cpu()) wanted.emplace_back(kDeviceRandom, random_state(device));
  for (const auto& [name, tensor] : wanted)
    if (const auto found = find_like(tensors, name, tensor); !found)
      return std::unexpected(found.error());
  const TensorView* numbers = tensors.find(kPoints);
  if (numbers == nullptr || numbers->type != TensorType::f64 || numbers->shape.size() != 2 ||
      numbers->shape[1] != 3)
    return fail(Errc::corrupt, "lacks its points", tensors.path().string());
  VLSWEEP_TRY(point.train.points, points_of(tensor_of(*numbers), series));
  return Found{std::move(tensors), std::move(point)};
}

Result<std::optional<ResumePoint>> ResumeFolder::load(FlatAdamW& optimizer, ProcessGroup* gang,
                                                      std::string& note) {
  std::vector<Found> whole;
  for (const std::int64_t step : steps()) {
    auto found = read(step, optimizer);
    if (found) {
      whole.push_back(std::move(*found));
      continue;
    }
    if (found.error().code != Errc::not_found) remove(step);
    note += (note.empty() ? "" : "; ") +
            ("not resumed from step " + std::to_string(step) + ": " + found.error().text());
  }
  // Member 0 proposes its states, newest first; the first that all have is taken.
  const auto find = [&](std::int64_t step) {
    return std::ranges::find(whole, step, [](const Found& each) { return each.point.train.step; });
  };
  for (std::size_t i = 0; i < (gang == nullptr ? whole.size() : kStatesKept); ++i) {
    double proposed = i < whole.size() ? static_cast<double>(whole[i].point.train.step) : 0;
    if (gang != nullptr) proposed = gang->sum(std::vector{gang->rank() == 0 ? proposed : 0.0})[0];
    const auto chosen = find(static_cast<std::int64_t>(proposed));
    const bool missing = chosen == whole.end();
    if (gang == nullptr ? missing : gang->any(missing)) continue;
    VLSWEEP_CHECK_OK(put_back(chosen->file, optimizer));
    for (auto each = whole.rbegin(); each.base() != chosen; ++each)
      kept_.push_back(each->point.train.step);
    return std::optional(std::move(chosen->point));
  }
  return std::optional<ResumePoint>();
}

}  // namespace vlsweep
