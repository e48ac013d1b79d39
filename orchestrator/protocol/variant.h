// Encodes and decodes a std::variant of wire structs: one tag byte, then the alternative's fields.
// Used for messages and for journal records; an unknown tag or a short body is `corrupt`.
#pragma once

#include <variant>

#include "orchestrator/protocol/wire.h"

namespace vlsweep {

template <class... T>
void encode_variant(Encoder& encoder, const std::variant<T...>& value) {
  encoder(static_cast<std::uint8_t>(value.index()));
  std::visit([&](const auto& alternative) { encoder(alternative); }, value);
}

namespace variant_detail {
template <class V, std::size_t I = 0>
bool decode_alternative(Decoder& decoder, std::uint8_t tag, V& value) {
  if constexpr (I < std::variant_size_v<V>) {
    if (tag != I) return decode_alternative<V, I + 1>(decoder, tag, value);
    decoder(value.template emplace<I>());
    return decoder.ok();
  } else {
    return false;
  }
}
}  // namespace variant_detail

// Reads one value; several may follow one another in a frame (see Decoder::at_end).
template <class V>
Result<V> decode_variant(Decoder& decoder) {
  std::uint8_t tag = 0;
  decoder(tag);
  V value;
  if (!decoder.ok() || !variant_detail::decode_alternative(decoder, tag, value))
    return fail(Errc::corrupt, "a record does not decode (tag " + std::to_string(tag) + ")");
  return value;
}

}  // namespace vlsweep
