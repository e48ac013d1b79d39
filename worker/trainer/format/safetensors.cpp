#include "worker/trainer/format/safetensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "orchestrator/base/file.h"
#include "worker/trainer/format/json_object.h"

namespace vlsweep {
namespace {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian");

struct TypeRow {
  TensorType type;
  std::string_view name;
  std::size_t size;
};
constexpr std::array<TypeRow, 10> kTypes{{{TensorType::f64, "F64", 8},
                                          {TensorType::f32, "F32", 4},
                                          {TensorType::f16, "F16", 2},
                                          {TensorType::bf16, "BF16", 2},
                                          {TensorType::i64, "I64", 8},
                                          {TensorType::i32, "I32", 4},
                                          {TensorType::i16, "I16", 2},
                                          {TensorType::i8, "I8", 1},
                                          {TensorType::u8, "U8", 1},
                                          {TensorType::boolean, "BOOL", 1}}};
constexpr std::size_t kMaxDimensions = 16;

const TypeRow& row_of(TensorType type) { return kTypes[static_cast<std::size_t>(type)]; }

// A member that must be an unsigned whole number.
bool read_unsigned(const json& value, std::uint64_t& out) {
  if (!value.is_number_unsigned()) return false;
  out = value.get<std::uint64_t>();
  return true;
}

struct Entry {
  TensorView view;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

// One header entry; the error says what is wrong with it (without the tensor's name).
Result<Entry> read_entry(const std::string& name, const json& value) {
  const auto bad = [](const char* what) { return fail(Errc::invalid, what); };
  if (!value.is_object()) return bad("its entry is not an object");
  const json* type = json_member(value, "dtype");
  const json* shape = json_member(value, "shape");
  const json* offsets = json_member(value, "data_offsets");
  if (!type || !type->is_string()) return bad("it has no dtype");
  if (!shape || !shape->is_array() || shape->size() > kMaxDimensions) return bad("bad shape");
  if (!offsets || !offsets->is_array() || offsets->size() != 2) return bad("bad data_offsets");
  const auto& type_name = type->get_ref<const std::string&>();
  const auto* row = std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeRow& candidate) {
    return candidate.name == type_name;
  });
  if (row == kTypes.end()) {
    return fail(Errc::invalid, "dtype " + type_name.substr(0, 20) + " is not supported");
  }
  Entry entry;
  entry.view.name = name;
  entry.view.type = row->type;
  std::uint64_t size = row->size;
  for (const json& item : *shape) {
    std::uint64_t extent = 0;
    if (!read_unsigned(item, extent) || extent > INT64_MAX) return bad("bad shape");
    if (__builtin_mul_overflow(size, extent, &size)) return bad("its size overflows");
    entry.view.shape.push_back(static_cast<std::int64_t>(extent));
  }
  if (!read_unsigned((*offsets)[0], entry.begin) || !read_unsigned((*offsets)[1], entry.end) ||
      entry.end < entry.begin) {
    return bad("bad data_offsets");
  }
  if (entry.end - entry.begin != size)
    return bad("its data_offsets do not fit its shape and dtype");
  return entry;
}

// Entries must tile [0, size) in some order.
Result<> check_tiling(std::vector<Entry>& entries, std::uint64_t size, const std::string& where) {
  std::sort(entries.begin(), entries.end(), [](const Entry& left, const Entry& right) {
    return std::tie(left.begin, left.end) < std::tie(right.begin, right.end);
  });
  std::uint64_t next = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != next) {
      const char* what = entry.begin < next ? "overlaps another tensor" : "leaves a hole before it";
      return fail(Errc::invalid, "tensor " + entry.view.name + " " + what, where);
    }
    next = entry.end;
  }
  if (next > size) {
    return fail(Errc::invalid,
                "truncated: the header describes " + std::to_string(next) +
                    " bytes of tensors, the file has " + std::to_string(size) + "; copy it again",
                where);
  }
  if (next < size) {
    return fail(Errc::invalid, std::to_string(size - next) + " bytes behind the last tensor",
                where);
  }
  return {};
}

