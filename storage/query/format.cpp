#include "storage/query/format.h"

#include <array>
#include <utility>

namespace vlsweep {

std::optional<TableFormat> table_format_from_name(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, TableFormat>, 5> kNames{{
      {"table", TableFormat::table},
      {"markdown", TableFormat::markdown},
      {"csv", TableFormat::csv},
      {"json", TableFormat::json},
      {"latex", TableFormat::latex},
  }};
  for (const auto& [known, format] : kNames)
    if (known == name) return format;
  return std::nullopt;
}

std::string format_table(const Table& table, TableFormat format) {
  switch (format) {
    case TableFormat::table:
      return format_text(table);
    case TableFormat::markdown:
      return format_markdown(table);
    case TableFormat::csv:
      return format_csv(table);
    case TableFormat::json:
      return format_json(table);
    case TableFormat::latex:
      return format_latex(table);
  }
  return {};
}

}  // namespace vlsweep
