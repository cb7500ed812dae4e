#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "relay/agent/agent.h"
#include "relay/base/log.h"
#include "relay/ingest/admission.h"
#include "relay/ingest/source_outbox.h"
#include "relay/metrics/published.h"
#include "relay/pipeline/edge.h"
#include "relay/pipeline/log_progress.h"
#include "relay/session/source_table.h"
#include "relay/transport/socket.h"

namespace xylem {

// The acked endpoint (ZMQ ROUTER; docs/protocol.md §7): takes each source's batches once and in
// order, and acknowledges a batch when it has reached the level that its source asked for. When the
// pipeline has no room nothing is read; the windows bound what then waits.
class AckedIngest final : public Agent, Admission::Refused, Admission::Outlet {
 public:
  struct Options {
    std::vector<Address> listen;
    Admission::Options admission;
    SourceTable::Limits limits;
  };
  // All must outlive the agent. `log` is nullptr in a relay without a spool.
  AckedIngest(Options options, Context& context, SourceEdge& edge, const LogProgress* log,
              const Clock& clock);

  // Before the agent starts: what the spool recovered, by source.
  void recover(const SourcePlaces& places);

  // Before the agent starts: where events go from here on, which sources are told, and again
  // whenever it changes. Must outlive the agent.
  void tell(const Published<RelayChain>& relays) { relays_ = &relays; }

  [[nodiscard]] std::string_view name() const override { return "acked"; }
  [[nodiscard]] Result<void> on_start() override;
  [[nodiscard]] std::size_t do_work(Instant now) override;
  [[nodiscard]] bool has_work() override;
  void wait_fds(std::vector<int>& fds) const override;
  [[nodiscard]] std::optional<Instant> due() const override {
    if (sources_.connected() == 0) return std::nullopt;
    return last_heartbeat_ + options_.limits.heartbeat;
  }
  // Reads nothing more, and is finished when all that was taken is acknowledged.
  [[nodiscard]] Drain drain(Instant now) override;
  [[nodiscard]] std::uint64_t on_stop() override;

  [[nodiscard]] const std::vector<Address>& bound() const { return bound_; }
  // Any thread.
  void sample(Samples& samples) const;

 private:
  // A frame of events that was handed on: done once the pipeline has stamped `pushed` batches of
  // our edge, and the log has come to where the last of them ended.
  struct Pending {
    SourceId source;
    BatchNumber number;
    AckLevel level;
    std::uint64_t pushed;
    Sequence last;
  };
  struct Figures {
    SourceFigures source;
    std::uint64_t duplicates = 0;
    std::uint64_t holes = 0;
    std::uint64_t acked = 0;
    std::uint64_t pending = 0;
    std::uint64_t connected = 0;
    std::uint64_t known = 0;
  };
  // Of the thread that it shares with others.
  static constexpr std::size_t kFramesPerTurn = 256;
  static constexpr std::size_t kBytesPerTurn = std::size_t{512} << 10;

  [[nodiscard]] std::size_t read_frames(Instant now);
  void on_frame(const std::string& peer, const Frame& frame, Instant now);
  void on_control(const std::string& peer, const Frame& frame, Instant now);
  void on_hello(const std::string& peer, const SourceHello& hello, Instant now);
  void on_batch_frame(const std::string& peer, const Frame& frame, Instant now);
  void take(SourceTable::Source& source, std::unique_ptr<Batch> batch);
  [[nodiscard]] std::size_t settle();
  void await_level(SourceTable::Source& source);
  [[nodiscard]] bool is_done(const Pending& pending) const;
  [[nodiscard]] std::size_t answer(Instant now);
  [[nodiscard]] RelayChain relays() const { return relays_ ? relays_->read() : RelayChain{}; }
  [[nodiscard]] SendOutcome say(const std::string& peer, const Control& control);
  void refuse_frame(const std::string& peer, Refusal why, const Frame& frame, std::string text);
  void hand_on(const BatchOrigin& origin);
  void show();

  void on_refused(Refusal why, std::string_view key, std::size_t bytes) override;
  void on_batch(std::unique_ptr<Batch> batch) override;

  Options options_;
  Context& context_;
  SourceEdge& edge_;
  SourceOutbox outbox_;
  const LogProgress* log_progress_;
  const Clock& clock_;
  Admission admission_;
  SourceTable sources_;
  DistinctLog log_;
  DistinctLog arrivals_log_;  // by the names of sources
  std::optional<Socket> socket_;
  std::vector<Address> bound_;
  int fd_ = -1;

  // What one frame became, but for the batch that was not handed on yet: the last of a frame's
  // carries its origin, so that a log which has it has all of the frame.
  std::unique_ptr<Batch> held_;
  std::int64_t age_us_ = 0;  // of the frame at hand
  // Only of batches that are in the rings or on their way to the disk, which bound them; a batch
  // without events waits for the one before it and takes no place here. First those without a
  // sequence, then by level.
  std::deque<Pending> unstamped_;
  std::array<std::deque<Pending>, 3> stamped_;
  Instant last_heartbeat_;
  const Published<RelayChain>* relays_ = nullptr;
  RelayChain relays_told_;
  const Frame* at_hand_ = nullptr;
  Figures figures_;
  Published<Figures> shown_;
};

}  // namespace xylem
