#pragma once

#include <array>
#include <atomic>
#include <span>
#include <utility>
#include <vector>

#include "relay/agent/agent.h"
#include "relay/base/clock.h"
#include "relay/base/ids.h"
#include "relay/metrics/published.h"
#include "relay/pipeline/edge.h"

namespace xylem {

// The one point of order: takes batches from every source, gives each event its sequence, stamps
// epoch and time, and hands the batch to every sink. When a sink's ring is full it takes nothing
// from anywhere, and the pressure travels to the senders. Sources that are busy at the same time
// get the same share of the room there is, in bytes; one that was idle waits for one batch of each
// of the others at most.
class PipelineAgent final : public Agent {
 public:
  // Edges must outlive the agent. `epoch` is this life of the relay.
  PipelineAgent(Epoch epoch, const Clock& clock, std::vector<SourceEdge*> sources,
                std::vector<SinkEdge*> sinks);

  [[nodiscard]] std::string_view name() const override { return "pipeline"; }
  [[nodiscard]] Result<void> on_start() override { return {}; }
  [[nodiscard]] std::size_t do_work(Instant now) override;
  [[nodiscard]] bool has_work() override;
  void wait_fds(std::vector<int>&) const override {}
  [[nodiscard]] Drain drain(Instant now) override;
  [[nodiscard]] std::uint64_t on_stop() override;

  // Any thread.
  [[nodiscard]] Sequence next_sequence() const {
    return {next_shown_.load(std::memory_order_relaxed)};
  }
  [[nodiscard]] Epoch epoch() const { return epoch_; }
  // How long the pipeline has been waiting for room in a sink's ring; 0 when it is not.
  [[nodiscard]] Duration stalled_for(Instant now) const;
  void sample(Samples& samples) const;

 private:
  struct Figures {
    std::uint64_t events = 0;
    std::uint64_t batches = 0;
    std::uint64_t stalls = 0;
  };
  // Start-time fair queueing: the source that has been given least is next.
  struct Source {
    SourceEdge* edge;
    std::uint64_t given = 0;  // what its batches have cost
  };
  static constexpr std::size_t kBatchesPerTurn = 16;
  static constexpr std::uint64_t kEventCost = 64;  // of a batch's cost, the rest is its bytes

  [[nodiscard]] std::size_t room() const;
  // The source to take from, and how many batches at most; nullptr if all are empty.
  [[nodiscard]] std::pair<Source*, std::size_t> next_source();
  void take(Source& source, std::span<Batch*> batches, std::int64_t received_us);
  void note_stall(bool stalled, Instant now);

  Epoch epoch_;
  const Clock& clock_;
  std::vector<Source> sources_;
  std::uint64_t given_ = 0;  // by the source last taken from, before that
  std::vector<SinkEdge*> sinks_;
  Sequence next_{1};
  bool stalled_ = false;
  std::array<Batch*, kBatchesPerTurn> run_{};
  Figures figures_;
  Published<Figures> shown_;
  std::atomic<std::uint64_t> next_shown_{1};
  std::atomic<std::int64_t> stalled_since_ns_{0};
};

}  // namespace xylem
