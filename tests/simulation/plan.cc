#include <fmt/format.h>

#include <algorithm>

#include "tests/simulation/world.h"

namespace xylem::simulation {
namespace {

constexpr const char* kShapes[] = {"direct", "sidecar", "pair"};

}  // namespace

Plan Plan::of(std::uint64_t seed) {
  Chance chance(seed);
  Plan plan;
  plan.shape = static_cast<Shape>(chance.below(3));
  plan.events = chance.between(60, chance.one_in(4) ? 1'000 : 300);
  plan.faults_for = std::chrono::milliseconds(chance.between(800, 6'000));
  static constexpr std::size_t kEvery[] = {0, 40, 100, 250, 700};
  plan.fault_every_ms = chance.of(std::span<const std::size_t>(kEvery));
  plan.power_losses = chance.one_in(2);
  plan.disk_errors = chance.one_in(2);
  plan.full_disks = chance.one_in(4);
  plan.clock_jumps = chance.one_in(2);
  plan.rough_links = chance.one_in(5);
  plan.flipped_bits = chance.one_in(10);
  plan.small_quota = chance.one_in(8);
  plan.strangers = chance.one_in(3) ? chance.between(1, 4) : 0;
  plan.narrow = plan.shape != Shape::direct && chance.one_in(2);
  plan.false_limits = plan.shape == Shape::sidecar && plan.narrow && chance.one_in(3);
  if (plan.false_limits) plan.events = std::min<std::size_t>(plan.events, 120);
  plan.first_level = chance.one_in(2) ? AckLevel::written : AckLevel::synced;
  plan.second_level = chance.one_in(2) ? AckLevel::written : AckLevel::synced;
  return plan;
}

std::string Plan::describe() const {
  std::string text =
      fmt::format("{}: {} events, {} and {}, a fault every {} ms for {} ms", kShapes[int(shape)],
                  events, name_of(first_level), name_of(second_level), fault_every_ms,
                  std::chrono::duration_cast<std::chrono::milliseconds>(faults_for).count());
  const auto add = [&](bool is, const char* what) {
    if (is) text += fmt::format(", {}", what);
  };
  add(power_losses, "power losses");
  add(disk_errors, "disk errors");
  add(full_disks, "full disks");
  add(flipped_bits, "flipped bits");
  add(small_quota, "a small quota");
  add(clock_jumps, "clock jumps");
  add(rough_links, "rough links");
  add(narrow, "a narrow relay upstream");
  add(false_limits, "which does not say so");
  if (strangers != 0) text += fmt::format(", {} strangers", strangers);
  add(disks_lie, "disks that lie");
  return text;
}

Report& Report::operator+=(const Report& more) {
  runs += more.runs;
  for (std::size_t i = 0; i < 3; ++i) runs_of_shape[i] += more.runs_of_shape[i];
  partitions += more.partitions;
  clock_jumps += more.clock_jumps;
  pauses += more.pauses;
  full_disks += more.full_disks;
  simulated_ms += more.simulated_ms;
  network += more.network;
  disk += more.disk;
  relay += more.relay;
  subscriber += more.subscriber;
  strangers += more.strangers;
  oracle += more.oracle;
  exact_ledgers += more.exact_ledgers;
  resent += more.resent;
  return *this;
}

std::string Report::describe() const {
  std::string text = fmt::format(
      "{} runs ({} direct, {} sidecar, {} pair), {} simulated seconds\n"
      "  events      {} drawn, {} promised, {} delivered, {} of them again, {} excused, {} in "
      "gaps, "
      "{} admitted, {} damaged\n",
      runs, runs_of_shape[0], runs_of_shape[1], runs_of_shape[2], simulated_ms / 1000,
      oracle.events, oracle.promised, oracle.delivered, oracle.again, oracle.excused,
      oracle.in_gaps, oracle.admitted, oracle.damaged);
  text += fmt::format(
      "  network     {} delivered, {} lost, {} dropped, {} doubled, {} swapped, {} resets, {} "
      "partitions, {} held, {} connections, {} full\n",
      network.delivered, network.lost, network.dropped, network.doubled, network.swapped,
      network.resets, partitions, network.held, network.connections, network.full);
  text += fmt::format(
      "  relays      {} starts, {} failed, {} kills, {} power losses, {} stops, {} moves, {} "
      "batches "
      "resent upstream, {} duplicates, {} stalls, {} files set aside\n",
      relay.starts, relay.failed_starts, relay.kills, relay.power_losses, relay.stops, relay.moves,
      relay.resent, relay.duplicates, relay.stalls, relay.set_aside);
  text += fmt::format(
      "  disks       {} writes, {} syncs, {} failed writes, {} failed syncs, {} failed names, {} "
      "full ({} calls), {} sectors lost, {} kept, {} names lost, {} bits flipped\n",
      disk.writes, disk.syncs, disk.failed_writes, disk.failed_syncs, disk.failed_names, full_disks,
      disk.full, disk.lost_sectors, disk.kept_sectors, disk.lost_names, disk.flipped_bits);
  text += fmt::format(
      "  strangers   {} controls, {} batches, {} messages, {} welcomes, {} byes, {} events of "
      "theirs "
      "delivered, {} cut off\n",
      strangers.controls, strangers.batches, strangers.messages, strangers.welcomes, strangers.byes,
      oracle.strange, network.cut_off);
  text += fmt::format(
      "  two in row  {} ledgers held to the event, {} refused, {} of them too large; dropped: {} "
      "too "
      "large, {} refused, {} by quotas, {} damaged\n",
      exact_ledgers, relay.refused, relay.too_large, relay.dropped_for(DropReason::too_large),
      relay.dropped_for(DropReason::refused), relay.dropped_for(DropReason::spool_quota),
      relay.dropped_for(DropReason::spool_damaged));
  text += fmt::format(
      "  others      {} clock jumps, {} pauses, {} batches resent by producers, {} hellos, {} "
      "epochs, {} overflow gaps, {} retention gaps, {} taken again by another source",
      clock_jumps, pauses, resent, subscriber.hellos, subscriber.epochs, subscriber.overflow_gaps,
      subscriber.retention_gaps, oracle.moved);
  return text;
}

}  // namespace xylem::simulation
