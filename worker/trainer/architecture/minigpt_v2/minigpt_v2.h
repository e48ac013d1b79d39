// MiniGPT-v2: an EVA ViT-g tower, four neighbouring tokens merged into one, a linear projection, a
// LLaMA decoder. Matches Vision-CAIR/MiniGPT-4; the folders that `vlsweep convert minigpt-v2`
// makes.
//
// Free functions; safe from any thread.
#pragma once

#include "worker/trainer/architecture/architecture.h"

namespace vlsweep {

const Architecture& minigpt_v2_architecture();

}  // namespace vlsweep
