#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "relay/cluster/names.h"
#include "relay/codec/event_view.h"

namespace xylem::cluster {

// What Celery says of a task, worst first within one attempt: what has the higher rank is the
// later fact, whatever order they arrive in (docs/cluster.md). `custom` is any other `task-…`.
enum class Kind : std::uint8_t {
  sent,
  received,
  started,
  custom,
  retried,
  rejected,
  revoked,
  failed,
  succeeded,
};
inline constexpr std::size_t kKindCount = 9;
[[nodiscard]] std::string_view name_of(Kind kind);
// "sent" for `task-sent`; Kind::custom for what Celery has no state for.
[[nodiscard]] Kind kind_of(std::string_view subject);
// Celery's state, such as SUCCESS; "" for custom.
[[nodiscard]] std::string_view state_of(Kind kind);
[[nodiscard]] constexpr bool ends_attempt(Kind kind) { return kind >= Kind::retried; }
[[nodiscard]] constexpr bool is_final(Kind kind) { return kind >= Kind::revoked; }

// One event of a task, as it is kept: where it came from, and its values behind it in the same
// block, each as field, length and JSON text. Events that are the same are one sighting.
struct Sighting {
  enum Flag : std::uint8_t { terminated = 1, expired = 2, requeue = 4 };
  static constexpr std::uint16_t kNoRetries = 0xFFFF;

  Sighting* older = nullptr;
  std::int64_t timestamp_us = 0;  // of who sent it
  std::int64_t arrived_us = 0;    // here, for the first time
  std::uint64_t clock = 0;        // Lamport's, 0 for none
  NameId host;
  std::uint32_t pid = 0;
  std::uint32_t values_bytes = 0;
  std::uint16_t retries = kNoRetries;
  Kind kind{};
  std::uint8_t flags = 0;

  [[nodiscard]] const char* values() const { return reinterpret_cast<const char*>(this + 1); }
  // JSON text, "" if the event did not bring it.
  [[nodiscard]] std::string_view value(EventField field) const;
  [[nodiscard]] std::size_t bytes() const { return sizeof(Sighting) + values_bytes; }
};
static_assert(sizeof(Sighting) == 48);

// What stands before each value.
struct ValueHead {
  EventField field{};
  std::uint32_t bytes = 0;
  static constexpr std::size_t kBytes = 5;
};
[[nodiscard]] ValueHead value_head_at(const char* at);
void put_value_head(char* at, const ValueHead& head);

// An order of sightings that knows nothing of arrival: by their own time, and then by whatever
// tells them apart. Negative, zero (they are the same event) or positive.
[[nodiscard]] int compare(const Sighting& a, const Sighting& b, const Names& hosts);

// A sighting and the attempt that it belongs to. A delivery is one reception of an attempt: a
// message that comes again, after its worker was lost, has the same `retries`.
struct Placed {
  const Sighting* sighting;
  std::uint32_t attempt;
  std::uint32_t delivery;
};

// The life of one task, made of all its sightings and of nothing else, so that any arrival order
// of the same events makes the same life. Views into the sightings. Cost: the square of their
// number, which is four for most.
class Life {
 public:
  static constexpr std::size_t kSightingsMax = 32;

  // `newest` is a list in the order of compare(), newest first, of kSightingsMax at most.
  explicit Life(const Sighting* newest);

  // From the first to the last of what counts: by attempt, delivery, rank and clock.
  [[nodiscard]] std::span<const Placed> placed() const { return {placed_.data(), size_}; }
  // What the state follows; sent only where there is nothing else. nullptr for no sightings.
  [[nodiscard]] const Placed* current() const { return current_; }
  // Of what counts most among those that bring it: what it is and who said it.
  [[nodiscard]] const Placed* origin_of(EventField field) const;
  [[nodiscard]] std::string_view value(EventField field) const;
  // The last of a kind; within the current attempt alone, if so asked.
  [[nodiscard]] const Placed* last(Kind kind) const;
  [[nodiscard]] const Placed* last_of_attempt(Kind kind) const;
  // Who works on the current attempt.
  [[nodiscard]] NameId worker() const;
  [[nodiscard]] std::uint32_t attempts() const;
  // A worker was told to end it while it ran; and it was in fact ended, or never begun.
  [[nodiscard]] const Sighting* revoke_asked() const;
  [[nodiscard]] const Sighting* revoke_done() const;

 private:
  void place_deliveries();
  void place_on_their_host();
  void place_by_time();
  void sort();

  // Not set beyond size_.
  std::array<Placed, kSightingsMax> placed_;
  std::uint32_t is_placed_ = 0;  // a bit each
  std::size_t size_ = 0;
  const Placed* current_ = nullptr;
};

}  // namespace xylem::cluster
