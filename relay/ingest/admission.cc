#include "relay/ingest/admission.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "relay/base/check.h"
#include "relay/base/log.h"
#include "relay/codec/batch_codec.h"
#include "relay/codec/batch_split.h"
#include "relay/event/routing_key.h"

namespace xylem {

namespace {

// Whether each event's sequence will be next to its neighbour's: with holes in the positions they
// would reach into those of later batches. And no key is there that no event has: it would cost
// every filter a look.
bool is_as_written_here(const Batch& batch) {
  return batch.entries().back().position + 1 == batch.size() &&
         std::all_of(batch.keys().begin(), batch.keys().end(),
                     [](const BatchKey& key) { return key.events != 0; });
}

}  // namespace

Admission::Admission(const Options& options, Refused& refused, Outlet& outlet)
    : options_(options),
      refused_(refused),
      outlet_(outlet),
      json_(options.limits),
      shape_check_(options.limits),
      builder_(options.batch_bytes_full, options.limits.frame()),
      shaper_(builder_),
      message_(options.limits.message_bytes_max) {}

void Admission::refuse(Refusal why, std::string_view key, const Bulk& bulk) {
  figures_.refuse(why, bulk.events);
  refused_.on_refused(why, key, bulk.bytes);
}

std::string Admission::expected(Refusal why, std::size_t bytes) const {
  switch (why) {
    case Refusal::bad_frames:
    case Refusal::wrong_identifier:
      return "two frames, [routing key][JSON], or one that is a batch";
    case Refusal::message_too_large:
      if (bytes <= options_.limits.message_bytes_max) {  // but not as JSON
        return fmt::format("a batch of at most {} bytes of JSON (8 times push.message_bytes_max)",
                           options_.limits.frame().json_bytes_max());
      }
      return fmt::format("at most {} bytes (push.message_bytes_max)",
                         options_.limits.message_bytes_max);
    case Refusal::event_too_large:
      return fmt::format("events of at most {} bytes (push.event_bytes_max)",
                         options_.limits.event_bytes_max);
    case Refusal::too_many_events:
      return fmt::format("at most {} events in a list, {} in a batch", kEventsPerListMax,
                         kEventsPerBatchMax);
    case Refusal::malformed_json: return "JSON (RFC 8259)";
    case Refusal::too_deep: return fmt::format("JSON at most {} deep", kJsonDepthMax);
    case Refusal::invalid_utf8: return "UTF-8";
    case Refusal::not_an_event: return "a JSON object with a type, or a list of them";
    case Refusal::missing_type: return "a type that is a text and not empty";
    case Refusal::duplicate_type: return "one type";
    case Refusal::bad_key:
      return fmt::format(
          "a routing key of at most {} bytes and {} words, without control characters",
          kRoutingKeyBytesMax, kKeyWordsMax);
    case Refusal::key_mismatch:
      return fmt::format("'{}', the key that the event's type makes, or none", printable(key_));
    case Refusal::malformed_batch: return "a sound batch (docs/protocol.md §4)";
    case Refusal::content_type: return "JSON or msgpack, not compressed";
    case Refusal::loop: return "events that no relay has published";
  }
  return {};
}

// Leaves the event's key in key_, or says why it has none. `given` is the key frame, or empty.
std::optional<Refusal> Admission::key_of_event(const JsonEvent& event, std::string_view given) {
  if (!event.accepted) return event.refusal;
  key_.clear();
  append_key_of_type(event.type, key_);
  if (!is_routing_key(key_)) return Refusal::bad_key;
  if (!given.empty() && given != key_) return Refusal::key_mismatch;
  return std::nullopt;
}

void Admission::admit_json(std::string_view key, std::string_view body) {
  if (key.size() + body.size() > options_.limits.message_bytes_max) {
    return refuse(Refusal::message_too_large, key, {key.size() + body.size(), 0});
  }
  if (builder_.full() || !builder_.has_room(body.size())) flush();
  // The look at a text goes past its end.
  char* copy = reinterpret_cast<char*>(message_.begin());
  std::memcpy(copy, body.data(), body.size());
  const std::string_view text(copy, body.size());
  if (admit_known_shapes(key, text)) return;
  if (const auto scan = json_.scan(text)) {
    admit_scanned(key, text, **scan);
  } else {
    refuse(scan.error(), key, {body.size(), 0});
  }
}

// True if all of the text is events of shapes that were seen before, nothing is wrong with them,
// and the batch at hand has room for all; then they are taken. Otherwise none is.
bool Admission::admit_known_shapes(std::string_view key, std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto skip_spaces = [&] {
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) ++at;
  };
  const auto skip = [&](char c) {
    skip_spaces();
    return at < end && *at == c && (++at, true);
  };
  std::size_t taken = 0;
  const auto take = [&](std::string_view wanted_key) {
    skip_spaces();
    const Shaper::Taken* event = taken < kEventsPerListMax ? shaper_.take(at, end) : nullptr;
    if (event == nullptr || (!wanted_key.empty() && event->key != wanted_key) ||
        static_cast<std::size_t>(event->end - at) > options_.limits.event_bytes_max) {
      return false;
    }
    ++taken;
    at = event->end;
    return true;
  };
  bool fine = false;
  if (skip('[')) {
    while ((fine = take({})) && skip(',')) {
    }
    fine = fine && skip(']');
  } else {
    fine = take(key);
  }
  skip_spaces();
  if (!fine || at != end) {
    shaper_.rollback();
    return false;
  }
  shaper_.commit();
  figures_.accepted_events += taken;
  return true;
}

