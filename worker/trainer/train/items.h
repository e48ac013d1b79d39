// Tokenised samples as training takes them, and the padded batches made of them.
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
};

// A micro-batch: B rows padded on the right to T positions; K positions are supervised, those that
// fill K up to a multiple of kRowsTogether by kIgnoredLabel.
struct TokenBatch {
  at::Tensor ids;                    // [B, T]
  at::Tensor rows;                   // [K] indices into the B*T positions
  at::Tensor targets;                // [K] the ids to be predicted there
  std::vector<std::int64_t> images;  // of the rows that have one, in order
  std::int64_t num_tokens = 0;       // without padding
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

TokenBatch make_batch(const std::vector<TrainItem>& items, std::span<const std::int64_t> indices,
                      at::Device device);

}  // namespace vlsweep