Result<std::vector<Entry>> read_entries(const json& header, const std::string& where) {
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name == "__metadata__") {
      const bool text =
          value.is_object() &&
          std::all_of(value.begin(), value.end(), [](const json& v) { return v.is_string(); });
      if (!text) return fail(Errc::invalid, "__metadata__ must map text to text", where);
      continue;
    }
    auto entry = read_entry(name, value);
    if (!entry) {
      return fail(Errc::invalid, "tensor " + name.substr(0, 200) + ": " + entry.error().message,
                  where);
    }
    entries.push_back(std::move(*entry));
  }
  return entries;
}

}  // namespace

std::size_t size_of(TensorType type) { return row_of(type).size; }
std::string_view safetensors_name(TensorType type) { return row_of(type).name; }

Result<std::vector<TensorView>> parse_safetensors(std::span<const std::byte> bytes,
                                                  const std::string& where) {
  std::uint64_t length = 0;
  if (bytes.size() < sizeof length) return fail(Errc::invalid, "too short for safetensors", where);
  std::memcpy(&length, bytes.data(), sizeof length);
  if (length > kMaxSafetensorsHeader) {
    return fail(Errc::invalid, "not a safetensors file: its header would be larger than 16 MiB",
                where);
  }
  const auto rest = bytes.subspan(sizeof length);
  if (length > rest.size()) return fail(Errc::invalid, "truncated inside its header", where);
  const std::string_view text(reinterpret_cast<const char*>(rest.data()), length);
  if (text.empty() || text.front() != '{') {
    return fail(Errc::invalid, "not a safetensors file: its header is not a JSON object", where);
  }
  auto header = parse_json_object(text, where);
  if (!header) return with_context(header.error(), "safetensors header");
  VLSWEEP_TRY(std::vector<Entry> entries, read_entries(*header, where));
  const auto data = rest.subspan(length);
  VLSWEEP_CHECK_OK(check_tiling(entries, data.size(), where));
  std::vector<TensorView> tensors;
  tensors.reserve(entries.size());
  for (Entry& entry : entries) {
    entry.view.bytes = data.subspan(entry.begin, entry.end - entry.begin);
    tensors.push_back(std::move(entry.view));
  }
  std::sort(tensors.begin(), tensors.end(),
            [](const TensorView& left, const TensorView& right) { return left.name < right.name; });
  return tensors;
}

Result<SafetensorsFile> SafetensorsFile::open(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::unexpected(system_error("open", path, errno));
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(fd);
    return fail(Errc::invalid, "not a regular file", path.string());
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size < sizeof(std::uint64_t)) {
    ::close(fd);
    return fail(Errc::invalid, "too short for safetensors", path.string());
  }
  constexpr int kFlags = MAP_PRIVATE | MAP_NORESERVE;
  void* start = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, kFlags, fd, 0);
  const bool writable = start != MAP_FAILED;
  // Where memory may not be promised beyond what there is.
  if (!writable) start = ::mmap(nullptr, size, PROT_READ, kFlags, fd, 0);
  const int map_error = errno;
  ::close(fd);
  if (start == MAP_FAILED) return std::unexpected(system_error("map", path, map_error));
  SafetensorsFile file;
  file.path_ = path;
  file.writable_ = writable;
  ::madvise(start, size, MADV_WILLNEED);
  file.mapping_ = std::shared_ptr<const void>(
      start, [size](const void* mapped) { ::munmap(const_cast<void*>(mapped), size); });
  VLSWEEP_TRY(file.tensors_,
              parse_safetensors({static_cast<const std::byte*>(start), size}, path.string()));
  return file;
}

const TensorView* SafetensorsFile::find(std::string_view name) const {
  const auto found = std::lower_bound(
      tensors_.begin(), tensors_.end(), name,
      [](const TensorView& tensor, std::string_view wanted) { return tensor.name < wanted; });
  return found == tensors_.end() || found->name != name ? nullptr : &*found;
}

void SafetensorsFile::forget(const TensorView& view) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(view.bytes.data());
  const std::uintptr_t first = (begin + page - 1) / page * page;
  const std::uintptr_t last = (begin + view.bytes.size()) / page * page;
  // Only pages that are wholly the view's; errors cost memory alone.
  if (first < last) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

}  // namespace vlsweep
