// The text of refusal_phrases_vlguard.txt, one phrase a line, put into the program at build time.
//
// A constant: safe from any thread.
#pragma once

#include <string_view>

namespace vlsweep {

// The 63 phrases (59 different ones) of ys-zong/VLGuard, utils/utils.py, in its order.
std::string_view vlguard_refusal_phrases();

}  // namespace vlsweep
