#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <ctime>

#include "relay/cli/bench.h"
#include "relay/client/dispatcher.h"
#include "relay/event/routing_key.h"

namespace xylem::cli {
namespace {

constexpr std::string_view kStampForm = "000 000000000000 00000000000000000000";
constexpr std::size_t kIndexAt = 4;
constexpr std::size_t kSentAt = 17;
constexpr std::string_view kStampField = "\"bench\":\"";

void write_digits(char* end, std::size_t digits, std::uint64_t value) {
  for (std::size_t i = 0; i < digits; ++i, value /= 10)
    *--end = static_cast<char>('0' + value % 10);
}

void pause_for(Duration time) {
  const timespec pause{0, time.count()};
  ::nanosleep(&pause, nullptr);
}

// The events of one producer, in order, each stamped when it is asked for.
class Load {
 public:
  Load(const BenchOptions& options, std::size_t producer) {
    for (std::size_t type = 0; type < kBenchTypes.size(); ++type) {
      events_.emplace_back(type, producer, options.event_bytes);
    }
  }
  BenchEvent& at(std::uint64_t n) { return events_[bench_type(n)]; }
  std::string_view stamped(std::uint64_t n, std::int64_t now_ns) {
    const std::size_t type = bench_type(n);
    return events_[type].stamped(indices_[type]++, now_ns);
  }

 private:
  std::vector<BenchEvent> events_;
  std::array<std::uint64_t, kBenchTypes.size()> indices_{};
};

// Plain ZeroMQ, as a program in any language would: two frames, waiting while the socket is full.
class PlainPush {
 public:
  PlainPush(Context& context, const Address& relay)
      : socket_(context, SocketKind::push, {.linger_ms = 30'000}) {
    if (!socket_.connect(relay)) ::_exit(1);  // the parent reports a child that says nothing
  }
  void send(std::string_view key, std::string_view body) {
    Frame first(key);
    Frame second(body);
    while (socket_.send(first, true) == SendOutcome::full) wait();
    while (socket_.send(second) == SendOutcome::full) wait();
  }

 private:
  void wait() {
    pollfd wait{socket_.fd(), POLLIN, 0};
    while (!socket_.writable()) ::poll(&wait, 1, 100);
  }
  Socket socket_;
};

class Pace {
 public:
  Pace(const Clock& clock, double events_per_second) : clock_(clock), rate_(events_per_second) {}
  // Waits until event n is due; returns the time, which is read per event only if the rate is
  // bound.
  std::int64_t due(std::uint64_t n) {
    if (n == 0) start_ = clock_.now();
    if (rate_ <= 0) {
      if (n % 16 == 0) last_ = clock_.now();
      return last_.since_boot.count();
    }
    const auto due = start_ + std::chrono::duration_cast<Duration>(
                                  std::chrono::duration<double>(static_cast<double>(n) / rate_));
    Instant now = clock_.now();
    while (now < due) {
      pause_for(std::min<Duration>(due - now, std::chrono::milliseconds(5)));
      now = clock_.now();
    }
    return now.since_boot.count();
  }

