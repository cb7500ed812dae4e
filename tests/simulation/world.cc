#include "tests/simulation/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace xylem::simulation {
namespace {

constexpr std::size_t kStoryLines = 60;
// After the last fault: the longest wait is that of a source that was refused, 30 s.
constexpr Duration kPatience = std::chrono::seconds(90);
// Where batches are refused one after the other, each three times alone.
constexpr Duration kPatienceWithRefusals = std::chrono::seconds(600);
// What was just done shows in figures a little later.
constexpr Duration kSettled = std::chrono::milliseconds(200);

double seconds(Duration since) { return std::chrono::duration<double>(since).count(); }

}  // namespace

World::World(const Plan& plan, std::uint64_t seed)
    : plan_(plan), chance_(seed ^ 0x5EED), network_(chance_.any(), now_) {
  report_.runs = 1;
  ++report_.runs_of_shape[static_cast<std::size_t>(plan.shape)];
  build();
}

World::~World() = default;

void World::tell(std::string what) {
  story_.push_back(fmt::format("{:9.4f} {}", seconds(now_ - begin_), what));
  if (story_.size() > kStoryLines) story_.pop_front();
}

void World::build() {
  static constexpr Duration kDelays[] = {
      std::chrono::microseconds(200), std::chrono::milliseconds(2), std::chrono::milliseconds(30)};
  network_.set_delay_max(chance_.of(std::span<const Duration>(kDelays)));
  workers_ = static_cast<std::uint32_t>(chance_.between(1, 4));
  if (plan_.shape == Shape::direct) {
    Relay& relay = add_relay("relay", {});
    add_subscriber(relay);
    for (std::uint32_t worker = 0; worker < workers_; ++worker) add_producer(relay, worker);
  } else {
    std::vector<std::string> upstream;
    for (std::size_t n = 0; n < (plan_.shape == Shape::pair ? 2 : 1); ++n) {
      Relay& relay = add_relay(fmt::format("relay{}", n), {});
      add_subscriber(relay);
      upstream.push_back(relay.options().acked);
    }
    add_relay("sidecar", upstream);
  }
  Chance strange(chance_.any());
  for (std::size_t n = 0; n < plan_.strangers; ++n) add_stranger(strange.any());
  for (const auto& relay : relays_) {
    relay->disk().faults().lies = plan_.disks_lie;
    if (plan_.rough_links && !relay->is_sidecar()) {
      network_.make_rough(relay->options().acked, chance_.between(10, 60));
    }
    if (plan_.rough_streams) network_.make_rough(relay->options().stream, 20);
    try_to_start(*relay);
  }
}

// Below what a sidecar's batches have, and above what the events of our own do.
SourceLimits World::narrow_limits() {
  if (plan_.false_limits) return {kFrameBytesBesideAnEvent + 400, 400};
  static constexpr std::size_t kMessages[] = {1'536, 2'048, 4'096, 12'288};
  const std::size_t message = chance_.of(std::span<const std::size_t>(kMessages));
  return {message, chance_.one_in(2) ? message - kFrameBytesBesideAnEvent : 400};
}

