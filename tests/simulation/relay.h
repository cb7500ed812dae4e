#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "relay/egress/stream_egress.h"
#include "relay/egress/upstream.h"
#include "relay/history/history_agent.h"
#include "relay/ingest/acked_ingest.h"
#include "relay/pipeline/pipeline_agent.h"
#include "relay/spool/spool_agent.h"
#include "tests/doubles/bytes.h"
#include "tests/doubles/simulated_disk.h"
#include "tests/simulation/network.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/process.h"

namespace xylem::simulation {

using testing::SimulatedDisk;

// A whole relay as relay/node/node.cc wires it, without threads, HTTP and the plain ZeroMQ
// endpoints: its agents take turns in an order that chance chooses, each a thread of its own that
// may fall asleep. It can be killed, lose its machine's power, be stopped and be started again over
// the same disk. One thread.
class Relay {
 public:
  struct Options {
    std::string name;
    std::string acked;   // where it listens
    std::string stream;  // likewise
    std::size_t ring_batches = 64;
    SourceLimits limits{std::size_t{32} << 10, std::size_t{16} << 10};  // small: a run costs little
    std::size_t frame_bytes_told = 0;  // to sources, if not what it takes
    LogWriter::Options spool;
    SpoolAgent::Options spool_agent;
    StreamEgress::Options stream_egress;
    HistoryLink::Options history;
    std::vector<std::string> upstream;  // the acked endpoints of other relays
    Upstream::Options upstream_options;
    // A sidecar's own workers say that an event is safe at this level.
    AckLevel local_level = AckLevel::written;
  };
  struct Counts {
    std::uint64_t starts = 0;
    std::uint64_t failed_starts = 0;
    std::uint64_t kills = 0;
    std::uint64_t power_losses = 0;
    std::uint64_t stops = 0;
    std::uint64_t moves = 0;   // of workers, between relays upstream
    std::uint64_t resent = 0;  // batches, upstream
    std::uint64_t duplicates = 0;
    std::uint64_t stalls = 0;
    std::uint64_t set_aside = 0;
    std::uint64_t refused = 0;    // of what came over acked links, messages and events
    std::uint64_t too_large = 0;  // of them, events
    std::array<std::uint64_t, kDropReasonCount> dropped{};  // on the way upstream
    [[nodiscard]] std::uint64_t dropped_for(DropReason reason) const {
      return dropped[static_cast<std::size_t>(reason)];
    }
    Counts& operator+=(const Counts& more);
  };

  Relay(Options options, Network& network, Oracle& oracle, const Instant& now, std::uint64_t seed);
  ~Relay();

  // False if it could not, for its disk: then it is to be tried again.
  [[nodiscard]] bool start();
  void kill();
  void lose_power();
  // Asks it to stop in order; it is down when it has, or when `deadline` has passed.
  void stop(Instant deadline);
  [[nodiscard]] bool is_up() const { return life_ != nullptr; }
  [[nodiscard]] bool is_stopping() const;

  // Every agent has a turn. Returns how much they did.
  std::size_t work();
  // One agent, or all of them, does nothing until then.
  void pause_one(Instant until);
  void pause_all(Instant until);
  void jump_clock(std::chrono::microseconds by) { clock_.jump(by); }

  // Events of its own workers, from its own machine; some of them may be left.
  void take_in(const std::vector<Oracle::Id>& events);
  // Whatever somebody pushes: with a key JSON, without one a frame.
  void take_in_strange(std::optional<std::string> key, const testing::Bytes& body);

  [[nodiscard]] SimulatedDisk& disk() { return disk_; }
  [[nodiscard]] const std::string& name() const { return options_.name; }
  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] bool is_sidecar() const { return !options_.upstream.empty(); }
  [[nodiscard]] Counts counts() const;
  // What its boards say that does not add up, or nothing.
  void check_ledgers();
  [[nodiscard]] Ledger upstream_ledger() const;  // REQUIRES is_up(), is_sidecar().
  // It is up, what its own workers sent is safe, and was sent on and acknowledged upstream.
  [[nodiscard]] bool all_sent_on() const;
  // What comes next here. REQUIRES is_up().
  [[nodiscard]] std::pair<Epoch, Sequence> position() const;
  // Adds its life's figures to its counts, and what it admits to have lost to the oracle's. Called
  // by itself when a life ends. REQUIRES is_up().
  void note_figures();
  [[nodiscard]] std::string describe() const;

 private:
  struct Life;
  class LocalWorkers;
  [[nodiscard]] bool has_small_quota() const;
  [[nodiscard]] std::uint64_t dropped() const;
  void watch();
  void end(bool power_lost);
  std::size_t turn(std::size_t agent);

  Options options_;
  Network& network_;
  Oracle& oracle_;
  const Instant& now_;
  Chance chance_;
  ProcessClock clock_;
  std::unique_ptr<Context> context_;
  SimulatedDisk disk_;
  Counts counts_;
  std::unique_ptr<Life> life_;
};

}  // namespace xylem::simulation
