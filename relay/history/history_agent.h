#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "relay/agent/agent.h"
#include "relay/history/history_link.h"
#include "relay/history/log_walk.h"
#include "relay/pipeline/tap_set.h"

namespace xylem {

// Reads the relay's log for the stream's subscribers, on a thread of its own: a disk may take its
// time, and only those who read the past wait for it. Readers take turns; a turn looks at so much
// of the log, and answers an order if it found anything. One owner thread.
class HistoryAgent final : public Agent {
 public:
  // A look at the log from its beginning, whose read() passes over kPassBytes at most.
  using OpenLog = std::function<std::unique_ptr<LogHistory>()>;
  static constexpr std::uint64_t kPassBytes = 256 << 10;

  // The link must outlive the agent.
  HistoryAgent(OpenLog open_log, HistoryLink& link) : open_log_(std::move(open_log)), link_(link) {}

  [[nodiscard]] std::string_view name() const override { return "history"; }
  [[nodiscard]] Result<void> on_start() override { return {}; }
  [[nodiscard]] std::size_t do_work(Instant now) override;
  [[nodiscard]] bool has_work() override;
  void wait_fds(std::vector<int>&) const override {}
  // The stream has stopped before, so nobody waits for it.
  [[nodiscard]] Drain drain(Instant) override { return Drain::finished; }
  [[nodiscard]] std::uint64_t on_stop() override;

 private:
  // Open files; who has had none for longest opens its own again.
  static constexpr std::size_t kFilesMax = 16;

  struct Reader {
    LogWalk walk;
    TopicFilter filter;
  };
  void take(std::unique_ptr<HistoryOrder> order);
  void begin(const HistoryOrder& order);
  void turn(std::uint64_t id, Reader& reader);
  void add(HistoryHelping& helping, Reader& reader, LogWalk::Piece piece);
  void holds_file(std::uint64_t id);
  void wake_the_waiting();

  OpenLog open_log_;
  HistoryLink& link_;
  TapSet selector_;  // has no taps
  std::unordered_map<std::uint64_t, Reader> readers_;
  std::deque<std::uint64_t> turns_;     // who is next
  std::vector<std::uint64_t> waiting_;  // for the log to grow
  std::deque<std::uint64_t> files_;     // who may have a file open, the latest last
};

}  // namespace xylem
