#include "worker/trainer/model/llama.h"

#include <algorithm>

#include "worker/trainer/model/attention.h"
#include "worker/trainer/model/kernels.h"

namespace vlsweep {

const RopeTable& LlamaDecoder::rope(std::int64_t positions, at::Device device) const {
  rope_.grow(positions, config_.head_dim, config_.rope_theta, device);
  return rope_;
}

at::Tensor LlamaDecoder::decode_packed(const at::Tensor& embeddings,
                                       std::span<const std::int64_t> sequence_lengths,
                                       const DecoderPass& pass) const {
  const std::int64_t longest =
      sequence_lengths.empty() ? 0 : *std::ranges::max_element(sequence_lengths);
  const RopeTable& table = rope(longest, embeddings.device());
  const PackedSequences sequences(sequence_lengths, table.cos, table.sin, embeddings.scalar_type());
  TORCH_CHECK(sequences.rows == embeddings.size(0), "sequences of ", sequences.rows,
              " positions, but embeddings of ", embeddings.size(0));
  at::Tensor x = embeddings;
  for (const LlamaLayer& layer : layers) {
    const at::Tensor qkv =
        layer.qkv(rms_norm(x, layer.input_norm, config_.rms_norm_eps), pass.training);
    x = x + layer.o(packed_attention(qkv, sequences, config_.num_heads, config_.head_dim),
                    pass.training);
    const at::Tensor y = rms_norm(x, layer.post_attention_norm, config_.rms_norm_eps);
    x = x + layer.down(swiglu(layer.gate_up(y, pass.training)), pass.training);
  }
  return rms_norm(x, norm, config_.rms_norm_eps);
}

}  // namespace vlsweep
