// What the readers of the kinds of specs share. For stage/*spec.cpp alone.
//
// Free functions; one thread per JsonFields.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "worker/trainer/stage/json_fields.h"
#include "worker/trainer/stage/spec.h"

namespace vlsweep {

inline constexpr std::int64_t kMaxSpecCount = std::int64_t{1} << 40;

int read_threads(JsonFields& fields);
std::uint64_t read_seed(JsonFields& fields);
// float32 where the member is missing.
NumberType read_dtype(JsonFields& fields);
void check_recipe(JsonFields& fields);

// {"parent": i} is the checkpoint of a parent stage; {"@path", "digest"} a folder of its own.
Result<std::filesystem::path> read_model(const nlohmann::json& reference, const std::string& place,
                                         const StageRequest& request);

// What a data source of a mixture and a suite have in common: name, format, part, files, digest.
void read_source_files(JsonFields& fields, SourceSpec& source);

}  // namespace vlsweep
