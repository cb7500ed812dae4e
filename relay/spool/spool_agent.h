#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "relay/agent/agent.h"
#include "relay/base/clock.h"
#include "relay/base/log.h"
#include "relay/metrics/published.h"
#include "relay/pipeline/edge.h"
#include "relay/pipeline/log_progress.h"
#include "relay/pipeline/tap_board.h"
#include "relay/ring/doorbell.h"
#include "relay/spool/spool.h"

namespace xylem {

// The log's only writer: takes batches off its edge in groups, appends each group with one write,
// and syncs when somebody waits for it, when much is unsynced, or after a while. A disk that says
// no stops it, and with it the pipeline; it tries again and again, and says so.
class SpoolAgent final : public Agent {
 public:
  struct Options {
    // What is written and nobody waits for is on the disk after so long.
    Duration sync_interval = std::chrono::seconds(1);
  };
  // All must outlive the agent. `newest` is the newest record number anybody knows of.
  SpoolAgent(const Options& options, Spool& spool, RecordNumber newest, LogProgress& progress,
             SinkEdge& edge, const Clock& clock);
  // Before the start: who waits for the log to move on.
  void wake(Doorbell& bell) { waiting_.push_back(&bell); }

  [[nodiscard]] std::string_view name() const override { return "spool"; }
  [[nodiscard]] Result<void> on_start() override { return {}; }
  [[nodiscard]] std::size_t do_work(Instant now) override;
  // A group that could not be written waits for its time; one that is not whole, for its rest.
  [[nodiscard]] bool has_work() override { return whole() == 0 && !edge_.empty(); }
  void wait_fds(std::vector<int>&) const override {}
  // Finished when everything is on the disk.
  [[nodiscard]] Drain drain(Instant now) override;
  [[nodiscard]] std::uint64_t on_stop() override;

  // Any thread: why nothing can be written, or empty.
  [[nodiscard]] std::string trouble() const;
  void sample(Samples& samples, std::int64_t now_us) const;
  [[nodiscard]] const TapBoard& board() const { return board_; }

 private:
  static constexpr std::size_t kBatchesPerGroup = 64;
  static constexpr std::uint64_t kGroupBytes = std::uint64_t{4} << 20;
  // Held in memory until they are synced, in case that fails.
  static constexpr std::uint64_t kUnsyncedBytes = std::uint64_t{32} << 20;
  static constexpr Duration kRetry = std::chrono::milliseconds(500);
  static constexpr Duration kTrimInterval = std::chrono::seconds(10);
  // How long what is only written may go to a directory that is no longer there.
  static constexpr Duration kLookInterval = std::chrono::seconds(1);

  void take_group();
  // How many of the group, from its front, may be written: up to a frame of which pieces are
  // missing.
  [[nodiscard]] std::size_t whole() const;
  [[nodiscard]] bool is_in_place(Instant now);
  [[nodiscard]] bool write_group(std::size_t batches, Instant now);
  [[nodiscard]] bool sync_is_due(Instant now) const;
  [[nodiscard]] bool sync(Instant now);
  void say_trouble(const std::string& why, Instant now);
  void show();

  Options options_;
  Spool& spool_;
  LogWriter writer_;
  LogProgress& progress_;
  SinkEdge& edge_;
  const Clock& clock_;
  DistinctLog log_;
  std::vector<Doorbell*> waiting_;
  std::vector<BatchRef> group_;  // taken and not yet written; bounded as above
  Sequence written_;
  Sequence synced_;
  bool sync_wanted_ = false;
  bool gone_ = false;  // the directory
  Instant synced_at_;
  Instant retry_at_;
  Instant trimmed_at_;
  Instant looked_at_;

  mutable std::mutex trouble_mutex_;  // taken when trouble comes, goes, or is asked for
  std::string trouble_;
  struct Shown {
    LogWriter::Figures log;
    std::uint64_t written = 0;
    std::uint64_t synced = 0;
  };
  Published<Shown> shown_;
  TapBoard board_{"spool"};
  std::shared_ptr<TapEntry> entry_;
};

}  // namespace xylem
