#include "orchestrator/base/result.h"

#include <array>

namespace vlsweep {
namespace {

constexpr std::array<std::pair<Errc, std::string_view>, 10> kNames{{
    {Errc::invalid, "invalid"},
    {Errc::not_found, "not_found"},
    {Errc::corrupt, "corrupt"},
    {Errc::io, "io"},
    {Errc::busy, "busy"},
    {Errc::out_of_memory, "out_of_memory"},
    {Errc::diverged, "diverged"},
    {Errc::cancelled, "cancelled"},
    {Errc::unavailable, "unavailable"},
    {Errc::internal, "internal"},
}};

}  // namespace

std::string_view errc_name(Errc code) {
  for (const auto& [value, name] : kNames)
    if (value == code) return name;
  return "internal";
}

Errc errc_from_name(std::string_view name) {
  for (const auto& [value, known] : kNames)
    if (known == name) return value;
  return Errc::internal;
}

}  // namespace vlsweep
