// The PNG encoder of picture.h. A whole picture fits one stored block of deflate (RFC 1951).
#include <zlib.h>

#include "worker/microworld/picture.h"

namespace vlsweep {
namespace {

void append_u32(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(value >> shift & 255));
}

const Bytef* bytes_of(const char* text) { return reinterpret_cast<const Bytef*>(text); }

void append_chunk(std::string& out, std::string_view type, std::string_view data) {
  append_u32(out, static_cast<std::uint32_t>(data.size()));
  const std::size_t begin = out.size();
  out += type;
  out += data;
  const auto length = static_cast<uInt>(out.size() - begin);
  append_u32(out, static_cast<std::uint32_t>(crc32(0, bytes_of(out.data() + begin), length)));
}

// Each row behind its filter byte, 0: none.
std::string scan_lines(const Picture& picture) {
  constexpr std::size_t kRow = kPictureSize * 3;
  std::string lines;
  lines.reserve(kPictureSize * (kRow + 1));
  for (std::size_t y = 0; y < kPictureSize; ++y) {
    lines.push_back('\0');
    lines.append(reinterpret_cast<const char*>(picture.rgb.data()) + y * kRow, kRow);
  }
  return lines;
}

std::string zlib_stored(const std::string& data) {
  const auto length = static_cast<unsigned>(data.size());  // below 65536: one block
  const unsigned inverse = ~length;
  std::string out("\x78\x01\x01", 3);  // zlib header without compression; the last block, stored
  for (const unsigned value : {length, length >> 8, inverse, inverse >> 8}) {
    out.push_back(static_cast<char>(value & 255));
  }
  out += data;
  append_u32(out, static_cast<std::uint32_t>(adler32(1, bytes_of(data.data()), length)));
  return out;
}

}  // namespace

std::string encode_png(const Picture& picture) {
  static_assert(kPictureSize * (kPictureSize * 3 + 1) < 65536);
  std::string header;
  append_u32(header, kPictureSize);
  append_u32(header, kPictureSize);
  header.append("\x08\x02\x00\x00\x00", 5);  // 8 bits, RGB, deflate, adaptive filters, no interlace
  std::string png("\x89PNG\r\n\x1A\n", 8);
  append_chunk(png, "IHDR", header);
  append_chunk(png, "IDAT", zlib_stored(scan_lines(picture)));
  append_chunk(png, "IEND", "");
  return png;
}

}  // namespace vlsweep
