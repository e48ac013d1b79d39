// What a tune spec means to the parts of training. Pure functions; safe from any thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "worker/trainer/stage/spec.h"
#include "worker/trainer/train/items.h"
#include "worker/trainer/train/language_step.h"
#include "worker/trainer/train/loop.h"
#include "worker/trainer/train/optimizer.h"

namespace vlsweep {

bool is_frozen(const TuneSpec& spec, std::string_view part);

// Freezes and unfreezes; attaches LoRA. invalid: nothing would be trained.
Result<> choose_trainable(const TuneSpec& spec, VisionLanguageModel& model);

AdamWSettings optimizer_settings(const TuneSpec& spec);
LoopSettings loop_settings(const TuneSpec& spec, std::int64_t batches_per_epoch);
BatchOrder batch_order(const TuneSpec& spec, const std::vector<TrainItem>& items);
StepSettings step_settings(const TuneSpec& spec, bool trains_tower);

// Digest of what a resume state must fit: the spec without its hints, the parents, the very samples
// (`manifest`), the optimizer's buffers.
std::string resume_digest(const StageRequest& request, const nlohmann::json& manifest,
                          const FlatAdamW& optimizer);

}  // namespace vlsweep
