// What lies in the slots of a cache, so that a prompt that begins as another one did (the same
// image, the same system text, the conversation so far) goes on from its keys and values.
//
// Belongs to one thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "worker/trainer/text/tokenizer.h"

namespace vlsweep {

// What stands at the positions of a sequence: token ids, and at an image's positions a number of
// that image below 0. Equal beginnings have equal keys and values.
using Content = std::vector<std::int64_t>;

Content content_of(std::span<const TokenId> ids, TokenId image_token, std::int64_t image);

struct SharedPrefix {
  std::size_t slot = 0;
  std::int64_t length = 0;
};

class PrefixTable {
 public:
  explicit PrefixTable(std::size_t slots) : slots_(slots) {}

  // The first `length` positions of `content` are now in the slot, and nothing else.
  void set(std::size_t slot, const Content& content, std::int64_t length);
  const Content& content(std::size_t slot) const { return slots_[slot]; }

  // The slot that shares the longest beginning with `content`, of at most `most` positions; the
  // first of several.
  SharedPrefix longest(std::span<const std::int64_t> content, std::int64_t most) const;

 private:
  std::vector<Content> slots_;
};

// Positions that two sequences have in common at their beginnings.
std::int64_t common_length(std::span<const std::int64_t> a, std::span<const std::int64_t> b);

}  // namespace vlsweep
