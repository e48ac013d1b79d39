#include "worker/trainer/train/modality_order.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>
#include <utility>

namespace vlsweep {
namespace {

using Indices = std::vector<std::int64_t>;

std::int64_t length_of(const Indices& lengths, std::int64_t index) {
  return lengths[static_cast<std::size_t>(index)];
}

std::vector<Indices> cut(const Indices& indices, std::int64_t size) {
  std::vector<Indices> pieces;
  for (auto at = indices.begin(); at != indices.end();) {
    const auto end = at + std::min<std::ptrdiff_t>(size, indices.end() - at);
    pieces.emplace_back(at, end);
    at = end;
  }
  return pieces;
}

void append(Indices& all, const Indices& more) { all.insert(all.end(), more.begin(), more.end()); }

// split_to_even_chunks: the next index goes to the shortest chunk that is not full.
Indices in_even_chunks(const Indices& indices, const Indices& lengths, std::int64_t num_chunks) {
  const auto chunks = static_cast<std::size_t>(num_chunks);
  std::vector<Indices> parts(chunks);
  if (indices.size() % chunks != 0) {
    for (std::size_t i = 0; i < indices.size(); ++i) parts[i % chunks].push_back(indices[i]);
  } else {
    std::vector<std::int64_t> sums(chunks, 0);
    for (const std::int64_t index : indices) {
      const auto shortest = static_cast<std::size_t>(std::ranges::min_element(sums) - sums.begin());
      parts[shortest].push_back(index);
      sums[shortest] += length_of(lengths, index);
      if (parts[shortest].size() == indices.size() / chunks)
        sums[shortest] = std::numeric_limits<std::int64_t>::max();
    }
  }
  Indices all;
  for (const Indices& part : parts) append(all, part);
  return all;
}

// get_length_grouped_indices.
Indices length_order(const Indices& lengths, std::int64_t batch_size, std::int64_t world_size,
                     std::mt19937& generator) {
  const Indices shuffled = torch_permutation(static_cast<std::int64_t>(lengths.size()), generator);
  Indices all;
  for (Indices& megabatch : cut(shuffled, world_size * batch_size)) {
    std::ranges::stable_sort(megabatch, std::greater(),
                             [&](std::int64_t i) { return length_of(lengths, i); });
    append(all, in_even_chunks(megabatch, lengths, world_size));
  }
  return all;
}

// The samples of one modality.
struct Modality {
  Indices indices, lengths;

  // Their order as indices into all samples, in megabatches; the last is taken out.
  std::pair<std::vector<Indices>, Indices> megabatches(std::int64_t batch_size,
                                                       std::int64_t world_size,
                                                       std::mt19937& generator) const {
    Indices order = length_order(lengths, batch_size, world_size, generator);
    for (std::int64_t& index : order) index = length_of(indices, index);
    auto pieces = cut(order, world_size * batch_size);
    Indices last = std::move(pieces.back());
    pieces.pop_back();
    return {std::move(pieces), std::move(last)};
  }
};

// Whether a code point is white space to Python's str.split.
bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

// The code point at the front of UTF-8 text, which is taken off; of broken text a byte.
char32_t take_code_point(std::string_view& text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  const std::size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (lead < 0x80 || lead < 0xC0 || text.size() < size) {
    text.remove_prefix(1);
    return lead < 0x80 ? lead : 0xFFFD;
  }
  char32_t point = lead & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) point = (point << 6) | (byte(i) & 0x3FU);
  text.remove_prefix(size);
  return point;
}

}  // namespace

std::vector<std::int64_t> torch_permutation(std::int64_t size, std::mt19937& generator) {
  Indices order(static_cast<std::size_t>(size));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  for (std::size_t i = 0; i + 1 < order.size(); ++i)
    std::swap(order[i], order[i + generator() % (order.size() - i)]);
  return order;
}

std::vector<std::int64_t> modality_length_order(const std::vector<std::int64_t>& lengths,
                                                std::int64_t batch_size, std::int64_t world_size,
                                                std::mt19937& inner, std::mt19937& outer) {
  Modality images, texts;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    Modality& modality = lengths[i] > 0 ? images : texts;
    modality.indices.push_back(static_cast<std::int64_t>(i));
    modality.lengths.push_back(std::abs(lengths[i]));
  }
  // Of one modality the official code sorts the lengths as they are: text, below 0, shortest first.
  if (images.indices.empty() || texts.indices.empty())
    return length_order(lengths, batch_size, world_size, outer);
  auto [megabatches, last] = images.megabatches(batch_size, world_size, inner);
  auto [of_text, last_text] = texts.megabatches(batch_size, world_size, inner);
  for (Indices& each : of_text) megabatches.push_back(std::move(each));
  append(last, last_text);
  std::ranges::sort(last);
  Indices all;
  for (const std::int64_t i :
       torch_permutation(static_cast<std::int64_t>(megabatches.size()), outer))
    append(all, megabatches[static_cast<std::size_t>(i)]);
  append(all, last);
  return all;
}

std::int64_t count_words(std::string_view text) {
  std::int64_t words = 0;
  bool within = false;
  while (!text.empty()) {
    const bool space = is_space(take_code_point(text));
    words += !space && !within;
    within = !space;
  }
  return words;
}

}  // namespace vlsweep
