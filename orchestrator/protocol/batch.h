// Several messages in one payload: their variants one after another, nothing in between. So two
// batches joined are a batch, and a transport may join them.
//
// Plain functions: safe from any thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "orchestrator/protocol/message.h"
#include "orchestrator/protocol/variant.h"

namespace vlsweep {

// Message is ToAgent or ToCoordinator.
template <class Message>
std::string encode_batch(const std::vector<Message>& messages) {
  Encoder encoder;
  for (const Message& message : messages) encode_variant(encoder, message);
  return encoder.take();
}

inline std::string encode_one(const ToAgent& message) {
  Encoder encoder;
  encode_variant(encoder, message);
  return encoder.take();
}

inline std::string encode_one(const ToCoordinator& message) {
  Encoder encoder;
  encode_variant(encoder, message);
  return encoder.take();
}

// Calls handle(Message&&) for each message in order, without a list of them; stops at the first
// that does not decode (corrupt), those before it having been handled.
template <class Message, class Handle>
Result<> for_each_message(std::string_view bytes, Handle&& handle) {
  Decoder decoder(bytes);
  while (!decoder.at_end()) {
    VLSWEEP_TRY(Message message, decode_variant<Message>(decoder));
    handle(std::move(message));
  }
  return {};
}

// All messages of a payload; corrupt if any does not decode.
template <class Message>
Result<std::vector<Message>> decode_batch(std::string_view bytes) {
  std::vector<Message> messages;
  VLSWEEP_CHECK_OK(for_each_message<Message>(
      bytes, [&](Message&& message) { messages.push_back(std::move(message)); }));
  return messages;
}

}  // namespace vlsweep
