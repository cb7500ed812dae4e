#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace xylem {

// Why a source did not take a message or an event in. Closed list: each is a label of
// xylem_source_refused_total and is explained in docs/protocol.md §3.
enum class Refusal : std::uint8_t {
  bad_frames,  // not one or two frames
  message_too_large,
  event_too_large,
  too_many_events,
  malformed_json,
  too_deep,
  invalid_utf8,
  not_an_event,      // JSON, but neither an object nor a list of objects
  missing_type,      // no `type`, or not a string
  duplicate_type,    // `type` twice: readers disagree on which counts
  bad_key,           // the type makes no valid routing key, or the key frame is not one
  key_mismatch,      // the key frame is not the key that the event's own type makes
  wrong_identifier,  // one frame, but no XYB1 batch
  malformed_batch,   // the FlatBuffers verifier or our own bounds say no
  content_type,      // AMQP: pickle, YAML, compressed, or what else is not decoded here
  loop,              // AMQP: a relay had published it
};
inline constexpr std::size_t kRefusalCount = 16;

// The label in metrics and logs.
[[nodiscard]] std::string_view name_of(Refusal refusal);

}  // namespace xylem
