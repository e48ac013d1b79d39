// result.json: what the store keeps of a finished stage beside its files: the StageResult, the
// length of each file, and a checksum over both.
//
// Free functions, safe from any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "orchestrator/base/result.h"
#include "orchestrator/protocol/stage.h"

namespace vlsweep {

inline constexpr const char* kStageRecordName = "result.json";

struct StageRecord {
  Key key;
  StageResult result;
  std::map<std::string, std::uint64_t> files;  // relative path -> bytes, result.json left out
};

std::string stage_record_to_json(const StageRecord& record);
// corrupt: not what stage_record_to_json writes, or its checksum does not match.
Result<StageRecord> stage_record_from_json(std::string_view text);

// Every file below the folder with its length; invalid if there is a link, a device or the like.
Result<std::map<std::string, std::uint64_t>> list_files(const std::filesystem::path& folder);

// Reads FOLDER/result.json, wants it to be of this key and each file to have its length.
// not_found: there is no such folder; corrupt: it is not as it was published.
Result<StageResult> read_stage_folder(const std::filesystem::path& folder, const Key& key);

}  // namespace vlsweep
