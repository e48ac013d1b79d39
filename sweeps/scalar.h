// Types a plain YAML scalar by our own rules (see document.h).
#pragma once

#include "sweeps/document.h"

namespace vlsweep {

// Sets kind, boolean, number and text of a scalar; quoted scalars are always texts.
void type_scalar(std::string_view text, bool quoted, Node& node);

}  // namespace vlsweep
