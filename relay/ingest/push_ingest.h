#pragma once

#include <optional>
#include <string>
#include <vector>

#include "relay/agent/agent.h"
#include "relay/base/log.h"
#include "relay/ingest/admission.h"
#include "relay/ingest/source_outbox.h"
#include "relay/metrics/published.h"
#include "relay/pipeline/edge.h"
#include "relay/transport/socket.h"

namespace xylem {

// The push endpoint (ZMQ PULL; docs/protocol.md §3): at most once, in order per sender. When the
// pipeline has no room nothing is read, libzmq's queues fill, and the senders feel it.
class PushIngest final : public Agent, Admission::Refused, Admission::Outlet {
 public:
  struct Options {
    std::vector<Address> listen;
    Admission::Options admission;
    int receive_hwm = 1000;  // messages per sender that wait in libzmq
  };
  // All must outlive the agent.
  PushIngest(Options options, Context& context, SourceEdge& edge, const Clock& clock);

  [[nodiscard]] std::string_view name() const override { return "push"; }
  [[nodiscard]] Result<void> on_start() override;
  [[nodiscard]] std::size_t do_work(Instant now) override;
  [[nodiscard]] bool has_work() override;
  void wait_fds(std::vector<int>& fds) const override;
  [[nodiscard]] Drain drain(Instant now) override;
  [[nodiscard]] std::uint64_t on_stop() override;

  // After on_start: where it listens, with the ports that the system chose.
  [[nodiscard]] const std::vector<Address>& bound() const { return bound_; }
  // Any thread.
  void sample(Samples& samples) const { shown_.read().sample("push", samples); }

 private:
  // Of the thread that it shares with others.
  static constexpr std::size_t kMessagesPerTurn = 1024;
  static constexpr std::size_t kBytesPerTurn = std::size_t{512} << 10;
  static constexpr std::size_t kMessagesAtStop = 100'000;

  [[nodiscard]] std::size_t read_messages();
  void take(Frame& first);
  void on_refused(Refusal why, std::string_view key, std::size_t bytes) override;
  void on_batch(std::unique_ptr<Batch> batch) override;

  Options options_;
  Context& context_;
  SourceOutbox outbox_;
  Admission admission_;
  DistinctLog log_;
  std::optional<Socket> socket_;
  std::vector<Address> bound_;
  int fd_ = -1;
  std::size_t received_while_stopping_ = 0;
  Published<SourceFigures> shown_;
  const Frame* at_hand_ = nullptr;  // the message being judged, for its sender's address
};

}  // namespace xylem
