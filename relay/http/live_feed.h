#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "relay/base/clock.h"
#include "relay/base/result.h"
#include "relay/cluster/state_agent.h"
#include "relay/filter/filter.h"

namespace xylem {

inline constexpr std::string_view kLivePath = "/api/live";

// What viewers of /api/live are told, as server-sent events (docs/cluster.md): hello, snap, diff,
// stat, gap, bye. A viewer holds a place in the log of changes, and nothing else: who reads slowly
// gets the latest of each task when it comes back, and is told what it missed. Who asks for the
// same, from the same place, is told the same text, made once. Knows no socket. One owner thread.
class LiveFeed {
  struct Topic;

 public:
  static constexpr std::size_t kSnapRows = 200;             // the latest that the filter takes
  static constexpr std::size_t kLooksPerFrame = 1024;       // changes that one frame looks at
  static constexpr std::size_t kRowsPerFrame = 100;         // tasks
  static constexpr std::size_t kFrameBytesMax = 256 << 10;  // and at most one task more
  static constexpr std::size_t kShownMax = 4096;  // tasks of which a filter's viewers are told that
                                                  // it takes them no more
  static constexpr Duration kSnapFor = std::chrono::seconds(1);  // a snapshot is shown to others
  static constexpr Duration kStatEvery = std::chrono::seconds(1);

  // One who looks. Ends before the feed.
  class Viewer {
   public:
    [[nodiscard]] std::uint64_t shown() const { return shown_; }
    [[nodiscard]] std::uint64_t lost() const { return lost_; }

   private:
    friend class LiveFeed;
    std::shared_ptr<Topic> topic_;
    cluster::ChangeLog::Place next_ = 0;
    std::uint64_t shown_ = 0;
    std::uint64_t lost_ = 0;
    std::int64_t blind_until_us_ = 0;
    Instant stat_due_{};
  };

  // `shared` must outlive it.
  explicit LiveFeed(const cluster::SharedState& shared) : shared_(shared) {}

  // A viewer, and what it is told first. `last_event_id` is the last `id:` that it has, or "".
  // Errors: bad_pattern, of the filter.
  [[nodiscard]] Result<std::pair<Viewer, std::string>> begin(std::string_view query,
                                                             std::string_view last_event_id,
                                                             Instant now);
  // What it is told next; "" if there is nothing to tell.
  [[nodiscard]] std::string next(Viewer& viewer, Instant now);
  // The last word; the viewer should come back after a moment.
  [[nodiscard]] static std::string bye(std::string_view reason);
  // Of all viewers there ever were.
  [[nodiscard]] std::uint64_t shown() const { return shown_; }
  [[nodiscard]] std::uint64_t lost() const { return lost_; }

 private:
  // A task that changed, and where the change is in the log.
  struct Changed {
    cluster::ChangeLog::Place place;
    std::string uuid;
    std::uint64_t hash;
    bool is_taken;
  };
  struct Found {
    std::vector<Changed> changed;
    cluster::ChangeLog::Place next = 0;
  };
  // A frame, from where to where in the log, so that others from the same place need not make it.
  struct Frame {
    cluster::ChangeLog::Place from = 0;
    cluster::ChangeLog::Place to = 0;
    std::string text;
    std::size_t rows = 0;
  };
  struct Topic {
    Filter filter;
    Frame latest;
    std::unordered_set<std::uint64_t> shown;  // hashes of tasks
    std::deque<std::uint64_t> shown_order;
    Frame snap;  // good for those who come within kSnapFor
    Instant snap_made{};
    void note_shown(std::uint64_t hash);
  };

  [[nodiscard]] Result<std::shared_ptr<Topic>> topic_of(std::string_view query);
  [[nodiscard]] std::string snapshot(Viewer& viewer, Instant now);
  [[nodiscard]] std::string resumed(Viewer& viewer, std::uint64_t sequence, Instant now);
  [[nodiscard]] Found look(const Topic& topic, cluster::ChangeLog::Place from) const;
  [[nodiscard]] Frame frame(Topic& topic, cluster::ChangeLog::Place from) const;
  [[nodiscard]] std::string gaps(Viewer& viewer);
  [[nodiscard]] std::string stat(const Viewer& viewer) const;
  [[nodiscard]] std::string id_of(std::uint64_t sequence) const;
  // The sequence in an `id:` of ours; nothing if it is another relay's, or of an earlier life.
  [[nodiscard]] std::optional<std::uint64_t> sequence_in(std::string_view id) const;

  void note_shown(Viewer& viewer, std::uint64_t rows) {
    viewer.shown_ += rows;
    shown_ += rows;
  }
  void note_lost(Viewer& viewer, std::uint64_t changes) {
    viewer.lost_ += changes;
    lost_ += changes;
  }

  const cluster::SharedState& shared_;
  std::uint64_t shown_ = 0;
  std::uint64_t lost_ = 0;
  std::map<std::string, std::weak_ptr<Topic>, std::less<>> topics_;
};

}  // namespace xylem
