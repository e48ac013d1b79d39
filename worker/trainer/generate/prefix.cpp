#include "worker/trainer/generate/prefix.h"

#include <algorithm>

namespace vlsweep {

Content content_of(std::span<const TokenId> ids, TokenId image_token, std::int64_t image) {
  Content content(ids.begin(), ids.end());
  if (image >= 0) std::ranges::replace(content, image_token, -1 - image);
  return content;
}

void PrefixTable::set(std::size_t slot, const Content& content, std::int64_t length) {
  slots_[slot].assign(content.begin(), content.begin() + length);
}

SharedPrefix PrefixTable::longest(std::span<const std::int64_t> content, std::int64_t most) const {
  SharedPrefix best;
  for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
    const std::int64_t length = std::min(common_length(content, slots_[slot]), most);
    if (length > best.length) best = {slot, length};
  }
  return best;
}

std::int64_t common_length(std::span<const std::int64_t> a, std::span<const std::int64_t> b) {
  return std::ranges::mismatch(a, b).in1 - a.begin();
}

}  // namespace vlsweep
