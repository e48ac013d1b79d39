// The content-addressed store of finished stages: `FOLDER/stages/<2 hex>/<64 hex key>/`, each
// complete or absent, never changed once it is there. A stage is prepared in `FOLDER/tmp/`, flushed
// to the disk and renamed to its place; of two that prepare the same key, the first one wins.
//
// Store is a value without open handles: copy it freely, use it from any thread and any number of
// processes, on local and network file systems (it needs rename, not locks).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "orchestrator/base/result.h"
#include "orchestrator/protocol/stage.h"

namespace vlsweep {

class Store {
 public:
  // Creates the folder if need be. io: it cannot be written.
  static Result<Store> open(const std::filesystem::path& folder);
  // Names the folder without touching the disk, for readers.
  static Store at(std::filesystem::path folder) { return Store(std::move(folder)); }

  const std::filesystem::path& folder() const { return folder_; }
  // Where the stage lies, or would lie.
  std::filesystem::path stage_folder(const Key& key) const;

  // The finished stage's result, or nothing if the store has none. A stage that does not read back
  // as it was written (result.json damaged, a file missing or of another length) is logged
  // ("store_damaged"), moved aside to FOLDER/damaged/ and counts as absent.
  Result<std::optional<StageResult>> find(const Key& key) const;

  // The same without moving anything: a damaged stage is `corrupt`. For readers.
  Result<std::optional<StageResult>> read(const Key& key) const;

  // An empty folder of this process to fill: FOLDER/tmp/<key>.<pid>.<attempt>/.
  Result<std::filesystem::path> prepare(const Key& key, std::uint32_t attempt) const;

  // Writes result.json (with `bytes` set to the folder's size) into a prepared folder, flushes
  // every file and folder of it and renames it to its place. If the place was taken meanwhile, the
  // prepared folder is dropped and the present stage's result is returned.
  Result<StageResult> publish(const std::filesystem::path& prepared, const Key& key,
                              const StageResult& result) const;

  // Drops a prepared folder (a failed or cancelled attempt). It is no error if it is not there.
  Result<> discard(const std::filesystem::path& prepared) const;

  // Where a stage that can be interrupted keeps what it goes on from, whoever runs it next:
  // FOLDER/resume/<key>/. Not made here; gone once the stage is published.
  std::filesystem::path state_folder(const Key& key) const;
  Result<> discard_state(const Key& key) const;
  // Removes the states of stages that are in the store. Returns how many.
  Result<std::uint64_t> remove_stale_states() const;

  // Removes the prepared folders of processes that live no more: those of this host at once, those
  // of other hosts when nothing in them changed for a week. Returns how many.
  Result<std::uint64_t> remove_leftovers() const;

 private:
  explicit Store(std::filesystem::path folder) : folder_(std::move(folder)) {}
  std::filesystem::path folder_;
};

}  // namespace vlsweep
