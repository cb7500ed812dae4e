#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "relay/agent/agent_runner.h"
#include "relay/base/clock.h"
#include "relay/base/result.h"
#include "relay/client/event_fields.h"
#include "relay/client/outbox.h"
#include "relay/transport/socket.h"

namespace xylem {

// Sends a worker's events to a relay, with the semantics of Celery's EventDispatcher
// (celery/events/dispatcher.py): common fields, logical clock, groups, buffered groups, heartbeats.
// send() never blocks: it copies the event into a bounded outbox, and says no when that is full.
//
// Thread safety  every method may be called from any thread.
// Fork           make it after forking; a child must not use its parent's.
class Dispatcher {
 public:
  struct Options {
    Address relay;                 // a push endpoint
    std::string hostname;          // Celery's node name, "celery@host"; empty: "xylem<pid>@<host>"
    std::set<std::string> groups;  // send only these ("worker", "task", ...); empty: all
    // Events of these groups may wait in the outbox for others to share a batch with, until
    // buffer_events wait, flush() is called, or the outbox's batch is full.
    std::set<std::string> buffer_groups;
    std::size_t buffer_events = 24;
    std::size_t waiting_bytes_max = std::size_t{8} << 20;
  };
  // Starts the sending thread. `context` and `clock` must outlive the dispatcher. Errors:
  // bad_address; io, also when the relay's name has no address or this process may not write to its
  // ipc socket. A relay that is not there yet is no error.
  [[nodiscard]] static Result<std::unique_ptr<Dispatcher>> open(Options options, Context& context,
                                                                const Clock& clock);
  ~Dispatcher();  // close() with half a second

  // not_enabled  disable()d, or not one of the groups
  // full         the outbox has no room; a later try may find some
  // refused      no relay takes it, however often it is tried: it is above 64 KiB, the type makes
  //              no routing key, a field has a name that is the dispatcher's or is nested too deep
  // figures() counts what is full or refused as dropped.
  enum class Sent { queued, not_enabled, full, refused };
  // `type` is Celery's ("task-failed").
  Sent send(std::string_view type, const EventFields& fields);
  // A ready JSON object instead, as it is, at most kEventBytesMax of it; `type` must be its type.
  Sent send_json(std::string_view type, std::string_view object, std::int64_t timestamp_us);
  static constexpr std::size_t kEventBytesMax = std::size_t{64} << 10;
  void flush() { outbox_.wake(); }

  // Celery's switches (remote control enable_events, disable_events).
  void enable() { enabled_ = true; }
  void disable() { enabled_ = false; }
  [[nodiscard]] bool enabled() const { return enabled_; }

  // The Lamport clock (kombu/clocks.py): every event carries the next value; adjust() takes in what
  // another process was seen to have, and returns the new value.
  std::uint64_t adjust(std::uint64_t other);
  [[nodiscard]] std::uint64_t clock() const { return clock_value_; }

  // What a heartbeat says besides freq and sw_*; filled in on the dispatcher's thread.
  using Beat = std::function<void(EventFields&)>;
  // Sends worker-online now, worker-heartbeat every `interval`, worker-offline at close().
  void start_heart(Duration interval, Beat beat);

  [[nodiscard]] OutboxFigures figures() const { return outbox_.figures(); }
  // Sends what waits, until `patience` is over; returns how many events were left behind. What the
  // connection has taken by then may be on its way: the end of the context waits for it as long
  // again.
  std::uint64_t close(Duration patience);

 private:
  // Beats on the sending thread, between its sleeps.
  class Heart final : public Agent {
   public:
    explicit Heart(Dispatcher& dispatcher) : dispatcher_(dispatcher) {}
    [[nodiscard]] std::string_view name() const override { return "heart"; }
    [[nodiscard]] Result<void> on_start() override { return {}; }
    [[nodiscard]] std::size_t do_work(Instant now) override;
    [[nodiscard]] bool has_work() override { return false; }
    void wait_fds(std::vector<int>&) const override {}
    [[nodiscard]] Drain drain(Instant) override { return Drain::finished; }
    [[nodiscard]] std::uint64_t on_stop() override { return 0; }

   private:
    Dispatcher& dispatcher_;
  };

  Dispatcher(Options options, Context& context, const Clock& clock);
  [[nodiscard]] bool wants(std::string_view group) const;
  Sent put(std::string_view type, std::string_view object, std::int64_t timestamp_us);
  void beat(std::string_view type);

  Options options_;
  const Clock& clock_source_;
  std::string common_;  // `"hostname":...,"utcoffset":...,"pid":...`
  std::atomic<bool> enabled_{true};
  std::atomic<std::uint64_t> clock_value_{0};
  std::atomic<std::uint64_t> buffered_{0};

  std::mutex heart_mutex_;  // guards what follows; taken once a sleep and once a beat
  Duration heart_interval_{0};
  Instant next_beat_;
  Beat beat_;

  Outbox outbox_;
  Heart heart_;
  AgentRunner runner_;
  std::atomic<bool> closed_{false};
};

}  // namespace xylem
