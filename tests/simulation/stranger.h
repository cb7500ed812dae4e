#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "relay/transport/socket.h"
#include "tests/doubles/control_grammar.h"
#include "tests/doubles/event_grammar.h"
#include "tests/simulation/network.h"
#include "tests/simulation/relay.h"

namespace xylem::simulation {

// Somebody who reaches a relay's ports and keeps to no rule: says whatever the grammars make, at
// any time, reads when it likes, leaves without a word and comes back. One thread.
class Stranger {
 public:
  enum class Door : std::uint8_t { push, acked, stream };
  struct Options {
    std::string name;
    Door door = Door::acked;
    Duration pause_max = std::chrono::milliseconds(200);  // between what it says
  };
  struct Counts {
    std::uint64_t controls = 0;
    std::uint64_t batches = 0;
    std::uint64_t messages = 0;
    std::uint64_t welcomes = 0;
    std::uint64_t byes = 0;
    Counts& operator+=(const Counts& more);
  };
  Stranger(Options options, Relay& relay, Network& network, const Instant& now, std::uint64_t seed);

  std::size_t work();
  // Says and reads nothing from now on; it may leave, or just stand there.
  void fall_silent();

  [[nodiscard]] const Relay& relay() const { return relay_; }
  [[nodiscard]] bool sends_events() const { return options_.door != Door::stream; }
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  void push();
  void connect();
  void read();
  void say_something();
  [[nodiscard]] testing::Bytes batch();
  [[nodiscard]] testing::Bytes control();
  void send(const testing::Bytes& frame);

  Options options_;
  Relay& relay_;
  const Instant& now_;
  Chance chance_;
  std::unique_ptr<Context> context_;
  testing::EventGrammar events_;
  testing::ControlGrammar controls_;
  std::optional<Socket> socket_;
  std::uint64_t source_;
  std::uint64_t next_batch_ = 1;
  std::uint64_t session_ = 0;
  std::uint64_t granted_ = 0;
  Instant next_at_;
  bool silent_ = false;
  Counts counts_;
};

}  // namespace xylem::simulation
