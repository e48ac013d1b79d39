// Tokenised samples as training takes them, and the batches made of them.
//
// Plain values.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <span>
#include <vector>

#include "worker/trainer/text/prompt.h"

namespace vlsweep {

// ids with the image's positions in place, labels as EncodedSample has them (not shifted).
struct TrainItem {
  std::vector<TokenId> ids, labels;
  std::int64_t image = -1;  // id in the FeatureTable, or -1: text only
  std::int64_t words = 1;   // of its turns, between white space: its length to modality_length
};

// Rows of a TokenBatch whose losses have one weight.
struct WeightedRows {
  std::int64_t first = 0, count = 0;
  double weight = 1;
};

// A micro-batch of B samples: padded on the right to T positions each, or packed one behind the
// other. K positions are supervised; of padded batches those that fill K up to a multiple of
// kRowsTogether are by kIgnoredLabel.
struct TokenBatch {
  at::Tensor ids;                       // [B, T]; packed [1, N]
  std::vector<std::int64_t> sequences;  // packed: the samples' lengths, which sum to N; else empty
  at::Tensor rows;                      // [K] indices into the B*T or N positions
  at::Tensor targets;                   // [K] the ids to be predicted there
  std::vector<WeightedRows> weights;    // parts of the K rows, in order
  std::vector<std::int64_t> images;     // of the samples that have one, in order
  std::int64_t num_tokens = 0;          // without padding
};

// A CPU's matrix library compiles a kernel for each shape it meets and keeps it: with any number of
// rows every step would bring new ones.
inline constexpr std::size_t kRowsTogether = 64;
inline constexpr std::size_t kImagesTogether = 16;

// Positions of the item that the model sees: all but the last token, which is only predicted.
inline std::int64_t input_length(const TrainItem& item) {
  return static_cast<std::int64_t>(item.ids.size()) - 1;
}
std::int64_t num_supervised(const TrainItem& item);

// `weights`: of each sample's losses, one per index.
TokenBatch make_batch(const std::vector<TrainItem>& items, std::span<const std::int64_t> indices,
                      std::span<const double> weights, bool packed, at::Device device);

}  // namespace vlsweep
