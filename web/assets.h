// The files of the page, embedded at build by embed.cmake: the server needs nothing beside it and
// the page asks nothing of any other host. Constant; safe from any thread.
#pragma once

#include <span>
#include <string_view>

namespace vlsweep {

struct Asset {
  std::string_view path;  // as requested: "/app.js"
  std::string_view type;  // its content type
  std::string_view bytes;
};

std::span<const Asset> assets();

}  // namespace vlsweep
