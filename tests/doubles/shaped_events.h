#pragma once

#include <memory>
#include <string>

#include "relay/codec/batch_builder.h"
#include "relay/codec/shaper.h"
#include "relay/event/routing_key.h"
#include "tests/doubles/random_events.h"
#include "tests/doubles/scanned_json.h"

namespace xylem::testing {

// So many random events in one batch, most of them by their shapes, as a source makes them.
inline std::unique_ptr<Batch> shaped_events(Chance& chance, std::size_t count) {
  BatchBuilder builder(std::size_t{4} << 20, {std::size_t{8} << 20});
  Shaper shaper(builder);
  RandomEvents random(chance);
  ScannedJson scanned;
  const auto take = [&](const std::string& padded, std::size_t size) {
    const Shaper::Taken* taken = shaper.take(padded.data(), padded.data() + size);
    const bool whole = taken != nullptr && taken->end == padded.data() + size;
    whole ? shaper.commit() : shaper.rollback();
    return whole;
  };
  while (count > 0) {
    const std::string text = random.next();
    const std::string type = scanned(text);
    if (!scanned.accepted() || !scanned.event().accepted) continue;
    --count;
    const std::string padded = text + std::string(Slab::kSlack, '\0');
    const std::string key = key_of_type(type);
    if (take(padded, text.size())) continue;
    if (shaper.teach({padded.data(), text.size()}, key) && take(padded, text.size())) continue;
    std::memcpy(builder.place(text.size()), text.data(), text.size());
    builder.add(key, text.size(), 0);
  }
  return builder.finish();
}

}  // namespace xylem::testing
