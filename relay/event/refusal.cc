#include "relay/event/refusal.h"

namespace xylem {

std::string_view name_of(Refusal refusal) {
  switch (refusal) {
    case Refusal::bad_frames: return "bad_frames";
    case Refusal::message_too_large: return "message_too_large";
    case Refusal::event_too_large: return "event_too_large";
    case Refusal::too_many_events: return "too_many_events";
    case Refusal::malformed_json: return "malformed_json";
    case Refusal::too_deep: return "too_deep";
    case Refusal::invalid_utf8: return "invalid_utf8";
    case Refusal::not_an_event: return "not_an_event";
    case Refusal::missing_type: return "missing_type";
    case Refusal::duplicate_type: return "duplicate_type";
    case Refusal::bad_key: return "bad_key";
    case Refusal::key_mismatch: return "key_mismatch";
    case Refusal::wrong_identifier: return "wrong_identifier";
    case Refusal::malformed_batch: return "malformed_batch";
    case Refusal::content_type: return "content_type";
    case Refusal::loop: return "loop";
  }
  return "unknown";
}

}  // namespace xylem
