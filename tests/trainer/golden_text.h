// Texts of the golden files: {"text": ...}, or {"hex": ...} for bytes that are no UTF-8; for tests.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace vlsweep {

inline std::string text_of(const nlohmann::json& entry) {
  if (entry.contains("text")) return entry["text"].get<std::string>();
  const auto hex = entry["hex"].get<std::string>();
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

}  // namespace vlsweep
