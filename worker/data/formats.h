// One reader per format; read.cpp picks. Each reads source.annotations and trusts source.part and
// source.images, which read_dataset has checked.
//
// Free functions: safe from any thread.
#pragma once

#include "orchestrator/base/result.h"
#include "worker/data/read.h"

namespace vlsweep {

Result<Dataset> read_llava(const DataSource& source);
Result<Dataset> read_vlguard(const DataSource& source);
Result<Dataset> read_advbench(const DataSource& source);
Result<Dataset> read_xstest(const DataSource& source);
Result<Dataset> read_figstep(const DataSource& source);

}  // namespace vlsweep
