#pragma once

#include <cstdint>
#include <optional>

#include "relay/base/ids.h"
#include "relay/codec/control_codec.h"
#include "relay/event/batch.h"
#include "relay/event/topic_filter.h"
#include "relay/history/history_link.h"
#include "relay/pipeline/retention.h"

namespace xylem {

// A subscriber's way from some place in the past to the present: first what only the log has, which
// the history reads for it, then what is in memory. Gives every event once and in order, or a gap
// in its place. It never waits: what is not there yet is asked for and comes later. One owner
// thread, that of the retention.
class WayBack {
 public:
  // `history` is nullptr in a relay without a log. It, the retention, which is of `epoch`, and the
  // filter must outlive the way.
  WayBack(Epoch epoch, const Retention& retention, HistoryLink* history, const TopicFilter& filter);
  ~WayBack() { leave_log(); }
  WayBack(const WayBack&) = delete;
  WayBack& operator=(const WayBack&) = delete;

  // Where the way begins; one of these, once.
  void begin_at(Epoch epoch, Sequence sequence);
  void begin_since(std::int64_t since_us);
  // Whether its beginning is known by now: the log may have to be searched for a time.
  [[nodiscard]] bool has_begun();

  struct Piece {
    BatchRef batch;  // or
    std::optional<Gap> gap;
    std::uint64_t events = 0;  // that came by
    bool selected = false;     // the batch has only what the filter wants, or is none at all
  };
  // The next piece, or nothing just now: then the way is at its end, or the log is asked.
  [[nodiscard]] std::optional<Piece> next();
  // Whether next() would move it.
  [[nodiscard]] bool has_next() const;
  // Nothing lies between here and the first sequence that memory does not have yet.
  [[nodiscard]] bool at_end() const { return !sought_ && place_ == present(); }
  // What comes next, as far as that is known. REQUIRES has_begun().
  [[nodiscard]] const LogPosition& place() const { return place_; }

  // Looked at now and then: what waits here for a subscriber that takes nothing, or that others
  // need the memory for, goes. It is read again when the subscriber goes on.
  void review(bool moved);

 private:
  [[nodiscard]] LogPosition present() const { return {now_, retention_.next()}; }
  [[nodiscard]] bool in_memory() const {
    return place_.epoch == now_ && place_.sequence >= retention_.first();
  }
  void leave_log();
  [[nodiscard]] HistoryOrder order(HistoryOrder::What what) const;
  [[nodiscard]] std::optional<Piece> from_memory();
  [[nodiscard]] std::optional<Piece> from_log();
  [[nodiscard]] std::optional<Piece> take(HistoryPiece& piece);
  // Up to the first that memory has.
  [[nodiscard]] std::optional<Piece> gap_before_memory();

  Epoch now_;
  const Retention& retention_;
  HistoryLink* history_;
  const TopicFilter& filter_;
  LogPosition place_;
  std::optional<Sequence> sought_;  // where memory has the time that the log is searched for
  std::uint64_t reader_ = 0;        // of the log; 0: none
  std::size_t taken_ = 0;           // pieces of its helping
  int reviews_ = 0;                 // that it had the same helping
};

}  // namespace xylem
