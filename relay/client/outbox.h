#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "relay/agent/agent.h"
#include "relay/agent/agent_runner.h"
#include "relay/codec/batch_builder.h"
#include "relay/codec/celery_json.h"
#include "relay/codec/shaper.h"
#include "relay/transport/socket.h"

namespace xylem {

// What a dispatcher has counted since it was made, in events.
//   offered = sent + dropped + waiting
struct OutboxFigures {
  std::uint64_t offered = 0;
  std::uint64_t sent = 0;     // handed to the connection
  std::uint64_t dropped = 0;  // the outbox was full, or the event was over a limit
  std::uint64_t waiting = 0;
};

// The sending end of the push endpoint: any thread puts events in, one thread of its own sends what
// is there as one batch. While the relay is away or slow, events wait, bounded in bytes; then put()
// says no. A relay has no way to say what it takes, so batches are such as every relay takes, and
// an event that is more goes alone. Nothing here blocks a caller beyond a copy under a mutex
// (docs/decisions/0004).
class Outbox final : public Agent {
 public:
  struct Options {
    Address relay;
    std::size_t waiting_bytes_max = std::size_t{8} << 20;
    std::size_t batch_bytes_full = std::size_t{128} << 10;
    std::size_t event_bytes_max = std::size_t{64} << 10;
    int send_hwm = 64;      // batches that wait in libzmq
    bool replayed = false;  // marks what it sends as events of the past, sent again
  };
  Outbox(Options options, Context& context);

  // Any thread. False: it was counted as dropped, for want of room or a valid key. REQUIRES a JSON
  // object. The sender wakes at once, or, if `wake` is false, when the batch is full or wake() is
  // called.
  [[nodiscard]] bool put(std::string_view key, std::string_view body, std::int64_t timestamp_us,
                         bool wake);
  // Counts an event as dropped that is no event.
  void refuse();
  void wake() { bell_->ring(); }
  [[nodiscard]] OutboxFigures figures() const;
  // How long what libzmq has taken may still leave once this has stopped; the end of the context
  // waits for that. Any thread, before the stop.
  void linger(Duration patience);
  // Before the runner starts.
  void use_bell(Doorbell& bell) { bell_ = &bell; }

  [[nodiscard]] std::string_view name() const override { return "dispatcher"; }
  [[nodiscard]] Result<void> on_start() override;
  [[nodiscard]] std::size_t do_work(Instant now) override;
  [[nodiscard]] bool has_work() override;
  void wait_fds(std::vector<int>& fds) const override;
  [[nodiscard]] Drain drain(Instant now) override;
  [[nodiscard]] std::uint64_t on_stop() override;

 private:
  [[nodiscard]] Result<void> connect();
  void follow_the_name(Instant now);
  [[nodiscard]] bool add(std::string_view key, std::string_view body, std::int64_t timestamp_us);
  void close_open();
  [[nodiscard]] bool send_front();
  [[nodiscard]] bool take_front();
  [[nodiscard]] bool nothing_waits() const;
  [[nodiscard]] bool is_full() const;

  Options options_;
  Context& context_;
  Doorbell* bell_ = nullptr;

  // Sender thread only. Full batches wait in order before the open one.
  std::optional<Socket> socket_;
  Address found_;  // the relay's, its name looked up
  Instant look_at_;
  int fd_ = -1;
  BatchRef at_hand_;              // taken out, and not yet taken by the socket
  std::size_t batch_events_ = 0;  // in the batch taken out last
  std::atomic<int> linger_ms_{500};

  mutable std::mutex mutex_;  // guards what follows
  BatchBuilder open_;
  Shaper shaper_;
  CeleryJson json_;
  Slab event_;                                // the event at hand, with slack behind
  std::vector<std::unique_ptr<Batch>> full_;  // oldest first; bounded by waiting_bytes_max
  std::size_t full_bytes_ = 0;
  OutboxFigures figures_;
};

}  // namespace xylem
