# What the trainer does with its model: trainer_spec (specs, orders; no libtorch), trainer_stages
# (training, decoding, stages; libtorch), trainer_serve (messages; no libtorch), and the program.
add_library(trainer_spec STATIC
  stage/json_fields.cpp
  stage/respond_spec.cpp
  stage/spec.cpp
  stage/tune_spec.cpp
  stage/world_text.cpp
  train/batches.cpp
  train/memory.cpp
  train/schedule.cpp
  train/selection.cpp)
target_link_libraries(trainer_spec PUBLIC base protocol nlohmann_json::nlohmann_json)

add_library(trainer_stages STATIC
  generate/generate.cpp
  stage/pretrain.cpp
  stage/respond.cpp
  stage/mixture.cpp
  stage/runner.cpp
  stage/tower_phase.cpp
  stage/tune.cpp
  stage/workplace.cpp
  train/feature_table.cpp
  train/items.cpp
  train/language_step.cpp
  train/loop.cpp
  train/micro_batches.cpp
  train/optimizer.cpp)
target_link_libraries(trainer_stages PUBLIC trainer_spec trainer_model data)
target_precompile_headers(trainer_stages REUSE_FROM trainer_model)

add_library(trainer_serve STATIC serve/report.cpp serve/server.cpp)
target_link_libraries(trainer_serve PUBLIC trainer_spec frame PRIVATE trainer_stages)

add_executable(vlsweep-trainer main.cpp)
target_link_libraries(vlsweep-trainer PRIVATE trainer_serve)
target_compile_definitions(vlsweep-trainer PRIVATE VLSWEEP_VERSION="${PROJECT_VERSION}")
