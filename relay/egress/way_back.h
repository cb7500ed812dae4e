#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "relay/base/ids.h"
#include "relay/codec/control_codec.h"
#include "relay/event/batch.h"
#include "relay/pipeline/log_history.h"
#include "relay/pipeline/retention.h"

namespace xylem {

// A subscriber's way from some place in the past to the present: first what only the log has, then
// what is in memory. Gives every event once and in order, or a gap in its place. One owner thread,
// that of the retention.
class WayBack {
 public:
  // `log` may be empty. The retention must outlive the way and is of `epoch`.
  WayBack(Epoch epoch, const Retention& retention, std::unique_ptr<LogHistory> log);

  // Where the way begins; one of these, once.
  void begin_at(Epoch epoch, Sequence sequence);
  void begin_since(std::int64_t since_us);

  struct Piece {
    BatchRef batch;  // or
    std::optional<Gap> gap;
  };
  // The next piece, or nothing just now: then the way is at its end, or the log's writer is behind.
  [[nodiscard]] std::optional<Piece> next();
  [[nodiscard]] bool has_next() const {
    if (in_memory()) return next_ != retention_.next();
    return waiting_ || log_ == nullptr || log_->has_more();
  }
  // Nothing lies between here and the first sequence that memory does not have yet.
  [[nodiscard]] bool at_end() const {
    return epoch_ == now_ && next_ == retention_.next() && !waiting_;
  }
  // What comes next, as far as that is known.
  [[nodiscard]] Epoch epoch() const { return epoch_; }
  [[nodiscard]] Sequence sequence() const { return next_; }

 private:
  [[nodiscard]] bool in_memory() const {
    return epoch_ == now_ && next_ >= retention_.first() && !waiting_;
  }
  // REQUIRES next_ >= retention_.first(). Should memory let go of it first, the log goes on there.
  void go_on_in_memory();
  [[nodiscard]] std::optional<Piece> from_memory();
  [[nodiscard]] std::optional<Piece> from_log();
  [[nodiscard]] Piece gap_before_memory();
  [[nodiscard]] Piece pass(const BatchRef& batch);

  Epoch now_;
  const Retention& retention_;
  std::unique_ptr<LogHistory> log_;
  Epoch epoch_;
  Sequence next_{1};
  BatchRef waiting_;  // read behind a gap that is told first
};

}  // namespace xylem
