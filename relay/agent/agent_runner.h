#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "relay/agent/agent.h"
#include "relay/base/clock.h"
#include "relay/base/result.h"
#include "relay/metrics/metric_table.h"
#include "relay/ring/doorbell.h"

namespace xylem {

// One named thread that runs one or more agents in turn: a cycle calls do_work of each; when none
// had anything to do it sleeps in poll(2) until a file descriptor of an agent or the doorbell says
// otherwise. No spinning.
//
// start, request_stop, wait_finished and the observers may be called from any one thread at a time
// (the node's); doorbell().ring() from every thread.
class AgentRunner {
 public:
  static constexpr Duration kSleepMax = std::chrono::milliseconds(100);
  // The agents must outlive the runner. `sleep_max` bounds a sleep as a safety net: work that only
  // shows when it runs out is counted as a missed wake-up, which is a bug.
  AgentRunner(std::string name, std::vector<Agent*> agents, const Clock& clock,
              Duration sleep_max = kSleepMax);
  ~AgentRunner();
  AgentRunner(const AgentRunner&) = delete;
  AgentRunner& operator=(const AgentRunner&) = delete;

  // Starts the thread, calls on_start of every agent, and returns once all have answered. On an
  // error the thread has ended and every agent that started was stopped again.
  [[nodiscard]] Result<void> start();

  [[nodiscard]] bool is_running() const { return thread_.joinable(); }
  // Asks one agent to drain and stop. May be called again with an earlier deadline.
  void request_stop(const Agent& agent, Instant deadline);
  // True once on_stop of the agent has returned; waits until `deadline` at most.
  [[nodiscard]] bool wait_finished(const Agent& agent, Instant deadline);
  // What on_stop returned. REQUIRES wait_finished was true.
  [[nodiscard]] std::uint64_t left_behind(const Agent& agent) const;

  [[nodiscard]] Doorbell& doorbell() { return doorbell_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  // Since the last finished cycle; grows without end if an agent blocks.
  [[nodiscard]] Duration heartbeat_age() const;
  void sample(Samples& samples) const;

 private:
  struct Slot {
    Agent* agent;
    std::atomic<bool> stop{false};
    std::atomic<std::int64_t> deadline_ns{0};
    std::atomic<bool> finished{false};
    std::atomic<std::uint64_t> left_behind{0};
  };

  void run(std::stop_token);
  [[nodiscard]] Result<void> start_agents();
  [[nodiscard]] std::size_t turn(Slot& slot, Instant now);
  void finish(Slot& slot);
  [[nodiscard]] Duration until_due() const;
  void sleep();
  [[nodiscard]] bool any_has_work();
  Slot& slot_of(const Agent& agent) const;

  std::string name_;
  const Clock& clock_;
  Duration sleep_max_;
  std::vector<std::unique_ptr<Slot>> slots_;
  Doorbell doorbell_;
  std::vector<int> fds_;

  std::atomic<std::int64_t> last_beat_ns_{0};
  std::atomic<std::uint64_t> cycles_{0};
  std::atomic<std::uint64_t> missed_wakeups_{0};

  // Start and stop only; no agent's work happens under it.
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool started_ = false;
  Result<void> start_outcome_;
  std::jthread thread_;
};

}  // namespace xylem
