#pragma once

#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "relay/codec/batch_builder.h"
#include "relay/codec/batch_codec.h"
#include "relay/codec/shaped_batch.h"
#include "relay/event/batch.h"

namespace xylem::testing {

struct Said {
  std::string key;
  std::string body;
  std::int64_t timestamp_us = 0;
};

// A batch of these events, unstamped, as a source hands it over.
inline std::unique_ptr<Batch> batch_of(const std::vector<Said>& events) {
  std::size_t bytes = 1;
  for (const Said& event : events) bytes += event.body.size();
  BatchBuilder builder(bytes, {bytes + kFrameBytesBesideAnEvent});
  for (const Said& event : events) {
    char* place = builder.place(event.body.size());
    if (!event.body.empty()) std::memcpy(place, event.body.data(), event.body.size());
    builder.add(event.key, event.body.size(), event.timestamp_us);
  }
  return builder.finish();
}

// `count` events under one key, whose bodies are `body_bytes` long.
inline std::unique_ptr<Batch> batch_of(std::string_view key, std::size_t count,
                                       std::size_t body_bytes = 2) {
  return batch_of(std::vector<Said>(count, {std::string(key), std::string(body_bytes, 'x')}));
}

// `count` events that have little in common, and one in their middle that is none: a source makes
// the batch anew, without it.
inline std::vector<Said> with_a_bad_one(std::size_t count) {
  std::vector<Said> events;
  for (std::size_t i = 0; i < count; ++i) {
    std::string pad(50, static_cast<char>('a' + i % 26));
    events.push_back({"a", R"({"type":"a","n":)" + std::to_string(i) + R"(,"p":")" + pad + "\"}"});
  }
  events.insert(events.begin() + static_cast<std::ptrdiff_t>(count / 2), {"a", "bad"});
  return events;
}

// The same, marked as of the past.
inline std::unique_ptr<Batch> replayed(const std::vector<Said>& events) {
  const auto live = batch_of(events);
  std::vector<std::string_view> keys;
  for (const BatchKey& key : live->keys()) keys.push_back(key.text);
  return write_batch({keys, live->entries(), live->bodies(), {}, true});
}

// As the pipeline hands it on: stamped, shared, immutable.
inline BatchRef stamped(std::unique_ptr<Batch> batch, std::uint64_t first,
                        std::uint64_t epoch = 7) {
  batch->stamp({epoch}, {first}, 1'000'000);
  return BatchRef(std::move(batch));
}

// "task.sent=1 task.failed=22 ": what a batch says, in one line that a failure can print.
inline std::string said(const Batch& batch) {
  if (batch.is_shaped()) {
    const auto expanded = expand(batch);
    return expanded ? said(*expanded) : "a body that is not of its shape";
  }
  std::string text;
  for (const EventEntry& entry : batch.entries()) {
    text.append(batch.key_of(entry)).append("=").append(batch.body_of(entry)).append(" ");
  }
  return text;
}

inline std::vector<std::uint64_t> sequences(const Batch& batch) {
  std::vector<std::uint64_t> all;
  for (const EventEntry& entry : batch.entries()) all.push_back(batch.sequence_of(entry).value);
  return all;
}

}  // namespace xylem::testing
