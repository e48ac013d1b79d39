// JSON objects out of foreign files: bounded, without exceptions, duplicate keys and deep nesting
// refused. Free functions, safe from any thread; for .cpp files of the trainer (nlohmann/json).
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "orchestrator/base/result.h"

namespace vlsweep {

inline constexpr std::uint64_t kMaxConfigBytes = 1 << 20;

// `where` is the file (for the error). Anything but one JSON object is `invalid`.
Result<nlohmann::json> parse_json_object(std::string_view text, const std::string& where);
Result<nlohmann::json> read_json_object(const std::filesystem::path& path, std::uint64_t max_bytes);

// Member KEY of an object as a number, flag or text; `fallback` where it is absent or null; an
// error that names file and field where it has another type or is out of [least, most].
Result<std::int64_t> json_integer(const nlohmann::json& object, std::string_view key,
                                  std::int64_t fallback, std::int64_t least, std::int64_t most,
                                  const std::string& where);
Result<double> json_number(const nlohmann::json& object, std::string_view key, double fallback,
                           const std::string& where);
Result<bool> json_flag(const nlohmann::json& object, std::string_view key, bool fallback,
                       const std::string& where);
Result<std::string> json_text(const nlohmann::json& object, std::string_view key,
                              std::string_view fallback, const std::string& where);

// Member KEY when it is there and not null.
const nlohmann::json* json_member(const nlohmann::json& object, std::string_view key);

}  // namespace vlsweep
