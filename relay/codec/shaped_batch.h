#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "relay/base/limits.h"
#include "relay/codec/celery_json.h"
#include "relay/codec/shape.h"
#include "relay/event/batch.h"
#include "relay/event/refusal.h"

namespace xylem {

// The same events with the JSON of each for a body, byte for byte as it was before it was shaped;
// stamp, origin and positions stay. nullptr if a body is not what its shape says, which a batch
// that was admitted or made here never is. Pure; any thread. Cost: about one copy of the JSON.
//
// For reading: it has no frame().
[[nodiscard]] std::unique_ptr<Batch> expand(const Batch& batch);
// For sending: as a frame of encoding `json`, at the price of another copy.
[[nodiscard]] std::unique_ptr<Batch> expand_frame(const Batch& batch);

// Holds shaped batches of strangers against what expand() and every reader of the JSON rely on.
// Remembers shapes that were right. One owner thread.
class ShapeCheck {
 public:
  explicit ShapeCheck(const SourceLimits& limits)
      : limits_(limits), json_({limits.message_bytes_max, kShapedBytesMax}) {}

  // Why the batch cannot be taken, if it cannot: malformed_batch, or message_too_large for more
  // JSON than FrameLimits allows. Bodies of entries without a shape are not looked at. Cost: one
  // look at each value.
  [[nodiscard]] std::optional<Refusal> refusal_of(const Batch& batch);

  // Of the batch that was looked at last and can be taken: the events whose JSON is above
  // event_bytes_max.
  struct TooLarge {
    std::size_t entry;
    std::size_t bytes;
  };
  [[nodiscard]] const std::vector<TooLarge>& too_large() const { return too_large_; }

 private:
  struct Right {
    Slots slots;
    std::size_t bytes = 0;  // of the text without values
    std::string key;
  };
  [[nodiscard]] const Right* look_up(std::string_view written);

  static constexpr std::size_t kRightMax = 1024;
  SourceLimits limits_;
  CeleryJson json_;  // takes every shape: event_bytes_max is for its events, one by one
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  std::unordered_map<std::string, std::unique_ptr<Right>, Hash, std::equal_to<>> right_;
  std::vector<TooLarge> too_large_;
};

}  // namespace xylem