void Admission::admit_scanned(std::string_view key, std::string_view text,
                              const CeleryJson::Scan& scan) {
  for (const JsonEvent& event : scan.events) {
    const auto refusal = key_of_event(event, scan.is_list ? std::string_view() : key);
    if (refusal) {
      refuse(*refusal, key, {event.length, 1});
      continue;
    }
    add(key_, text.substr(event.offset, event.length), event.timestamp_us);
    ++figures_.accepted_events;
  }
}

// An event that was held against everything, with slack behind its text.
void Admission::add(std::string_view key, std::string_view event, std::int64_t timestamp_us) {
  if (!builder_.has_room(event.size())) flush();
  const auto take = [&] {
    const Shaper::Taken* taken = shaper_.take(event.data(), event.data() + event.size());
    const bool whole = taken != nullptr && taken->end == event.data() + event.size();
    whole ? shaper_.commit() : shaper_.rollback();
    return whole;
  };
  if (take() || (shaper_.teach(event, key) && take())) return;
  std::memcpy(builder_.place(event.size()), event.data(), event.size());
  builder_.add(key, event.size(), timestamp_us);
}

std::optional<Refusal> Admission::check_body(std::string_view body, std::string_view key) {
  if (!is_routing_key(key)) return Refusal::bad_key;
  if (body.size() > options_.limits.event_bytes_max) return Refusal::event_too_large;
  const auto scan = json_.scan(body);
  if (!scan) return scan.error();
  if ((*scan)->is_list || (*scan)->events.size() != 1) return Refusal::not_an_event;
  return key_of_event((*scan)->events.front(), key);
}

void Admission::admit_batch(std::span<const std::byte> frame) {
  auto batch = read_batch(frame, options_.limits);
  if (!batch) return refuse(batch.error(), "", {frame.size(), 0});
  admit_batch(std::move(*batch));
}

void Admission::admit_batch(std::unique_ptr<Batch> batch) {
  if (batch->is_shaped()) {
    if (const auto refusal = shape_check_.refusal_of(*batch)) {
      return refuse(*refusal, "", {batch->frame().size(), batch->size()});
    }
  }
  flush();  // what came before goes before
  wanted_.assign(batch->size(), true);
  std::size_t good = batch->size();
  const auto refuse_event = [&](std::size_t entry, Refusal why, std::size_t bytes) {
    refuse(why, batch->key_of(batch->entries()[entry]), {bytes, 1});
    wanted_[entry] = false;
    --good;
  };
  for (std::size_t i = 0; i < batch->size(); ++i) {
    const EventEntry& entry = batch->entries()[i];
    if (entry.shape != 0) continue;
    const std::string_view body = batch->body_of(entry);
    if (const auto why = check_body(body, batch->key_of(entry))) refuse_event(i, *why, body.size());
  }
  if (batch->is_shaped()) {
    for (const auto& [entry, bytes] : shape_check_.too_large())
      refuse_event(entry, Refusal::event_too_large, bytes);
  }
  figures_.accepted_events += good;
  if (good == 0) return;
  if (good == batch->size() && is_as_written_here(*batch)) {
    return outlet_.on_batch(std::move(batch));
  }
  Split parts = split(*batch, wanted_, options_.limits.frame(), Positions::counted);
  XYLEM_CHECK(parts.too_large == 0, "an event within its limit has room in a frame");
  for (auto& part : parts.batches) outlet_.on_batch(std::move(part));
}

void Admission::flush() {
  if (!builder_.empty()) outlet_.on_batch(builder_.finish());
}

}  // namespace xylem
