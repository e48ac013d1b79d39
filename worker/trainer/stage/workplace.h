// What a trainer keeps between stages: the last models it loaded, the image features of the last
// towers, the last data sets it read. Everything is known again by what it was made from, so a
// stage gives the same result warm or cold.
//
// Belongs to one thread.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <string>

#include "orchestrator/base/result.h"
#include "worker/data/read.h"
#include "worker/trainer/model/llava.h"
#include "worker/trainer/stage/pretrain_recipe.h"
#include "worker/trainer/stage/sink.h"
#include "worker/trainer/stage/spec.h"
#include "worker/trainer/text/tokenizer.h"
#include "worker/trainer/train/feature_table.h"

namespace vlsweep {

struct LoadedModel {
  std::unique_ptr<Llava> model;
  Tokenizer tokenizer;
  std::string tower;  // digest of the tower's weights and settings; empty: no tower
};

class Workplace {
 public:
  explicit Workplace(at::Device device) : device_(device) {}

  at::Device device() const { return device_; }

  // A model of one's own, to change.
  Result<LoadedModel> load(const std::filesystem::path& folder) const;
  // A model to read, from memory if the folder's files are still those that were loaded.
  Result<std::shared_ptr<const LoadedModel>> warm(const std::filesystem::path& folder);
  // Features for a tower and a way to prepare images; valid until the next call.
  FeatureTable& features(const std::string& tower, ImageMode mode);
  Result<std::shared_ptr<const Dataset>> dataset(const SourceSpec& source);

 private:
  struct Model {
    std::string key;
    std::shared_ptr<const LoadedModel> loaded;
    std::uint64_t bytes;
  };
  struct Table {
    std::string key;
    std::unique_ptr<FeatureTable> features;
  };
  struct Data {
    std::string key;
    std::shared_ptr<const Dataset> dataset;
  };
  void drop_old_models();
  void drop_old_tables();

  at::Device device_;
  // The one used last comes first.
  std::list<Model> models_;
  std::list<Table> tables_;
  std::list<Data> datasets_;
};

// The kinds of stages. They may throw what libtorch throws; StageRunner stops it.
Result<StageOutcome> run_pretrain(const PretrainSpec& spec, const PretrainRecipe& recipe,
                                  const StageRequest& request, Workplace& workplace,
                                  StageSink& sink);
Result<StageOutcome> run_tune(const TuneSpec& spec, const StageRequest& request,
                              Workplace& workplace, StageSink& sink);
Result<StageOutcome> run_respond(const RespondSpec& spec, Workplace& workplace, StageSink& sink);

}  // namespace vlsweep
