#include <fmt/format.h>

#include <utility>

#include "tests/simulation/world.h"

// What goes wrong in a World.

namespace xylem::simulation {

Duration World::some(std::size_t least_ms, std::size_t most_ms) {
  return std::chrono::microseconds(chance_.between(least_ms * 1000, most_ms * 1000));
}

Relay& World::any_relay() { return *relays_[chance_.below(relays_.size())]; }

void World::something_goes_wrong() {
  switch (chance_.below(8)) {
    case 0:
    case 1: return hit_relay();
    case 2:
    case 3:
    case 4: return hit_network();
    case 5:
    case 6: return hit_disk();
    default: return hit_time();
  }
}

void World::hit_relay() {
  Relay& relay = any_relay();
  if (!relay.is_up()) return;
  start_at_[&relay] = now_ + some(0, chance_.one_in(3) ? 4'000 : 300);
  if (chance_.one_in(4)) {
    if (relay.is_stopping()) return;
    tell(fmt::format("{} is asked to stop", relay.name()));
    return relay.stop(now_ + some(50, 2'000));
  }
  const bool power = plan_.power_losses && chance_.one_in(2);
  tell(fmt::format("{} {}; {}", relay.name(), power ? "loses power" : "is killed",
                   relay.describe()));
  power ? relay.lose_power() : relay.kill();
  const bool flip = plan_.flipped_bits && chance_.one_in(2) && flip_bit(relay);
  if (flip) tell(fmt::format("a bit flips on the disk of {}", relay.name()));
}

// In the log; a cursor or an epoch that is damaged is as good as none, and says nothing of it.
bool World::flip_bit(Relay& relay) {
  std::vector<std::string> logs = relay.disk().names();
  std::erase_if(logs, [](const std::string& name) { return !name.ends_with(".seg"); });
  if (logs.empty()) return false;
  const std::string& name = logs[chance_.below(logs.size())];
  oracle_.flipped();
  const std::size_t bits = relay.disk().contents(name).size() * 8;
  return bits != 0 && relay.disk().flip_bit(name, chance_.below(bits));
}

void World::hit_network() {
  if (chance_.one_in(2)) {
    if (network_.reset_some()) tell("a connection is reset");
    return;
  }
  using Parting = Network::Parting;
  static constexpr Parting kPartings[] = {Parting::cut, Parting::hold, Parting::hold_there,
                                          Parting::hold_back};
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& subscriber : subscribers_) {
    pairs.emplace_back(subscriber->name(), subscriber->relay_name());
  }
  for (const auto& producer : producers_) {
    for (const auto& relay : relays_) {
      if (relay->options().acked == producer->relay()) {
        pairs.emplace_back(producer->name(), relay->name());
      }
    }
  }
  for (const auto& relay : relays_) {
    if (!relay->is_sidecar()) continue;
    for (const auto& other : relays_) {
      if (!other->is_sidecar()) pairs.emplace_back(relay->name(), other->name());
    }
  }
  const auto pair = pairs[chance_.below(pairs.size())];
  const Parting parting = chance_.of(std::span<const Parting>(kPartings));
  static constexpr const char* kNames[] = {"cut", "held", "held there", "held back"};
  tell(fmt::format("between {} and {} everything is {}", pair.first, pair.second,
                   kNames[static_cast<std::size_t>(parting)]));
  ++report_.partitions;
  network_.part(pair.first, pair.second, parting);
  later(some(10, chance_.one_in(3) ? 8'000 : 500), [this, pair] {
    tell(fmt::format("between {} and {} it is healed", pair.first, pair.second));
    network_.heal(pair.first, pair.second);
  });
}

void World::hit_disk() {
  if (!plan_.disk_errors && !plan_.full_disks) return;
  Relay& relay = any_relay();
  SimulatedDisk& disk = relay.disk();
  const bool fill = plan_.full_disks && (!plan_.disk_errors || chance_.one_in(3));
  if (fill) {
    tell(fmt::format("the disk of {} is full", relay.name()));
    ++report_.full_disks;
    SimulatedDisk::Faults& faults = disk.faults();
    faults.others_bytes = faults.capacity_bytes - disk.used_bytes() - chance_.below(8 << 10);
    return later(some(50, 2'000), [this, &relay] {
      tell(fmt::format("the disk of {} has room again", relay.name()));
      relay.disk().faults().others_bytes = 0;
    });
  }
  if (chance_.one_in(3)) {
    const std::size_t count = chance_.one_in(4) ? 20 : chance_.between(1, 2);
    tell(fmt::format("the next {} syncs of {} fail", count, relay.name()));
    return disk.fail_syncs(count);
  }
  tell(fmt::format("the disk of {} fails now and then", relay.name()));
  disk.faults().write_one_in = chance_.between(2, 10);
  disk.faults().sync_one_in = chance_.below(4);
  disk.faults().name_one_in = chance_.below(4);
  later(some(50, 1'000), [this, &relay] {
    tell(fmt::format("the disk of {} is sound again", relay.name()));
    SimulatedDisk::Faults& faults = relay.disk().faults();
    faults.write_one_in = faults.sync_one_in = faults.name_one_in = 0;
  });
}

void World::hit_time() {
  if (plan_.clock_jumps && chance_.one_in(2)) {
    Relay& relay = any_relay();
    const auto most = std::int64_t{chance_.one_in(2) ? 3'600'000'000 : 2'000'000};
    const auto range = static_cast<std::size_t>(2 * most);
    const std::chrono::microseconds by(static_cast<std::int64_t>(chance_.below(range)) - most);
    tell(fmt::format("the clock of {} jumps by {} us", relay.name(), by.count()));
    ++report_.clock_jumps;
    return relay.jump_clock(by);
  }
  ++report_.pauses;
  const Instant until = now_ + some(1, chance_.one_in(4) ? 3'000 : 200);
  if (chance_.one_in(3)) {
    const auto& subscriber = subscribers_[chance_.below(subscribers_.size())];
    tell(fmt::format("{} does not read", subscriber->name()));
    return subscriber->pause(until);
  }
  if (!producers_.empty() && chance_.one_in(3)) {
    return producers_[chance_.below(producers_.size())]->pause(until);
  }
  Relay& relay = any_relay();
  if (!relay.is_up()) return;
  const bool all = chance_.one_in(3);
  tell(fmt::format("{} of {} sleeps", all ? "all" : "a thread", relay.name()));
  all ? relay.pause_all(until) : relay.pause_one(until);
}

}  // namespace xylem::simulation
