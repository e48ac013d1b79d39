// What a stage is asked to do: the "run" message of the agent (or a stage.json by hand) and its
// spec, read and checked once, before anything is loaded. See orchestrator/protocol/stage.h for
// what a stage is; the spec's canonical JSON is part of its key, so names here are stable.
//
// Plain values: no thread may share one while another changes it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/base/result.h"
#include "orchestrator/protocol/stage.h"

namespace vlsweep {

// One attempt of one stage. `kind` and `spec` are checked by the reader of that kind below.
struct StageRequest {
  std::uint32_t stage = 0;
  std::uint32_t attempt = 0;
  StageKind kind = StageKind::noop;
  nlohmann::json spec;
  std::vector<std::filesystem::path> parents;  // folders of the parent stages
  std::filesystem::path out;                   // folder to fill
};

struct PretrainSpec {
  std::filesystem::path world;  // folder of the micro-world
  std::uint64_t seed = 0;
  int threads = 1;
};

// A data source of a mixture.
struct SourceSpec {
  std::string name;  // "helpful", "contamination", "safety"
  std::string format;
  std::string part;  // empty: the format's first
  std::filesystem::path annotations;
  std::filesystem::path images;       // empty: the folder that holds the annotations
  std::optional<std::int64_t> count;  // empty: all
};

struct LoraSpec {
  std::int64_t rank = 8;
  double alpha = 16;
  double dropout = 0;
};

enum class Schedule { cosine, linear, constant };

struct TuneSpec {
  std::string role;            // "vision_language", "safety"
  std::filesystem::path base;  // checkpoint folder
  bool base_is_parent = false;
  std::string prompt;      // name of a prompt template
  std::string image_mode;  // "pad", "crop", "plain", "stretch"
  std::vector<SourceSpec> data;
  std::optional<LoraSpec> lora;     // empty: full tuning
  std::vector<std::string> freeze;  // "vision_tower", "projector", "language_model"
  double lr = 0;
  std::optional<double> projector_lr;  // empty: lr
  double beta1 = 0.9, beta2 = 0.999;
  double weight_decay = 0;
  double clip = 0;  // largest gradient norm; 0: no limit
  Schedule schedule = Schedule::cosine;
  double warmup = 0;                  // share of the steps
  std::optional<std::int64_t> steps;  // one of steps and epochs is given
  std::optional<double> epochs;
  std::int64_t batch = 1;
  std::int64_t micro_batch = 1;
  bool bucket_by_length = true;
  std::uint64_t seed = 0;
  int threads = 1;
  bool strict = false;  // a bad sample ends the stage
};

struct SuiteSpec {
  std::string name;
  SourceSpec source;   // its count is `limit`: the first so many, in file order
  std::string suffix;  // appended to the prompt after a space; may be empty
};

struct RespondSpec {
  std::filesystem::path model;  // checkpoint folder
  std::string prompt;
  std::string image_mode;
  SuiteSpec suite;
  std::int64_t max_new_tokens = 16;
  int threads = 1;
};

// Reads a "run" message. invalid: a member is missing, of the wrong type or out of its bounds.
Result<StageRequest> read_request(const nlohmann::json& message);

// Read a request's spec; Error::where says which member is wrong, as in "spec.data[1].format".
Result<PretrainSpec> read_pretrain_spec(const StageRequest& request);
Result<TuneSpec> read_tune_spec(const StageRequest& request);
Result<RespondSpec> read_respond_spec(const StageRequest& request);

}  // namespace vlsweep
