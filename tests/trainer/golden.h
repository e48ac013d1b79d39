// Reading the golden files of tests/trainer/golden (made by make_golden.py); for tests alone.
#pragma once

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "worker/trainer/format/safetensors.h"
#include "worker/trainer/model/checkpoint.h"
#include "worker/trainer/model/tensor_io.h"

namespace vlsweep::golden {

// The models are tiny: more threads only wait for each other.
inline const bool kOneThread = (at::set_num_threads(1), true);

inline std::filesystem::path folder(const std::string& name) {
  return std::filesystem::path(VLSWEEP_SOURCE_DIR) / "tests/trainer/golden" / name;
}

inline nlohmann::json read_json(const std::filesystem::path& path) {
  std::ifstream file(path);
  return nlohmann::json::parse(file);
}

// The same numbers as make_golden.py's pixels().
inline at::Tensor pixels(std::int64_t n, std::int64_t size) {
  std::vector<float> values(static_cast<std::size_t>(n * 3 * size * size));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto x = static_cast<double>(i);
    values[i] = static_cast<float>(std::sin(0.37 * x + 0.001 * x * x));
  }
  return at::tensor(values).view({n, 3, size, size});
}

inline at::Tensor tensor(const std::filesystem::path& path, const std::string& name) {
  auto file = SafetensorsFile::open(path);
  EXPECT_TRUE(file) << file.error().text();
  const TensorView* view = file->find(name);
  EXPECT_NE(view, nullptr) << name;
  return tensor_of(*view).clone();
}

inline at::Tensor ids(const nlohmann::json& rows) {
  std::vector<at::Tensor> tensors;
  for (const auto& row : rows) {
    tensors.push_back(at::tensor(row.get<std::vector<std::int64_t>>(), at::kLong));
  }
  return at::stack(tensors);
}

inline std::unique_ptr<VisionLanguageModel> load(const std::filesystem::path& path) {
  auto model = load_checkpoint(path, at::kFloat, at::kCPU);
  EXPECT_TRUE(model) << model.error().text();
  return model ? std::move(*model) : nullptr;
}

// Logits [B, T, V] of a batch padded on the right; `images` undefined for a LLaMA alone.
inline at::Tensor logits(const VisionLanguageModel& model, const at::Tensor& tokens,
                         const at::Tensor& images) {
  at::Tensor projected;
  if (images.defined()) projected = model.project(model.image_features(images));
  return model.logits(model.decode(model.embed(tokens, projected)));
}

// The largest difference over the rows' own positions.
inline double difference(const at::Tensor& found, const at::Tensor& wanted,
                         const std::vector<std::int64_t>& lengths) {
  double largest = 0;
  for (std::size_t b = 0; b < lengths.size(); ++b) {
    const auto row = static_cast<std::int64_t>(b);
    const at::Tensor gap =
        found[row].narrow(0, 0, lengths[b]) - wanted[row].narrow(0, 0, lengths[b]);
    largest = std::max(largest, gap.abs().max().item<double>());
  }
  return largest;
}

// Mean cross-entropy over the labels that are not -100, as transformers computes it.
inline at::Tensor loss(const VisionLanguageModel& model, const at::Tensor& tokens,
                       const at::Tensor& labels, const at::Tensor& images) {
  const at::Tensor all = logits(model, tokens, images);
  const at::Tensor shifted = all.narrow(1, 0, all.size(1) - 1).flatten(0, 1);
  return at::cross_entropy_loss(shifted, labels.narrow(1, 1, labels.size(1) - 1).flatten(), {},
                                at::Reduction::Mean, -100);
}

}  // namespace vlsweep::golden