Relay& World::add_relay(const std::string& name, const std::vector<std::string>& upstream) {
  Relay::Options options;
  options.name = name;
  options.acked = fmt::format("tcp://10.0.0.{}:7601", relays_.size() + 1);
  options.stream = fmt::format("tcp://10.0.0.{}:7603", relays_.size() + 1);
  options.ring_batches = chance_.between(12, 64);
  options.spool.segment_bytes = chance_.between(4, 24) << 10;
  options.spool.bytes_max = plan_.small_quota ? options.spool.segment_bytes * chance_.between(2, 4)
                                              : std::uint64_t{64} << 20;
  if (plan_.small_quota && chance_.one_in(3)) options.spool.overflow = SpoolOverflow::block;
  if (plan_.small_quota && chance_.one_in(3)) options.spool.overflow = SpoolOverflow::drop_newest;
  options.spool_agent.sync_interval = some(20, 1'000);
  options.stream_egress.retention.bytes_max = chance_.below(3) * (std::uint64_t{8} << 10);
  if (chance_.one_in(3)) options.history.bytes_max = 1;  // one helping at a time
  // Mostly far below half of what subscribers grant at once.
  options.stream_egress.pipes_bytes_max = chance_.between(1, 4) << 10;
  options.stream_egress.pipe_bytes_min = chance_.between(1, 2'000);
  options.stream_egress.block_deadline = Duration(0);
  options.stream_egress.limits.heartbeat = std::chrono::seconds(1);
  options.stream_egress.limits.idle_timeout = some(3'000, 10'000);
  if (plan_.narrow && upstream.empty()) {
    if (plan_.false_limits) options.frame_bytes_told = options.limits.message_bytes_max;
    options.limits = narrow_limits();
  }
  if (plan_.strangers != 0) options.stream_egress.block_deadline = some(200, 1'000);
  options.upstream = upstream;
  options.upstream_options.level = plan_.second_level;
  options.upstream_options.window_bytes = chance_.between(1, 16) << 10;
  options.upstream_options.failover_after = some(500, 3'000);
  options.local_level = plan_.first_level;
  relays_.push_back(
      std::make_unique<Relay>(std::move(options), network_, oracle_, now_, chance_.any()));
  if (plan_.flipped_bits || plan_.small_quota) oracle_.damaged(name);
  return *relays_.back();
}

void World::add_subscriber(const Relay& relay) {
  static constexpr Overflow kPolicies[] = {Overflow::drop_oldest, Overflow::drop_newest,
                                           Overflow::block, Overflow::disconnect, Overflow::spill};
  Subscriber::Options options;
  options.name = "subscriber of " + relay.name();
  options.relay_name = relay.name();
  options.relay = relay.options().stream;
  options.overflow = chance_.of(std::span<const Overflow>(kPolicies));
  options.tap_bytes_max = chance_.one_in(2) ? 0 : chance_.between(2, 16) << 10;
  options.credit_bytes = chance_.between(2, 32) << 10;
  options.shapes = chance_.one_in(2);
  options.log_may_lose =
      plan_.flipped_bits || plan_.small_quota || plan_.power_losses || plan_.full_disks;
  options.may_be_demoted = plan_.strangers != 0;
  options.limits = relay.options().limits;
  // What a shaped batch becomes, and beside its bodies no more than it had.
  const FrameLimits frame = options.limits.frame();
  if (!options.shapes) options.limits.message_bytes_max = frame.json_bytes_max() + frame.bytes_max;
  subscribers_.push_back(std::make_unique<Subscriber>(options, network_, oracle_, now_));
}

void World::add_producer(const Relay& relay, std::uint32_t worker) {
  Producer::Options options;
  options.name = fmt::format("producer{}", worker);
  options.relay = relay.options().acked;
  options.worker = worker;
  options.level = chance_.one_in(2) ? plan_.first_level : plan_.second_level;
  options.source = chance_.any() | 1;
  producers_.push_back(std::make_unique<Producer>(options, network_, oracle_, now_));
}

void World::add_stranger(std::uint64_t seed) {
  Chance chance(seed);
  Stranger::Options options;
  options.name = fmt::format("stranger{}", strangers_.size());
  options.door = static_cast<Stranger::Door>(chance.below(3));
  options.pause_max = std::chrono::milliseconds(chance.between(20, 400));
  Relay& relay = *relays_[chance.below(relays_.size())];
  strangers_.push_back(std::make_unique<Stranger>(options, relay, network_, now_, chance.any()));
  oracle_.expect_strangers();
}

void World::later(Duration after, std::function<void()> act) {
  later_.push_back({now_ + after, std::move(act)});
}

void World::act_later() {
  for (std::size_t i = 0; i < later_.size();) {
    if (later_[i].at > now_) {
      ++i;
      continue;
    }
    const std::function<void()> act = std::move(later_[i].act);
    later_.erase(later_.begin() + static_cast<std::ptrdiff_t>(i));
    act();
  }
}

// A supervisor that starts it again and again.
void World::try_to_start(Relay& relay) {
  if (relay.start()) {
    tell(fmt::format("{} is up", relay.name()));
    start_at_.erase(&relay);
  } else {
    tell(fmt::format("{} cannot start", relay.name()));
    start_at_[&relay] = now_ + some(50, 300);
  }
}

// New events, some at a time, until there were enough. Fresh ones at the end are from everybody.
void World::feed(bool fresh) {
  for (const auto& producer : producers_) {
    const std::size_t count = fresh ? 1 : chance_.below(6);
    producer->draw(count);
    drawn_ += count;
  }
  for (const auto& relay : relays_) {
    if (!relay->is_sidecar() || !relay->is_up() || relay->is_stopping()) continue;
    std::vector<Oracle::Id> events;
    for (std::size_t n = fresh ? workers_ : chance_.below(8); n != 0; --n) {
      const std::size_t worker = fresh ? n - 1 : chance_.below(workers_);
      events.push_back(oracle_.draw(static_cast<std::uint32_t>(worker),
                                    {plan_.first_level, plan_.second_level}, true));
    }
    relay->take_in(events);
    drawn_ += events.size();
  }
}

// Time goes on in small steps while something happens, and in larger ones else.
void World::move_clock(std::size_t work) {
  Duration by = std::chrono::microseconds(chance_.between(20, 800));
  if (work == 0) {
    Instant next = std::min(network_.next_due(), now_ + std::chrono::milliseconds(20));
    for (const Later& due : later_) next = std::min(next, due.at);
    by = std::max(by, next - now_);
  }
  now_ = now_ + by;
}

void World::step() {
  std::size_t work = network_.tick();
  for (const auto& relay : relays_) {
    if (relay->is_up()) {
      work += relay->work();
      if (!relay->is_up()) tell(fmt::format("{} has stopped", relay->name()));
    }
    if (relay->is_up()) continue;
    const auto [at, made] = start_at_.try_emplace(relay.get(), now_ + some(10, 500));
    if (now_ >= at->second) try_to_start(*relay);
  }
  for (const auto& producer : producers_) work += producer->work();
  for (const auto& subscriber : subscribers_) work += subscriber->work();
  for (const auto& stranger : strangers_) work += stranger->work();
  act_later();
  move_clock(work);
}

void World::heal() {
  tell("everything heals");
  healed_ = true;
  later_.clear();
  network_.heal_all();
  for (const auto& relay : relays_) {
    SimulatedDisk::Faults& faults = relay->disk().faults();
    faults.write_one_in = faults.sync_one_in = faults.read_one_in = faults.name_one_in = 0;
    faults.others_bytes = 0;
    relay->disk().fail_syncs(0);
    if (relay->is_up()) relay->pause_all(now_);
    start_at_.emplace(relay.get(), now_);
  }
  for (const auto& producer : producers_) producer->pause(now_);
  for (const auto& subscriber : subscribers_) subscriber->pause(now_);
  for (const auto& stranger : strangers_) stranger->fall_silent();
}

// Nothing is under way any more.
bool World::has_settled() const {
  const auto acked = [](const auto& producer) { return producer->unacked() == 0; };
  const auto sent_on = [](const auto& relay) { return relay->all_sent_on(); };
  const auto has_all = [this](const auto& subscriber) {
    return std::all_of(relays_.begin(), relays_.end(), [&](const auto& relay) {
      if (relay->name() != subscriber->relay_name()) return true;
      const auto [epoch, next] = relay->position();
      return subscriber->has_all(epoch, next);
    });
  };
  return std::all_of(producers_.begin(), producers_.end(), acked) &&
         std::all_of(relays_.begin(), relays_.end(), sent_on) &&
         std::all_of(subscribers_.begin(), subscribers_.end(), has_all);
}

void World::settle() {
  const Instant deadline = now_ + (plan_.false_limits ? kPatienceWithRefusals : kPatience);
  for (Instant since = now_; now_ - since < kSettled && !oracle_.violation();) {
    step();
    if (!has_settled()) since = now_;
    if (now_ > deadline) oracle_.violated("something is still under way long after all healed");
  }
}

void World::judge_ledgers() {
  for (const auto& relay : relays_) {
    if (!relay->is_up()) continue;
    relay->check_ledgers();
    relay->note_figures();
  }
  for (const auto& relay : relays_) {
    if (!oracle_.violation() && relay->is_sidecar()) judge_hop(*relay);
  }
}

// Nobody died, nothing was sent to two relays, and nobody else sent anything to those upstream.
bool World::counts_are_whole() const {
  const auto never_died = [](const auto& relay) {
    const Relay::Counts counts = relay->counts();
    return counts.kills + counts.power_losses + counts.stops + counts.moves == 0;
  };
  const auto adds_nothing_there = [](const auto& stranger) {
    return stranger->relay().is_sidecar() || !stranger->sends_events();
  };
  return std::all_of(relays_.begin(), relays_.end(), never_died) &&
         std::all_of(strangers_.begin(), strangers_.end(), adds_nothing_there);
}

// Accepted at the first = delivered at the second + dropped by reason. Where lives ended, what was
// counted last is gone with them, and what was sent again may count twice.
void World::judge_hop(const Relay& sidecar) {
  std::uint64_t too_large = 0;
  for (const auto& relay : relays_)
    too_large += relay->is_sidecar() ? 0 : relay->counts().too_large;
  const Oracle::Hop hop = oracle_.hop_behind(sidecar.name());
  if (!plan_.flipped_bits && hop.missing > oracle_.admitted_losses() + too_large) {
    oracle_.violated(
        fmt::format("{} events are in the log of {} and nowhere upstream; {} dropped, "
                    "{} too large there",
                    hop.missing, sidecar.name(), oracle_.admitted_losses(), too_large));
  }
  const std::uint64_t refused = sidecar.counts().dropped_for(DropReason::refused);
  if (!plan_.false_limits && refused != 0) {
    oracle_.violated(fmt::format("{} events of {} are refused upstream", refused, sidecar.name()));
  }
  if (!counts_are_whole()) return;
  ++report_.exact_ledgers;
  const Ledger ledger = sidecar.upstream_ledger();
  const bool holds = ledger.accepted == hop.accepted && ledger.held == 0 &&
                     ledger.delivered == hop.arrived + too_large && ledger.balances();
  if (holds) return;
  oracle_.violated(
      fmt::format("{} took {} events and accounts for {}: {} delivered, {} dropped, {} "
                  "held; upstream {} arrived, and {} were too large",
                  sidecar.name(), hop.accepted, ledger.accepted, ledger.delivered,
                  ledger.dropped_total(), ledger.held, hop.arrived, too_large));
}

std::optional<std::string> World::run() {
  const Instant calm_at = now_ + plan_.faults_for;
  const std::size_t turns = plan_.events / 4 + 1;
  Instant feed_at = now_;
  Instant fault_at = plan_.fault_every_ms == 0 ? calm_at : now_ + some(1, plan_.fault_every_ms);
  while (!oracle_.violation() && (now_ < calm_at || drawn_ < plan_.events)) {
    if (now_ >= feed_at && drawn_ < plan_.events) {
      feed(false);
      feed_at = now_ + plan_.faults_for / static_cast<std::int64_t>(turns);
    }
    if (now_ >= fault_at && now_ < calm_at) {
      something_goes_wrong();
      fault_at = now_ + some(1, 2 * plan_.fault_every_ms);
    }
    step();
  }
  heal();
  // All of it arrives, and then something new as well.
  for (int round = 0; round < 2 && !oracle_.violation(); ++round) {
    settle();
    if (round == 0) feed(true);
  }
  judge_ledgers();
  if (!oracle_.violation()) oracle_.judge();
  report_.simulated_ms = static_cast<std::uint64_t>(seconds(now_ - begin_) * 1000);
  return oracle_.violation();
}

Report World::report() const {
  Report all = report_;
  all.network = network_.counts();
  all.oracle = oracle_.counts();
  for (const auto& relay : relays_) {
    all.relay += relay->counts();
    all.disk += relay->disk().counts();
  }
  for (const auto& subscriber : subscribers_) all.subscriber += subscriber->counts();
  for (const auto& producer : producers_) all.resent += producer->resent();
  for (const auto& stranger : strangers_) all.strangers += stranger->counts();
  return all;
}

std::string World::story() const {
  std::string text = plan_.describe() + "\n";
  for (const std::string& line : story_) text += line + "\n";
  text += fmt::format("{:9.4f} the end; {} events, {} promised and missing\n",
                      seconds(now_ - begin_), oracle_.counts().events, oracle_.missing());
  for (const auto& relay : relays_) text += relay->describe() + "\n";
  for (const auto& producer : producers_) text += producer->describe() + "\n";
  for (const auto& subscriber : subscribers_) text += subscriber->describe() + "\n";
  return text;
}

}  // namespace xylem::simulation
