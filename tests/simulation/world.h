#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/network.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/producer.h"
#include "tests/simulation/relay.h"
#include "tests/simulation/stranger.h"
#include "tests/simulation/subscriber.h"

namespace xylem::simulation {

// Who stands where in a run.
enum class Shape : std::uint8_t {
  direct,   // producers -> relay -> subscriber
  sidecar,  // workers, sidecar -> relay -> subscriber
  pair,     // workers, sidecar -> two relays, each with a subscriber
};

// What a run does, all of it chosen by its seed.
struct Plan {
  Shape shape = Shape::direct;
  std::size_t events = 200;
  Duration faults_for = std::chrono::seconds(4);
  // One fault in so many milliseconds, on average; 0: none at all.
  std::size_t fault_every_ms = 0;
  bool power_losses = false;  // else processes are only killed
  bool disk_errors = false;
  bool full_disks = false;
  bool flipped_bits = false;  // what they hit may be lost, if that is said
  bool small_quota = false;   // likewise
  bool clock_jumps = false;
  bool rough_links = false;  // acked links lose, double and swap single messages
  std::size_t strangers = 0;
  bool narrow = false;        // relays upstream take smaller frames than the sidecar
  bool false_limits = false;  // likewise, and say that they take as much
  AckLevel first_level = AckLevel::written;
  AckLevel second_level = AckLevel::written;
  // Canaries: disks say that they have synced when they have not; streams do as rough links.
  bool disks_lie = false;
  bool rough_streams = false;

  [[nodiscard]] static Plan of(std::uint64_t seed);
  [[nodiscard]] std::string describe() const;
};

// What happened in one run, or in all.
struct Report {
  std::uint64_t runs = 0;
  std::uint64_t runs_of_shape[3]{};
  std::uint64_t partitions = 0;
  std::uint64_t clock_jumps = 0;
  std::uint64_t pauses = 0;
  std::uint64_t full_disks = 0;
  std::uint64_t simulated_ms = 0;
  Network::Counts network;
  SimulatedDisk::Counts disk;
  Relay::Counts relay;
  Subscriber::Counts subscriber;
  Stranger::Counts strangers;
  Oracle::Counts oracle;
  std::uint64_t exact_ledgers = 0;  // of two relays in a row, in runs without a death
  std::uint64_t resent = 0;         // by producers

  Report& operator+=(const Report& more);
  [[nodiscard]] std::string describe() const;
};

// One run: processes, a network and disks between them, and what goes wrong. One thread.
class World {
 public:
  World(const Plan& plan, std::uint64_t seed);
  ~World();

  // Runs to its end. Nothing if all promises were kept, or what was not.
  [[nodiscard]] std::optional<std::string> run();

  [[nodiscard]] Report report() const;
  // The last things that happened, and how everybody fares.
  [[nodiscard]] std::string story() const;

 private:
  struct Later {
    Instant at;
    std::function<void()> act;
  };

  void build();
  Relay& add_relay(const std::string& name, const std::vector<std::string>& upstream);
  void add_subscriber(const Relay& relay);
  void add_producer(const Relay& relay, std::uint32_t worker);
  void add_stranger(std::uint64_t seed);
  [[nodiscard]] SourceLimits narrow_limits();

  void step();
  void move_clock(std::size_t work);
  void feed(bool fresh);
  void try_to_start(Relay& relay);
  void act_later();
  void heal();
  void settle();
  [[nodiscard]] bool has_settled() const;

  // What the relays say together.
  void judge_ledgers();
  void judge_hop(const Relay& sidecar);
  [[nodiscard]] bool counts_are_whole() const;

  // Faults.
  void something_goes_wrong();
  void hit_relay();
  [[nodiscard]] bool flip_bit(Relay& relay);
  void hit_network();
  void hit_disk();
  void hit_time();
  void later(Duration after, std::function<void()> act);
  [[nodiscard]] Duration some(std::size_t least_ms, std::size_t most_ms);
  [[nodiscard]] Relay& any_relay();
  void tell(std::string what);

  Plan plan_;
  Chance chance_;
  Instant now_{std::chrono::hours(1)};
  Instant begin_{now_};
  Oracle oracle_;
  Network network_;
  std::vector<std::unique_ptr<Relay>> relays_;
  std::vector<std::unique_ptr<Producer>> producers_;
  std::vector<std::unique_ptr<Subscriber>> subscribers_;
  std::vector<std::unique_ptr<Stranger>> strangers_;
  std::uint32_t workers_ = 0;
  std::size_t drawn_ = 0;
  bool healed_ = false;
  std::vector<Later> later_;
  std::map<const Relay*, Instant> start_at_;  // of those that are down
  std::deque<std::string> story_;
  Report report_;
};

}  // namespace xylem::simulation
