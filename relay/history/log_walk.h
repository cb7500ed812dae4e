#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "relay/base/ids.h"
#include "relay/codec/control_codec.h"
#include "relay/event/batch.h"
#include "relay/pipeline/log_history.h"
#include "relay/spool/log_catalog.h"

namespace xylem {

// A way through the log from some place on: every event that the log has, once and in order, or a
// gap in its place. One owner thread, that of the history.
class LogWalk {
 public:
  explicit LogWalk(std::unique_ptr<LogHistory> log) : log_(std::move(log)) {}

  // Where the way begins; one of these, once.
  void begin_at(const LogPosition& place);
  // With what was taken in then, or later: place() is known once something of it is found.
  void begin_since(std::int64_t since_us);

  struct Piece {
    BatchRef batch;  // or
    std::optional<Gap> gap;
  };
  // The next piece, or nothing just now: either the log has no more, or it was looked through for
  // as long as one call may take; has_more() tells which.
  [[nodiscard]] std::optional<Piece> next();
  [[nodiscard]] bool has_more() const {
    return waiting_ || log_->has_more() || (!is_seeking() && log_->passed_to() > place_);
  }
  [[nodiscard]] bool is_seeking() const { return since_us_.has_value(); }
  // What lies before was given. REQUIRES that it is not seeking.
  [[nodiscard]] const LogPosition& place() const { return place_; }
  // Holds no file until it goes on.
  void rest() { log_->rest(); }

 private:
  void found(const Batch& first);
  [[nodiscard]] Piece pass(const BatchRef& batch);
  [[nodiscard]] Piece gap_to(Sequence end);
  [[nodiscard]] std::optional<Piece> end_epoch(Epoch next);
  [[nodiscard]] std::optional<Piece> skip_to(const LogPosition& passed);

  std::unique_ptr<LogHistory> log_;
  std::optional<std::int64_t> since_us_;
  LogPosition place_;
  BatchRef waiting_;  // read behind a gap that is told first
};

}  // namespace xylem
