// What the generator gave when kGoldenVersion was its version. To remake them after a wanted
// change: raise kGeneratorVersion and take the values that the failing tests print.
#pragma once

#include <cstdint>

namespace vlsweep {

inline constexpr int kGoldenVersion = 1;
inline constexpr const char* kGoldenManifest =  // SHA-256 of the tiny world's manifest.json
    "180b71a729d769aa47d14b5cbddca9ebf5543283fffdbda804aa141a1fd3ef7d";

inline constexpr std::uint64_t kGolden0 =
    3503615726507031845U;  // the first numbers of Random(0, "golden")
inline constexpr std::uint64_t kGolden1 = 1427486265267832442U;
inline constexpr std::uint64_t kGolden2 = 5143855824410596570U;

}  // namespace vlsweep
