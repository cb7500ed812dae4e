#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "relay/base/ids.h"
#include "relay/metrics/published.h"
#include "relay/pipeline/log_history.h"

namespace xylem {

// What is known of a segment without reading it.
struct SegmentFacts {
  std::uint64_t ordinal = 0;
  Epoch epoch;
  Sequence first;  // the first event's sequence
  Sequence end;    // behind the last event's
  std::int64_t newest_us = 0;
  std::uint64_t bytes = 0;
  std::int64_t oldest_us = 0;  // when its first event was taken in

  [[nodiscard]] LogPosition end_position() const { return {epoch, end}; }
};

// A record of a segment, by which a reader finds its place without what lies before.
struct LogMark {
  std::uint64_t offset = 0;
  Sequence first;
  std::int64_t received_us = 0;
};

// Which segments the log has, and from where on somebody still needs them: what the log's writer
// and its readers, each on a thread of its own, know of one another. The mutex is taken when a
// segment comes or goes, when a reader begins, and now and then by those who count; never for a
// batch (docs/decisions/0009).
class LogCatalog {
 public:
  // The segment that is being written, as of the last group of batches.
  struct Tail {
    std::uint64_t ordinal = 0;  // 0: none yet
    std::uint64_t bytes = 0;
    Sequence end;  // behind the last event that was written
    std::int64_t newest_us = 0;
    LogPosition passed_to;      // behind the last event that came by, written or dropped
    std::uint64_t passed = 0;   // events of this epoch that came by
    std::uint64_t dropped = 0;  // of them, those for which the quota had no room
  };
  // How far a consumer of the log has come.
  struct Need {
    LogPosition done;  // it has everything before; what is behind stays, if the quota allows
    LogPosition read;  // what is before is in its memory
  };
  struct Account {
    std::uint64_t passed = 0;   // as above
    std::uint64_t dropped = 0;  // by the quota, the newest and the oldest, before they were read
    std::uint64_t unread = 0;   // events in the log that were not read
  };

  // Writer.
  void reset(std::vector<SegmentFacts> segments);
  void add(const SegmentFacts& segment);
  // What nobody has read of it is lost to the consumer, and counted.
  void remove_oldest();
  // It is shorter than it was: what it had behind `end` stands in a later one.
  void cut(std::uint64_t ordinal, Sequence end, std::uint64_t bytes);
  // It came to nothing. REQUIRES that its events stand elsewhere, or were never read.
  void remove_newest();
  void show(const Tail& tail) { tail_.publish(tail); }

  // A record that begins here; kept if none is known near to it. The writer and those who read on
  // in order tell, so that a segment is searched from its front once at most.
  void mark(std::uint64_t ordinal, const LogMark& mark);

  // Any thread.
  // Where to begin to read a segment for what is at or behind a place, or for the first that was
  // taken in at a time or later: at a record, or at its front.
  [[nodiscard]] std::uint64_t offset_at(std::uint64_t ordinal, Sequence sequence) const;
  [[nodiscard]] std::uint64_t offset_since(std::uint64_t ordinal, std::int64_t since_us) const;
  [[nodiscard]] Tail tail() const { return tail_.read(); }
  // In order, with the tail's growth in the last.
  [[nodiscard]] std::vector<SegmentFacts> segments() const;
  // The segment that has what is at or behind `position`, or the first that is behind it.
  [[nodiscard]] std::optional<SegmentFacts> at(const LogPosition& position) const;
  // The first that has something taken in at `since_us` or later.
  [[nodiscard]] std::optional<SegmentFacts> since(std::int64_t since_us) const;
  [[nodiscard]] std::optional<SegmentFacts> after(std::uint64_t ordinal) const;
  // Behind the last event of an epoch; 0 if nothing is known of it.
  [[nodiscard]] Sequence end_of(Epoch epoch) const;
  // Whether what was at or behind a place is still there, as far as can be told.
  [[nodiscard]] bool reaches(const LogPosition& position) const;
  // Likewise what was taken in at a wall-clock time or later.
  [[nodiscard]] bool reaches(std::int64_t since_us) const;

  // The consumer says how far it is; without one nothing is needed. `read` only moves forward.
  void need(const Need& need);
  // The consumer has read a group of batches that follow one another. What of it ends at or before
  // `from` had been let go of before, and is counted as dropped. `passed_over`: events before the
  // group that the log has and could not give.
  struct Claim {
    LogPosition from;
    std::uint64_t passed_over = 0;
  };
  [[nodiscard]] Claim claim(const LogPosition& begin, const LogPosition& end);
  [[nodiscard]] std::optional<Need> needed() const;
  // Of one moment, so that it adds up.
  [[nodiscard]] Account account() const;

 private:
  static constexpr std::uint64_t kMarkBytes = std::uint64_t{1} << 20;  // from one to the next

  // The last mark before the first that is `behind`.
  template <class Behind>
  [[nodiscard]] std::uint64_t offset_before(std::uint64_t ordinal, Behind behind) const;
  template <class Wanted>
  [[nodiscard]] std::optional<SegmentFacts> first_that(Wanted wanted) const;

  // Of these segments, from `position` on; those that stand twice are counted once.
  [[nodiscard]] static std::uint64_t events_from(const std::vector<SegmentFacts>& segments,
                                                 const LogPosition& position);
  // REQUIRES the mutex.
  [[nodiscard]] std::vector<SegmentFacts> segments_with(const Tail& tail) const;

  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::vector<LogMark>> marks_;  // by ordinal, then by offset
  std::vector<SegmentFacts> segments_;  // by ordinal; the last may lag behind the tail
  std::optional<Need> need_;
  std::uint64_t dropped_oldest_ = 0;
  Published<Tail> tail_;
};

}  // namespace xylem
