#include "storage/hdf5_envelope.h"

#include <array>
#include <cinttypes>
#include <cstdint>
#include <cstdio>

#include "orchestrator/base/file.h"

namespace vlsweep::hdf5 {
namespace {

constexpr const char* kFormat = "vlsweep-hdf5 1\nbytes %" PRIu64 "\ncrc32c %08" PRIx32 "\n";

std::string header(std::uint64_t bytes, std::uint32_t crc) {
  std::array<char, kEnvelopeBytes> text{};
  std::snprintf(text.data(), text.size(), kFormat, bytes, crc);
  return std::string(text.data(), text.size());
}

}  // namespace

std::string envelope_of(std::string_view image) { return header(image.size(), crc32c(image)); }

Result<std::string_view> open_envelope(std::string_view file_bytes,
                                       const std::filesystem::path& path) {
  constexpr std::string_view kMagic = "vlsweep-hdf5 1\n";
  if (!file_bytes.starts_with(kMagic))
    return fail(Errc::corrupt, "is not an HDF5 file that vlsweep wrote", path.string());
  std::uint64_t bytes = 0;
  const std::string text(file_bytes.substr(0, kEnvelopeBytes));
  if (text.size() < kEnvelopeBytes ||
      std::sscanf(text.c_str(), "vlsweep-hdf5 1\nbytes %" SCNu64, &bytes) != 1)
    return fail(Errc::corrupt, "is damaged: its first 512 bytes do not read back", path.string());
  const std::string_view image = file_bytes.substr(kEnvelopeBytes);
  if (image.size() != bytes)
    return fail(Errc::corrupt,
                "is damaged: it has " + std::to_string(image.size()) + " bytes of data where " +
                    std::to_string(bytes) + " were written",
                path.string());
  if (text != header(bytes, crc32c(image)))
    return fail(Errc::corrupt, "is damaged: its checksum does not match", path.string());
  if (image.empty()) return fail(Errc::corrupt, "is damaged: it holds no data", path.string());
  return image;
}

}  // namespace vlsweep::hdf5
