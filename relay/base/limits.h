#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "relay/base/clock.h"
#include "relay/base/result.h"

namespace xylem {

// Limits that belong to the protocol, not to one relay's configuration: both ends rely on them.
// docs/protocol.md §2 lists them; exceeding one is a Refusal with a name and a counter.
inline constexpr std::size_t kRoutingKeyBytesMax = 245;  // libzmq 4.3.4 garbles longer topics
inline constexpr std::size_t kKeyWordsMax = 32;
inline constexpr std::size_t kPatternWordsMax = 32;
inline constexpr std::size_t kPatternHashesMax = 2;
inline constexpr std::size_t kPatternsPerSubscriberMax = 256;
inline constexpr std::size_t kEventsPerBatchMax = 4096;
inline constexpr std::size_t kEventsPerListMax =
    2048;  // of one JSON list, so that a batch holds it
inline constexpr std::size_t kJsonDepthMax = 32;

// Twice the interval of Celery's heartbeats; beyond, State says that a worker is dead
// (celery/events/state.py, HEARTBEAT_EXPIRE_WINDOW), and an older one must revive nobody.
inline constexpr std::int64_t kHeartbeatAgeMaxUs = 4'000'000;

// What a batch may be, besides kEventsPerBatchMax. All of it follows from the largest frame, the
// one number that a relay tells who sends to it. Whoever writes a batch keeps to it and whoever
// reads one holds it against it, so that what is admitted once is taken everywhere.
struct FrameLimits {
  std::size_t bytes_max = std::size_t{1} << 20;

  // Of the JSON that a reader makes of a shaped batch; it holds all of it at once.
  [[nodiscard]] constexpr std::size_t json_bytes_max() const { return 8 * bytes_max; }
};

// What a frame holds beside an event's own bytes, at most, if the event is its only one. An event
// that is so much smaller than the largest frame always fits one.
inline constexpr std::size_t kFrameBytesBesideAnEvent = 1024;

// The least that a relay can be configured to take (push.message_bytes_max). What is sent where
// nobody says what is taken keeps to it, but for an event that alone is more.
inline constexpr FrameLimits kFrameTakenEverywhere{std::size_t{64} << 10};

// Limits a relay may be configured with, and their defaults. Units are in the names.
struct SourceLimits {
  std::size_t message_bytes_max = std::size_t{1} << 20;  // of JSON with its key, or of a frame
  // At most message_bytes_max - kFrameBytesBesideAnEvent.
  std::size_t event_bytes_max = std::size_t{64} << 10;

  [[nodiscard]] constexpr FrameLimits frame() const { return {message_bytes_max}; }
};

// Text such as "64KiB", "1 MiB", "4096": binary units, or plain bytes.
[[nodiscard]] bool parse_bytes(const char* text, std::uint64_t& bytes);

// Text such as "250ms", "5s", "2m", "1.5h"; below 1,000,000 s. Errors: bad_configuration.
[[nodiscard]] Result<Duration> parse_duration(const std::string& text);

}  // namespace xylem
