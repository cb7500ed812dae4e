#include "relay/ingest/admission.h"

#include <cstring>

#include "relay/codec/batch_codec.h"
#include "relay/event/routing_key.h"

namespace xylem {

Admission::Admission(const Options& options, Refused& refused, Outlet& outlet)
    : options_(options),
      refused_(refused),
      outlet_(outlet),
      json_(options.limits),
      builder_(options.batch_bytes_full, options.limits.message_bytes_max) {}

void Admission::refuse(Refusal why, std::string_view key, std::size_t bytes) {
  figures_.refuse(why);
  refused_.on_refused(why, key, bytes);
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
    return refuse(Refusal::message_too_large, key, key.size() + body.size());
  }
  if (builder_.full()) flush();
  char* place = builder_.place(body.size());
  std::memcpy(place, body.data(), body.size());
  const auto scan = json_.scan({place, body.size()});
  if (!scan) return refuse(scan.error(), key, body.size());

  std::size_t taken = 0;
  for (const JsonEvent& event : (*scan)->events) {
    const auto refusal = key_of_event(event, (*scan)->is_list ? std::string_view() : key);
    if (refusal) {
      refuse(*refusal, key, event.length);
      // A list is kept as the text it came as; what was refused must not travel with it.
      std::memset(place + event.offset, ' ', event.length);
      continue;
    }
    builder_.add(key_, event.offset, event.length, event.timestamp_us);
    ++taken;
  }
  if (taken != 0) builder_.keep(body.size());
  figures_.accepted_events += taken;
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
  if (!batch) return refuse(batch.error(), "", frame.size());
  std::size_t bad = 0;
  // Also a key that no event has would cost every filter a look.
  for (const BatchKey& key : (*batch)->keys()) bad += !is_routing_key(key.text) || key.events == 0;
  for (const EventEntry& entry : (*batch)->entries()) {
    bad += check_body((*batch)->body_of(entry), (*batch)->key_of(entry)).has_value();
  }
  // Positions ascend, so the last one tells whether there are holes. Here every event gets a
  // sequence of its own, next to its neighbour's; with holes they would reach into those of later
  // batches.
  const bool holes =
      (*batch)->size() != 0 && (*batch)->entries().back().position + 1 != (*batch)->size();
  if (bad != 0 || holes) return admit_good_ones(**batch);
  if ((*batch)->size() == 0) return;
  flush();  // what came before goes before
  figures_.accepted_events += (*batch)->size();
  outlet_.on_batch(std::move(*batch));
}

void Admission::admit_good_ones(const Batch& batch) {
  for (const EventEntry& entry : batch.entries()) {
    const std::string_view body = batch.body_of(entry);
    const std::string_view key = batch.key_of(entry);
    if (const auto refusal = check_body(body, key)) {
      refuse(*refusal, key, body.size());
      continue;
    }
    if (builder_.full()) flush();
    std::memcpy(builder_.place(body.size()), body.data(), body.size());
    builder_.add(key, 0, static_cast<std::uint32_t>(body.size()), entry.timestamp_us);
    builder_.keep(body.size());
    ++figures_.accepted_events;
  }
}

void Admission::flush() {
  if (!builder_.empty()) outlet_.on_batch(builder_.finish());
}

}  // namespace xylem
