#include "relay/cli/follow.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "relay/cli/command.h"
#include "relay/cli/since.h"
#include "relay/event/topic_filter.h"

namespace xylem::cli {

namespace {
constexpr std::int64_t kClocksApartUs = 60'000'000;  // the relay's may be ahead
}

void add_follow_options(CLI::App& command, FollowOptions& options) {
  command.add_option("patterns", options.patterns,
                     "AMQP topic patterns, such as 'task.*' or 'worker.#' (default: everything)");
  command.add_option("--connect", options.connect,
                     "Stream endpoint (default: XYLEM_STREAM, or tcp://127.0.0.1:7603)");
  command.add_option("--since", options.since,
                     "Begin with what the relay took in since then, as far as it is kept: 250ms, "
                     "5s, 2m, 1h ago, or 2026-11-24T10:00:00Z");
  command.add_flag("--no-follow", options.no_follow,
                   "With --since: stop at the present, as it was at the start");
  command.add_option("--limit", options.limit, "Stop after so many events")
      ->check(number_above(Zero::refused, kCountMax));
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
  if (auto fine = check_can_match(options.patterns); !fine) return tl::unexpected(fine.error());
  if (options.no_follow && options.since.empty()) {
    return fail(ErrorCode::usage, "--no-follow goes with --since: there is nothing before now");
  }
  if (!options.since.empty()) {
    const std::int64_t now_us = SystemClock().wall_us();
    XYLEM_TRY(made.since_us, parse_since(options.since, now_us));
    if (made.since_us > now_us + kClocksApartUs) {
      return fail(ErrorCode::usage, fmt::format("--since {} is yet to come", options.since));
    }
  }
  made.patterns = options.patterns;
  made.name = options.name.empty() ? fmt::format("{}-{}", command, ::getpid()) : options.name;
  return made;
}

Result<void> follow(const FollowOptions& options, const Receiver::Options& wanted,
                    Follower& follower) {
  Context context;
  const SystemClock clock;
  Receiver receiver(wanted, context, clock);
  receiver.on_gap([&](const Gap& gap) { follower.on_gap(gap); });
  if (auto opened = receiver.open(); !opened) return opened;

  const Instant started = clock.now();
  std::uint64_t events = 0;
  bool been_connected = false;
  bool said_waiting = false;
  constexpr Duration kTurn = std::chrono::milliseconds(100);
  const auto enough = [&] { return options.limit != 0 && events >= options.limit; };
  while (!interrupted() && !enough() && !follower.has_failed()) {
    XYLEM_TRY(const BatchRef batch, receiver.receive(kTurn));
    if (batch) {
      for (const EventEntry& entry : batch->entries()) {
        if (enough()) break;
        follower.on_event(Receiver::event_of(*batch, entry));
        ++events;
      }
    }
    const Instant now = clock.now();
    follower.on_turn(now);
    if (options.no_follow && receiver.is_at_present()) break;
    const Duration elapsed = now - started;
    if (options.seconds > 0 && elapsed > std::chrono::duration<double>(options.seconds)) break;
    been_connected |= receiver.is_connected();
    if (!receiver.is_connected() && !said_waiting && elapsed > std::chrono::seconds(1)) {
      said_waiting = true;
      std::fprintf(stderr, "waiting for a relay at %s (%s) ...\n", wanted.relay.text().c_str(),
                   why_no_relay(wanted.relay, kStream).c_str());
    }
  }
  been_connected |= receiver.is_connected();
  receiver.close();
  if (been_connected) return {};
  return fail(ErrorCode::timed_out, fmt::format("there is no relay at {}: {}", wanted.relay.text(),
                                                why_no_relay(wanted.relay, kStream)));
}

}  // namespace xylem::cli
