#include "relay/cli/follow.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "relay/cli/command.h"
#include "relay/cli/since.h"
#include "relay/event/topic_filter.h"
#include "relay/filter/event_subject.h"
#include "relay/filter/filter.h"

namespace xylem::cli {

namespace {
constexpr std::int64_t kClocksApartUs = 60'000'000;  // the relay's may be ahead

// Tells people when the relay is not there, and when it is back: what comes meanwhile is not seen.
class Presence {
 public:
  explicit Presence(const Address& relay) : relay_(relay) {}
  void see(bool connected, Duration elapsed) {
    if (connected == connected_) {
      if (been_there_ || said_waiting_ || elapsed <= std::chrono::seconds(1)) return;
      said_waiting_ = true;
      std::fprintf(stderr, "waiting for a relay at %s (%s) ...\n", relay_.text().c_str(),
                   why_no_relay(relay_, kStream).c_str());
      return;
    }
    connected_ = connected;
    if (been_there_) {
      std::fprintf(stderr, connected ? "the relay at %s is back\n" : "lost the relay at %s\n",
                   relay_.text().c_str());
    }
    been_there_ = true;
  }
  [[nodiscard]] bool been_there() const { return been_there_; }
  [[nodiscard]] Result<void> at_end() const {
    if (connected_) return {};
    return fail(ErrorCode::timed_out,
                fmt::format("{} at {}: {}",
                            been_there_ ? "there is no relay any more" : "there is no relay",
                            relay_.text(), why_no_relay(relay_, kStream)));
  }

 private:
  const Address& relay_;
  bool connected_ = false;
  bool been_there_ = false;
  bool said_waiting_ = false;
};

}  // namespace

void add_follow_options(CLI::App& command, FollowOptions& options) {
  command.add_option("patterns", options.patterns,
                     "AMQP topic patterns, such as 'task.*' or 'worker.#' (default: everything)");
  command.add_option("--filter", options.filter,
                     "Only events that match, such as 'state:FAILURE -name:beat.*' "
                     "(docs/filters.md); a task's later events are known by its name as well");
  command.add_option("--connect", options.connect,
                     "Stream endpoint (default: XYLEM_STREAM, or tcp://127.0.0.1:7603)");
  command.add_option("--since", options.since,
                     "Begin with what the relay took in since then, as far as it is kept: 250ms, "
                     "5s, 2m, 1h ago, or 2026-11-24T10:00:00Z");
  command.add_flag("--no-follow", options.no_follow,
                   "With --since: stop at the present, as it was at the start");
  add_count(command, "--limit", {options.limit}, "Stop after so many events");
  command.add_option("--seconds", options.seconds, "Stop after so many seconds")
      ->check(number_above(Zero::refused));
  command.add_option("--overflow", options.overflow,
                     "When we are too slow: drop_oldest, drop_newest, block, disconnect, or spill "
                     "to the relay's spool");
  command.add_option("--name", options.name, "How the relay's metrics call us");
}

Result<Receiver::Options> receiver_of(const FollowOptions& options, const std::string& command) {
  Receiver::Options made;
  XYLEM_TRY(made.relay, endpoint(options.connect, "XYLEM_STREAM", "tcp://127.0.0.1:7603"));
  XYLEM_TRY(made.overflow, parse_overflow(options.overflow));
  if (const auto filter = TopicFilter::parse(options.patterns); !filter) {
    return tl::unexpected(filter.error());
  }
  if (const auto filter = Filter::parse(options.filter); !filter) {
    return tl::unexpected(filter.error());
  }
  if (auto fine = check_can_match(options.patterns); !fine) return tl::unexpected(fine.error());
  if (options.no_follow && options.since.empty()) {
    return fail(ErrorCode::usage, "--no-follow goes with --since: there is nothing before now");
  }
  if (!options.since.empty()) {
    const std::int64_t now_us = SystemClock().wall_us();
    XYLEM_TRY(const Since since, parse_since(options.since, now_us));
    if (since.at_us > now_us + kClocksApartUs) {
      return fail(ErrorCode::usage, fmt::format("--since {} is yet to come", options.since));
    }
    made.since_us = since.at_us;
    made.since_age = since.age;
  }
  made.patterns = options.patterns;
  made.name = options.name.empty() ? fmt::format("{}-{}", command, ::getpid()) : options.name;
  return made;
}

namespace {

// Which of the events that come are wanted.
class Selection {
 public:
  explicit Selection(Filter filter) : filter_(std::move(filter)) {}
  bool takes(const Receiver::Event& event) {
    if (filter_.matches_all()) return true;
    if (!fields_.open(event.body)) return false;
    memory_.see(fields_);
    return filter_.matches(EventSubject(fields_, &memory_), event.received_us);
  }

 private:
  Filter filter_;
  EventView fields_;
  TaskMemory memory_;
};

}  // namespace

Result<void> follow(const FollowOptions& options, const Receiver::Options& wanted,
                    Follower& follower) {
  Context context;
  const SystemClock clock;
  Receiver receiver(wanted, context, clock);
  receiver.on_gap([&](const Gap& gap) { follower.on_gap(gap); });
  if (auto opened = receiver.open(); !opened) return opened;

  XYLEM_TRY(Filter filter, Filter::parse(options.filter));
  Selection selection(std::move(filter));
  const Instant started = clock.now();
  std::uint64_t events = 0;
  bool has_all = false;
  Presence presence(wanted.relay);
  constexpr Duration kTurn = std::chrono::milliseconds(100);
  const auto enough = [&] { return options.limit != 0 && events >= options.limit; };
  while (!interrupted() && !enough() && !follower.has_failed()) {
    XYLEM_TRY(const BatchRef batch, receiver.receive(kTurn));
    if (batch) {
      for (const EventEntry& entry : batch->entries()) {
        if (enough()) break;
        const Receiver::Event event = Receiver::event_of(*batch, entry);
        if (!selection.takes(event)) continue;
        follower.on_event(event);
        ++events;
      }
    }
    const Instant now = clock.now();
    follower.on_turn(now);
    has_all = options.no_follow && receiver.is_at_present();
    if (has_all) break;
    const Duration elapsed = now - started;
    if (options.seconds > 0 && elapsed > std::chrono::duration<double>(options.seconds)) break;
    presence.see(receiver.is_connected(), elapsed);
  }
  presence.see(receiver.is_connected(), Duration(0));
  receiver.close();
  const bool has_what_it_wants = enough() || follower.has_failed() || has_all;
  if (presence.been_there() && has_what_it_wants) return {};
  return presence.at_end();
}

}  // namespace xylem::cli
