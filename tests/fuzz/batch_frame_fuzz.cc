#include "relay/codec/batch_codec.h"
#include "relay/event/routing_key.h"
#include "tests/doubles/batches.h"
#include "tests/doubles/scanned_json.h"
#include "tests/fuzz/fuzzed.h"

namespace {

using namespace xylem;

// A frame that is taken in keeps its meaning through a stamp, and readers further on take it too.
void check_taken(Batch& batch) {
  const std::string before = testing::said(batch);
  batch.stamp(Epoch{UINT64_MAX}, Sequence{UINT64_MAX / 3}, -1);
  XYLEM_CHECK(testing::said(batch) == before, "a stamp changes nothing but the stamp");
  const auto again = read_batch(batch.frame(), SourceLimits{});
  XYLEM_CHECK(again && testing::said(**again) == before, "a stamped frame is read as it was meant");
  std::vector<bool> wanted;
  for (std::size_t i = 0; i < batch.keys().size(); ++i) wanted.push_back(i % 2 == 0);
  const auto thinned = gather(batch, wanted);
  XYLEM_CHECK(read_batch(thinned->frame(), SourceLimits{}), "a thinned frame can be read");
}

// What the relay takes in of a shaped batch is events whose type is that of their key.
void check_shaped(const Batch& batch) {
  if (ShapeCheck(SourceLimits{}).refusal_of(batch)) return;
  const auto json = expand(batch);
  XYLEM_CHECK(json, "a batch that was found right can be expanded");
  testing::ScannedJson scanned;
  for (std::size_t i = 0; i < json->size(); ++i) {
    if (batch.entries()[i].shape == 0) continue;
    const std::string type = scanned(json->body_of(json->entries()[i]));
    XYLEM_CHECK(scanned.accepted() && key_is_of_type(json->key_of(json->entries()[i]), type),
                "an event of a shape is JSON with the type of its key");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  auto batch = read_batch(testing::frame_of(bytes, size), SourceLimits{});
  if (batch) check_taken(**batch);
  if (batch) check_shaped(**batch);
  return 0;
}
