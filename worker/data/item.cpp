#include "worker/data/item.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "orchestrator/base/file.h"

namespace vlsweep {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxJsonFile = std::uint64_t{8} << 30;
constexpr std::uint64_t kMaxCsvFile = std::uint64_t{1} << 30;

// Length of the UTF-8 sequence that begins at `text`, 0 if it is not one (RFC 3629).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto in = [&](std::size_t i, unsigned low, unsigned high) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return in(1, 0x80, 0xBF) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : 0xBF;
    return in(1, low, high) && in(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
    return in(1, low, high) && in(2, 0x80, 0xBF) && in(3, 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string place_of(const json& item, const JsonItem& at) {
  std::string place =
      "item " + std::to_string(at.index) + " (line " + std::to_string(at.line) + ")";
  if (!item.is_object()) return place;
  const auto id = id_member(item, at.index);
  if (!id || !item.contains("id")) return place;
  return *id + ", " + place;
}

Result<std::vector<Sample>> read_one(const json& item, const JsonItem& at,
                                     const ItemReader& read_item) {
  if (item.is_discarded()) return fail(Errc::invalid, "not valid JSON");
  if (!item.is_object()) return fail(Errc::invalid, "expected an object");
  return read_item(item, at.index);
}

}  // namespace

Result<> check_text(std::string_view text, std::string_view what) {
  const std::string name(what);
  if (text.size() > kMaxText) return fail(Errc::invalid, name + " is longer than 1 MiB");
  if (text.find('\0') != text.npos) return fail(Errc::invalid, name + " holds a NUL character");
  if (!is_utf8(text)) return fail(Errc::invalid, name + " is not UTF-8");
  return {};
}

Result<std::string> text_member(const json& object, const char* name) {
  const auto found = object.find(name);
  const std::string quoted = "'" + std::string(name) + "'";
  if (found == object.end()) return fail(Errc::invalid, quoted + " is missing");
  if (!found->is_string()) return fail(Errc::invalid, quoted + " is not a string");
  const std::string& text = found->get_ref<const std::string&>();
  VLSWEEP_CHECK_OK(check_text(text, quoted));
  return text;
}

Result<std::string> optional_text_member(const json& object, const char* name) {
  return object.contains(name) ? text_member(object, name) : Result<std::string>("");
}

Result<std::string> id_member(const json& object, std::size_t index) {
  const auto found = object.find("id");
  if (found == object.end()) return "item-" + std::to_string(index);
  if (found->is_number_integer()) return found->dump();
  VLSWEEP_TRY(std::string id, text_member(object, "id"));
  if (id.empty()) return fail(Errc::invalid, "'id' is empty");
  if (id.size() > kMaxId) return fail(Errc::invalid, "'id' is longer than 256 bytes");
  return id;
}

Result<std::filesystem::path> find_image(const std::filesystem::path& folder,
                                         const std::string& name) {
  const std::filesystem::path relative(name);
  const bool climbs = std::ranges::find(relative, "..") != relative.end();
  if (name.empty() || name.size() > 4096) return fail(Errc::invalid, "'image' names no file");
  if (relative.is_absolute() || climbs) {
    return fail(Errc::invalid, "image '" + name + "' is not below the images folder");
  }
  std::filesystem::path path = folder / relative.lexically_normal();
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(path, error);
  if (error) return fail(Errc::invalid, "image '" + name + "' is missing");
  if (size == 0) return fail(Errc::invalid, "image '" + name + "' is empty");
  return path;
}

Result<Dataset> read_json_items(const DataSource& source, const ItemReader& read_item) {
  VLSWEEP_TRY(const std::string text, read_file(source.annotations, kMaxJsonFile));
  JsonArray array(text, source.annotations.string());
  Collector collector;
  for (;;) {
    VLSWEEP_TRY(const std::optional<JsonItem> at, array.next());
    if (!at) return std::move(collector).finish(source);
    const json item = json::parse(at->text, nullptr, false);
    auto samples = read_one(item, *at, read_item);
    if (samples) {
      collector.add(std::move(*samples));
    } else {
      collector.refuse(place_of(item, *at), samples.error().message);
    }
  }
}

const std::string& CsvRow::cell(std::string_view name) const {
  static const std::string kNone;
  const auto column = table_.column(name);
  return column ? record_.cells[*column] : kNone;
}

namespace {

Result<> require_columns(const CsvTable& table, const std::vector<std::string_view>& required,
                         const std::string& file) {
  for (const std::string_view name : required) {
    if (table.column(name)) continue;
    std::string there;
    for (const std::string& column : table.columns) there += (there.empty() ? "" : ", ") + column;
    if (there.size() > 200) there = there.substr(0, 200) + " ...";
    const bool printable = is_utf8(there);
    return fail(Errc::invalid,
                "no column '" + std::string(name) + "'" +
                    (printable ? "; there are: " + there : "; the file is not UTF-8 text"),
                file + ":1");
  }
  return {};
}

Result<> check_cells(const CsvTable& table, const CsvRecord& record) {
  if (record.cells.size() != table.columns.size()) {
    return fail(Errc::invalid, "has " + std::to_string(record.cells.size()) +
                                   " cells, the header " + std::to_string(table.columns.size()));
  }
  for (std::size_t i = 0; i < record.cells.size(); ++i) {
    VLSWEEP_CHECK_OK(check_text(record.cells[i], "column '" + table.columns[i] + "'"));
  }
  return {};
}

}  // namespace

Result<Dataset> read_csv_rows(const DataSource& source,
                              const std::vector<std::string_view>& required,
                              const RowReader& read_row) {
  VLSWEEP_TRY(const std::string text, read_file(source.annotations, kMaxCsvFile));
  const std::string file = source.annotations.string();
  VLSWEEP_TRY(const CsvTable table, parse_csv(text, file));
  VLSWEEP_CHECK_OK(require_columns(table, required, file));
  Collector collector;
  for (std::size_t index = 0; index < table.records.size(); ++index) {
    const CsvRecord& record = table.records[index];
    Result<std::optional<Sample>> sample = std::nullopt;
    if (const auto ok = check_cells(table, record); !ok) {
      sample = std::unexpected(ok.error());
    } else {
      sample = read_row(CsvRow(table, record, index));
    }
    if (!sample) collector.refuse("line " + std::to_string(record.line), sample.error().message);
    if (sample && *sample) collector.add(std::move(**sample));
  }
  return std::move(collector).finish(source);
}

}  // namespace vlsweep