 private:
  const Clock& clock_;
  double rate_;
  Instant start_;
  Instant last_;
};

void push_singles(PlainPush& push, Load& load, Pace& pace, std::uint64_t events) {
  for (std::uint64_t n = 0; n < events; ++n) {
    const std::int64_t now = pace.due(n);
    push.send(load.at(n).key(), load.stamped(n, now));
  }
}

// As Celery does it: task events wait for each other in lists, other events go alone.
void push_lists(PlainPush& push, Load& load, Pace& pace, std::uint64_t events,
                std::size_t list_events) {
  std::string list;
  std::size_t in_list = 0;
  const auto flush = [&] {
    if (in_list == 0) return;
    list += ']';
    push.send("task.multi", list);
    in_list = 0;
  };
  for (std::uint64_t n = 0; n < events; ++n) {
    const std::int64_t now = pace.due(n);
    const std::string_view body = load.stamped(n, now);
    if (!load.at(n).type().starts_with("task-")) {
      push.send(load.at(n).key(), body);
      continue;
    }
    if (in_list == 0) list = "[";
    if (in_list != 0) list += ',';
    list += body;
    if (++in_list == list_events) flush();
  }
  flush();
}

void dispatch(Dispatcher& dispatcher, Load& load, Pace& pace, std::uint64_t events) {
  for (std::uint64_t n = 0; n < events; ++n) {
    const std::int64_t now = pace.due(n);
    const std::string_view body = load.stamped(n, now);
    const std::string_view type = load.at(n).type();
    while (dispatcher.send_json(type, body, now / 1000) == Dispatcher::Sent::dropped) {
      pause_for(
          std::chrono::microseconds(200));  // the outbox is full: the pressure has arrived here
    }
  }
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

// 64 events are 21 lives of a task and one heartbeat; in every 32nd 64 the tasks fail.
std::size_t bench_type(std::uint64_t n) {
  if (n % 64 == 63) return 4;
  const std::size_t step = n % 64 % 3;
  return step == 2 && n % (32 * 64) < 64 ? 3 : step;
}

std::array<std::uint64_t, kBenchTypes.size()> bench_type_counts(std::uint64_t events) {
  std::array<std::uint64_t, kBenchTypes.size()> counts{};
  for (std::uint64_t n = 0; n < events; ++n) ++counts[bench_type(n)];
  return counts;
}

BenchEvent::BenchEvent(std::size_t type, std::size_t producer, std::size_t event_bytes)
    : type_(kBenchTypes[type]), key_(key_of_type(type_)) {
  text_ = fmt::format("{{\"type\":\"{}\",{}", type_, kStampField);
  stamp_at_ = text_.size();
  text_ += kStampForm;
  write_digits(text_.data() + stamp_at_ + 3, 3, producer);
  text_ += "\",\"args\":\"\"}";
  if (event_bytes > text_.size()) text_.insert(text_.size() - 2, event_bytes - text_.size(), 'x');
}

std::string_view BenchEvent::stamped(std::uint64_t index, std::int64_t sent_ns) {
  char* stamp = text_.data() + stamp_at_;
  write_digits(stamp + kIndexAt + 12, 12, index);
  write_digits(stamp + kSentAt + 20, 20, static_cast<std::uint64_t>(sent_ns));
  return text_;
}

bool read_bench_stamp(std::string_view body, BenchStamp& stamp) {
  const std::size_t field = body.find(kStampField);
  if (field == std::string_view::npos) return false;
  const std::string_view text = body.substr(field + kStampField.size());
  if (text.size() < kStampForm.size()) return false;
  const auto number = [&](std::size_t at, std::size_t digits, auto& value) {
    return std::from_chars(text.data() + at, text.data() + at + digits, value).ec == std::errc{};
  };
  return number(0, 3, stamp.producer) && number(kIndexAt, 12, stamp.index) &&
         number(kSentAt, 20, stamp.sent_ns);
}

ProducerResult run_producer(const BenchOptions& options, std::size_t producer, int go_fd) {
  const SystemClock clock;
  Context context;
  const auto relay = Address::parse(options.push);
  ProducerResult result;
  if (!relay) return result;
  const std::uint64_t events = options.events / options.producers;
  Load load(options, producer);
  Pace pace(clock, options.rate / static_cast<double>(options.producers));
  char go = 0;
  const auto wait_for_go = [&] { return ::read(go_fd, &go, 1) == 1; };

  if (options.lane == Lane::batch) {
    Dispatcher::Options made;
    made.relay = *relay;
    auto dispatcher = Dispatcher::open(made, context, clock);
    if (!dispatcher || !wait_for_go()) return result;
    result.first_ns = clock.now().since_boot.count();
    dispatch(**dispatcher, load, pace, events);
    const std::uint64_t left = (*dispatcher)->close(std::chrono::seconds(30));
    result.sent = events - left;
  } else {
    PlainPush push(context, *relay);
    if (!wait_for_go()) return result;
    result.first_ns = clock.now().since_boot.count();
    if (options.lane == Lane::single) {
      push_singles(push, load, pace, events);
    } else {
      push_lists(push, load, pace, events, options.list_events);
    }
    result.sent = events;
  }
  result.last_ns = clock.now().since_boot.count();
  result.cpu_s = cpu_seconds();
  return result;
}

}  // namespace xylem::cli
