// Checks of the single members of an item, shared by the readers: types, lengths, characters, and
// images that lie below their folder.
//
// Free functions: safe from any thread.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/base/result.h"
#include "worker/data/collect.h"
#include "worker/data/csv.h"
#include "worker/data/json_array.h"
#include "worker/data/read.h"

namespace vlsweep {

inline constexpr std::size_t kMaxText = std::size_t{1} << 20;  // bytes of one text
inline constexpr std::size_t kMaxId = 256;                     // bytes of an id

// Refuses text with NUL, text that is not UTF-8, text over kMaxText. `what` names it in the
// message.
Result<> check_text(std::string_view text, std::string_view what);

// A member that must be (or, when optional, may be) a string; an absent optional one is "".
Result<std::string> text_member(const nlohmann::json& object, const char* name);
Result<std::string> optional_text_member(const nlohmann::json& object, const char* name);

// The member `id`: a string, or a whole number as published in some sets; "item-7" where absent.
Result<std::string> id_member(const nlohmann::json& object, std::size_t index);

// The file `name` below `folder`; refused (invalid) if the name is absolute or climbs out, and if
// no regular, non-empty file is there. Links are followed: large sets are linked together.
Result<std::filesystem::path> find_image(const std::filesystem::path& folder,
                                         const std::string& name);

// The samples of one item of a JSON data set (`index` is the item's), or why it is bad.
using ItemReader = std::function<Result<std::vector<Sample>>(const nlohmann::json&, std::size_t)>;
// Reads a whole JSON array through `read_item`, which returns no sample for another part's item.
Result<Dataset> read_json_items(const DataSource& source, const ItemReader& read_item);

// One row of a csv data set with its cells by column name.
class CsvRow {
 public:
  CsvRow(const CsvTable& table, const CsvRecord& record, std::size_t index)
      : table_(table), record_(record), index_(index) {}
  std::size_t index() const { return index_; }
  // "" where there is no such column.
  const std::string& cell(std::string_view name) const;

 private:
  const CsvTable& table_;
  const CsvRecord& record_;
  std::size_t index_;
};

// The sample of one row, nothing for another part's row, or why it is bad.
using RowReader = std::function<Result<std::optional<Sample>>(const CsvRow&)>;
// Reads a whole csv through `read_row`; every column of `required` must be there.
Result<Dataset> read_csv_rows(const DataSource& source,
                              const std::vector<std::string_view>& required,
                              const RowReader& read_row);

}  // namespace vlsweep
