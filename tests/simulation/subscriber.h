#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "relay/base/limits.h"
#include "relay/codec/control_codec.h"
#include "relay/transport/socket.h"
#include "tests/simulation/network.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/process.h"

namespace xylem::simulation {

// A subscriber of everything, which comes back to where it was after every break, and holds what
// it is sent against the rules of the stream (docs/protocol.md §5). Its own, and not the library's
// Receiver, so that the two ends are not wrong in the same way. One thread.
class Subscriber {
 public:
  struct Options {
    std::string name;
    std::string relay_name;
    std::string relay;  // its stream endpoint
    Overflow overflow = Overflow::drop_oldest;
    std::uint64_t tap_bytes_max = 0;
    std::uint64_t credit_bytes = std::uint64_t{16} << 10;
    bool shapes = true;
    // Of the run: without it a gap of reason `retention` is against the rules.
    bool log_may_lose = false;
    // With the policy `block` it may be demoted, and then be told of gaps as others are.
    bool may_be_demoted = false;
    SourceLimits limits{};  // the relay's: what that lets in, every reader takes
  };
  struct Counts {
    std::uint64_t hellos = 0;
    std::uint64_t epochs = 0;  // seen to begin
    std::uint64_t overflow_gaps = 0;
    std::uint64_t retention_gaps = 0;
    std::uint64_t byes = 0;
    std::uint64_t back_to_start = 0;  // times that its position was one that the relay did not know
    Counts& operator+=(const Counts& more);
  };
  Subscriber(Options options, Network& network, Oracle& oracle, const Instant& now);

  std::size_t work();
  void pause(Instant until) { asleep_until_ = until; }
  void log_may_lose() { options_.log_may_lose = true; }

  [[nodiscard]] const std::string& name() const { return options_.name; }
  [[nodiscard]] const std::string& relay_name() const { return options_.relay_name; }
  // Whether it has everything of a relay that is so far.
  [[nodiscard]] bool has_all(Epoch epoch, Sequence next) const;
  [[nodiscard]] const Counts& counts() const { return counts_; }
  [[nodiscard]] std::string describe() const;

 private:
  void connect();
  void say(const Control& control);
  void on_control(const Control& control);
  void on_welcome(const Welcome& welcome);
  void on_gap(const Gap& gap);
  void on_batch(const Frame& frame);
  // Whether what begins at this place follows what came before; if not, that is against the rules.
  [[nodiscard]] bool follows(Epoch epoch, Sequence first, const char* what);
  void come_back(Duration after);
  void violated(const std::string& what);

  Options options_;
  Oracle& oracle_;
  const Instant& now_;
  ProcessClock clock_;
  std::unique_ptr<Context> context_;
  std::optional<Socket> socket_;
  std::uint64_t session_ = 0;
  std::uint64_t granted_bytes_ = 0;
  std::uint64_t consumed_bytes_ = 0;
  Duration heartbeat_{0};
  Epoch relay_epoch_;  // as it has said on this connection, or none
  Instant heard_at_;
  Instant moved_at_;
  Instant said_at_;
  Instant connect_at_;
  Instant asleep_until_;
  // The first that is not accounted for. Older than every epoch: all that the log has is wanted.
  Epoch epoch_{1};
  Sequence next_{1};
  std::optional<Oracle::Place> open_gap_;  // of which nobody knows the end
  bool must_be_let_go_ = false;
  Counts counts_;
};

}  // namespace xylem::simulation
