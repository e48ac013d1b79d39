// What the generator gave when kGoldenVersion was its version. To remake them after a wanted change:
// raise kGeneratorVersion and take the values that the failing tests print.
#pragma once

#include <cstdint>

namespace vlsweep {

inline constexpr int kGoldenVersion = 1;
inline constexpr const char* kGoldenManifest =  // SHA-256 of the tiny world's manifest.json
    "bb0a9f5525cbfc689fa3bb8dca8ff86e5344548b3e8d2e9f03757845301d9ead";

inline constexpr std::uint64_t kGolden0 = 3503615726507031845U;  // the first numbers of Random(0, "golden")
inline constexpr std::uint64_t kGolden1 = 1427486265267832442U;
inline constexpr std::uint64_t kGolden2 = 5143855824410596570U;

}  // namespace vlsweep
