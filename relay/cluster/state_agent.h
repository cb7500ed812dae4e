#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include "relay/agent/agent.h"
#include "relay/base/clock.h"
#include "relay/cluster/change_log.h"
#include "relay/cluster/compat_metrics.h"
#include "relay/cluster/state.h"
#include "relay/metrics/published.h"
#include "relay/pipeline/edge.h"
#include "relay/pipeline/tap.h"
#include "relay/pipeline/tap_board.h"

namespace xylem::cluster {

// The state, and the lock that its agent and its readers share: neither holds it for longer than a
// millisecond or two at a time, and no thread of events ever asks for it (docs/decisions/0018).
struct SharedState {
  explicit SharedState(const State::Options& options, const CompatMetrics::Options& metrics = {})
      : state(options), compat(metrics) {}
  mutable std::mutex mutex;
  State state;
  CompatMetrics compat;
  ChangeLog changes;
  std::int64_t now_us = 0;  // up to where it knows, by the relay's clock
  std::int64_t known_since_us = 0;
  std::uint64_t as_of = 0;  // sequence of the last event that is in it
};

// Keeps the state of the cluster, behind a tap on a thread of its own. What it is offered it takes
// at once, so it never holds the pipeline up; when it cannot follow, its tap lets go of the oldest,
// and the state says from when to when it was blind. One owner thread; sample() and shared() any.
class StateAgent final : public Agent {
 public:
  struct Options {
    bool enabled = true;
    State::Options state = {};
    CompatMetrics::Options compat = {};
    Tap::Options tap = {};
  };
  // How often a second's worth of silence is looked at, and from when on a pause is one.
  static constexpr Duration kTick = std::chrono::seconds(1);
  static constexpr Duration kPause = std::chrono::seconds(3);
  static constexpr std::size_t kEventsPerTurn = 1024;

  // `is_cut_off` says that a source is, so that silence means nothing; asked once a tick. All must
  // outlive the agent.
  StateAgent(const Options& options, SinkEdge& edge, const Clock& clock,
             std::function<bool()> is_cut_off = {});

  [[nodiscard]] std::string_view name() const override { return "state"; }
  [[nodiscard]] Result<void> on_start() override;
  [[nodiscard]] std::size_t do_work(Instant now) override;
  [[nodiscard]] bool has_work() override { return behind() || !edge_.empty(); }
  void wait_fds(std::vector<int>&) const override {}
  [[nodiscard]] std::optional<Instant> due() const override { return ticked_ + kTick; }
  [[nodiscard]] Drain drain(Instant now) override;
  [[nodiscard]] std::uint64_t on_stop() override { return tap_.ledger().held; }

  [[nodiscard]] const SharedState& shared() const { return shared_; }
  [[nodiscard]] const TapBoard& board() const { return board_; }
  void sample(Samples& samples, std::int64_t now_us) const;

 private:
  struct Shown {
    State::Counters counters;
    CompatMetrics::Counters compat;
    std::uint64_t tasks = 0;
    std::uint64_t bytes = 0;
    std::uint64_t names_turned_away = 0;
    std::uint64_t blindnesses = 0;
    std::array<std::uint64_t, kVerdicts> workers{};
  };
  [[nodiscard]] bool behind() const { return current_ || !tap_.empty(); }
  std::size_t take_batches();
  std::size_t apply_some();
  [[nodiscard]] bool next_batch();
  void note_change();
  void tick(Instant now);
  void show();

  SinkEdge& edge_;
  const Clock& clock_;
  std::function<bool()> is_cut_off_;
  Tap tap_;
  SharedState shared_;
  EventView fields_;
  BatchRef current_;             // its events are JSON
  std::size_t next_entry_ = 0;   // of it
  std::int64_t applied_us_ = 0;  // when the relay took in what was applied last
  std::uint64_t missing_ = 0;    // let go of by the tap since
  bool is_missing_ = false;
  Instant ticked_;
  std::array<std::uint64_t, kVerdicts> verdicts_{};
  Published<Shown> shown_;
  TapBoard board_{"state"};
  std::shared_ptr<TapEntry> entry_;
};

}  // namespace xylem::cluster
