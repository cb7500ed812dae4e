#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "relay/base/limits.h"
#include "relay/event/refusal.h"

namespace xylem {

// One event found in a JSON text. Its body is text[offset, offset + length), byte for byte as it
// was sent: unknown fields and integers of any size stay as they are.
struct JsonEvent {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  std::string_view type;          // valid until the next scan
  std::int64_t timestamp_us = 0;  // 0 if there is none or it is not a number
  bool accepted = true;
  Refusal refusal{};  // if not accepted: missing_type, duplicate_type, not_an_event, ...
};

// Reads what Celery's dispatchers send: one JSON object, or a list of them
// (celery/events/dispatcher.py). Owns a parser and its buffers, so one per thread.
class CeleryJson {
 public:
  explicit CeleryJson(const SourceLimits& limits);
  ~CeleryJson();
  CeleryJson(const CeleryJson&) = delete;
  CeleryJson& operator=(const CeleryJson&) = delete;

  struct Scan {
    std::vector<JsonEvent> events;
    bool is_list = false;
  };
  // Holds the whole of `text` against RFC 8259 and finds its events. REQUIRES Slab::kSlack readable
  // bytes behind it. Refuses the text as a whole for malformed_json, invalid_utf8, too_deep,
  // too_many_events, not_an_event; within a list a single event may be refused instead.
  // The answer is valid until the next scan. Cost: about one pass; no allocation once warm.
  [[nodiscard]] tl::expected<const Scan*, Refusal> scan(std::string_view text);

 private:
  struct Parser;
  SourceLimits limits_;
  std::unique_ptr<Parser> parser_;
  Scan scan_;
};

}  // namespace xylem
