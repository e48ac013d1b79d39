// LLaVA's order of samples (group_by_modality_length): megabatches of images alone or of text
// alone, each of about one length. Matches get_modality_length_grouped_indices of LLaVA's
// llava/train/llava_trainer.py number for number; std::mt19937 is the generator behind
// torch.randperm on a CPU. No libtorch.
//
// Free functions; safe from any thread, one per generator.
#pragma once

#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

namespace vlsweep {

// torch.randperm(size): Fisher-Yates from the front, 32 bits a draw. `size` below 2^32.
std::vector<std::int64_t> torch_permutation(std::int64_t size, std::mt19937& generator);

// `lengths`: none is 0; above 0 a sample with an image, below 0 one of text. A step takes
// world_size * batch_size samples. `inner` shuffles the samples, `outer` the megabatches; in the
// official script both are torch's global generator.
std::vector<std::int64_t> modality_length_order(const std::vector<std::int64_t>& lengths,
                                                std::int64_t batch_size, std::int64_t world_size,
                                                std::mt19937& inner, std::mt19937& outer);

// len(text.split()) in Python: runs of what is not white space (Unicode's); UTF-8.
std::int64_t count_words(std::string_view text);

}  // namespace vlsweep
