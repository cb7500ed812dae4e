#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace xylem {

// The fields of Celery's events (celery/events/event.py, and what its workers and clients send),
// and the attributes of its Task that an event of the same name would overwrite.
enum class EventField : std::uint8_t {
  type,
  uuid,
  hostname,
  timestamp,
  clock,
  utcoffset,
  pid,
  local_received,
  name,
  args,
  kwargs,
  eta,
  expires,
  retries,
  queue,
  exchange,
  routing_key,
  root_id,
  parent_id,
  result,
  runtime,
  exception,
  traceback,
  terminated,
  signum,
  expired,
  requeue,
  freq,
  active,
  processed,
  loadavg,
  sw_ident,
  sw_ver,
  sw_sys,
  state,
  sent,
  received,
  started,
  succeeded,
  failed,
  retried,
  revoked,
  rejected,
  client,
};
inline constexpr std::size_t kEventFieldCount = static_cast<std::size_t>(EventField::client) + 1;

[[nodiscard]] std::string_view name_of(EventField field);
[[nodiscard]] std::optional<EventField> event_field(std::string_view name);

// One event's JSON object, opened: each known field as the JSON text of its value, byte for byte.
// Views point into the body. A field that comes twice counts as the last does, as in Python.
// Cost: one pass over the body; nothing is allocated.
class EventView {
 public:
  // False if `body` is no JSON object; then it has no fields. REQUIRES Slab::kSlack readable bytes
  // behind the body.
  [[nodiscard]] bool open(std::string_view body) noexcept;

  [[nodiscard]] bool has(EventField field) const noexcept {
    return (present_ >> static_cast<unsigned>(field) & 1U) != 0;
  }
  // Its value as JSON, or "" if it has none.
  [[nodiscard]] std::string_view json(EventField field) const noexcept {
    return has(field) ? values_[static_cast<std::size_t>(field)] : std::string_view();
  }
  [[nodiscard]] std::string_view body() const noexcept { return body_; }
  void set(EventField field, std::string_view json) noexcept {
    values_[static_cast<std::size_t>(field)] = json;
    present_ |= std::uint64_t{1} << static_cast<unsigned>(field);
  }
  void clear() noexcept { present_ = 0; }

 private:
  std::uint64_t present_ = 0;
  std::array<std::string_view, kEventFieldCount> values_;
  std::string_view body_;
};

// JSON texts of single values. `scratch` holds what had escapes.
[[nodiscard]] bool is_json_text(std::string_view json) noexcept;
// The inside of a string without its escapes; "" for anything else. Valid as long as both are.
[[nodiscard]] std::string_view json_text(std::string_view json, std::string& scratch);
[[nodiscard]] std::optional<double> json_number(std::string_view json) noexcept;
// Behind the value at `begin`, whatever it is; nullptr if there is none before `end`. REQUIRES
// Slab::kSlack readable bytes behind.
[[nodiscard]] const char* end_of_json_value(const char* begin, const char* end) noexcept;
// `text` as a JSON string, with its quotes.
void append_json_text(std::string& into, std::string_view text);

}  // namespace xylem
