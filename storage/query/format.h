// A Table as text: for people at a terminal, Markdown, LaTeX (booktabs), and tidy CSV and JSON for
// programs. Rates are percent in the first three and fractions in the last two.
//
// Free functions, safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "storage/query/query.h"

namespace vlsweep {

enum class TableFormat { table, markdown, csv, json, latex };
std::optional<TableFormat> table_format_from_name(std::string_view name);

std::string format_table(const Table& table, TableFormat format);

// Each as a text that ends with a line feed.
std::string format_text(const Table& table);
std::string format_markdown(const Table& table);
std::string format_csv(const Table& table);
std::string format_json(const Table& table);
std::string format_latex(const Table& table);

}  // namespace vlsweep
