#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "relay/cli/bench_run.h"

namespace xylem::cli {
namespace {

void pause_for(Duration time) {
  const timespec pause{0, time.count()};
  ::nanosleep(&pause, nullptr);
}

// When each event is due: by the rate asked for, and by the window of the subscribers.
class Pace {
 public:
  Pace(const BenchOptions& options, const BenchPlace& place, BenchProducer& producer)
      : rate_(options.rate / static_cast<double>(options.producers)),
        patience_(std::chrono::duration_cast<Duration>(
            std::chrono::duration<double>(options.patience_s))),
        place_(place),
        producer_(producer) {}

  // Waits until event n may go; returns the time, which is read per event only if the rate is
  // bound.
  std::int64_t due(std::uint64_t n) {
    if (n == 0) start_ = clock_.now();
    if (n % kEventsPerLook == 0) wait_for_window(n);
    if (rate_ <= 0) {
      if (n % kEventsPerLook == 0) last_ = clock_.now();
      return last_.since_boot.count();
    }
    const auto due = start_ + std::chrono::duration_cast<Duration>(
                                  std::chrono::duration<double>(static_cast<double>(n) / rate_));
    Instant now = clock_.now();
    if (now < due) producer_.flush();
    while (now < due) {
      pause_for(std::min<Duration>(due - now, std::chrono::milliseconds(5)));
      now = clock_.now();
    }
    return now.since_boot.count();
  }

 private:
  static constexpr std::uint64_t kEventsPerLook = 16;

  void wait_for_window(std::uint64_t n) {
    if (given_up_ || place_.window.is_open(place_.number, n)) return;
    const Instant since = clock_.now();
    while (!place_.window.is_open(place_.number, n) && !given_up_) {
      producer_.flush();
      pause_for(std::chrono::microseconds(100));
      // A subscriber that was cut off, or lost its last events, will not move any more.
      given_up_ = clock_.now() - since > patience_;
    }
  }

  SystemClock clock_;
  double rate_;
  Duration patience_;
  const BenchPlace& place_;
  BenchProducer& producer_;
  Instant start_;
  Instant last_;
  bool given_up_ = false;
};

void send_singly(BenchProducer& producer, BenchPool& pool, Pace& pace, std::uint64_t events) {
  for (std::uint64_t n = 0; n < events; ++n) producer.send(pool.next(pace.due(n)));
}

// As Celery does it: task events wait for each other in lists, other events go alone.
void send_lists(BenchProducer& producer, BenchPool& pool, Pace& pace, const BenchOptions& options) {
  std::string list;
  std::size_t in_list = 0;
  const auto send = [&] {
    if (in_list == 0) return;
    list += ']';
    producer.send({.type = "task-multi", .key = kBenchListKey, .body = list});
    in_list = 0;
  };
  const std::uint64_t events = options.events / options.producers;
  for (std::uint64_t n = 0; n < events; ++n) {
    const BenchEvent event = pool.next(pace.due(n));
    if (!event.type.starts_with("task-")) {
      producer.send(event);
      continue;
    }
    if (in_list == 0) {
      list = "[";
    } else {
      list += ", ";
    }
    list += event.body;
    if (++in_list == options.list_events) send();
  }
  send();
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

ProducerResult run_producer(const BenchOptions& options, BenchCarrier& carrier,
                            const BenchPlace& place) {
  const SystemClock clock;
  const std::uint64_t events = options.events / options.producers;
  BenchPool pool(place.number, options.event_bytes, options.seed);
  const auto producer = carrier.producer(options.push[place.number % options.push.size()]);
  ProducerResult result;
  char go = 0;
  if (producer == nullptr || ::read(place.fd, &go, 1) != 1) return result;
  Pace pace(options, place, *producer);
  const double cpu_before = cpu_seconds();
  result.first_ns = clock.now().since_boot.count();
  if (options.lane == Lane::list) {
    send_lists(*producer, pool, pace, options);
  } else {
    send_singly(*producer, pool, pace, events);
  }
  result.sent = events - producer->close();
  result.last_ns = clock.now().since_boot.count();
  result.cpu_s = cpu_seconds() - cpu_before;
  return result;
}

}  // namespace xylem::cli
