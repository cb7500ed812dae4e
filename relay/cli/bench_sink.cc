#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "relay/cli/bench.h"
#include "relay/client/receiver.h"
#include "relay/event/routing_key.h"
#include "relay/event/topic_filter.h"

namespace xylem::cli {
namespace {

constexpr std::string_view kWarmUpKey = "bench.warmup";

// Follows the numbers of every (producer, type): each must be the next one.
class Accounts {
 public:
  Accounts(const BenchOptions& options, const TopicFilter& filter) {
    const auto counts = bench_type_counts(options.events / options.producers);
    next_.resize(options.producers);
    for (std::size_t type = 0; type < kBenchTypes.size(); ++type) {
      if (filter.matches(key_of_type(kBenchTypes[type]))) {
        result_.expected += counts[type] * options.producers;
      }
    }
  }

  void take(std::string_view key, std::string_view body, std::int64_t now_ns) {
    BenchStamp stamp;
    if (!read_bench_stamp(body, stamp) || stamp.producer >= next_.size()) return;
    std::uint64_t& next = next_[stamp.producer][type_of(key)];
    if (stamp.index < next) {
      ++result_.duplicates;
      return;
    }
    next = stamp.index + 1;
    ++result_.received;
    result_.bytes += body.size();
    result_.latencies.add(now_ns - stamp.sent_ns, 1);
    if (result_.first_ns == 0) result_.first_ns = now_ns;
    result_.last_ns = now_ns;
  }
  void gap(const Gap& gap) { result_.gapped += gap.count; }

  [[nodiscard]] bool complete() const {
    return result_.received + result_.gapped >= result_.expected;
  }
  [[nodiscard]] std::uint64_t progress() const { return result_.received + result_.gapped; }
  [[nodiscard]] SinkResult finish() {
    const std::uint64_t known = std::min(result_.expected, progress());
    result_.lost = result_.expected - known;
    return result_;
  }

 private:
  static std::size_t type_of(std::string_view key) {
    for (std::size_t type = 0; type < kBenchTypes.size(); ++type) {
      if (key_is_of_type(key, kBenchTypes[type])) return type;
    }
    return 0;
  }
  SinkResult result_;
  std::vector<std::array<std::uint64_t, kBenchTypes.size()>> next_;
};

// Ends a run in which nothing has come for a while.
class Patience {
 public:
  Patience(const Clock& clock, double seconds)
      : clock_(clock),
        limit_(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds))),
        since_(clock.now()) {}
  [[nodiscard]] bool is_over(std::uint64_t progress) {
    if (std::exchange(progress_, progress) != progress) since_ = clock_.now();
    return clock_.now() - since_ > limit_;
  }

 private:
  const Clock& clock_;
  Duration limit_;
  Instant since_;
  std::uint64_t progress_ = 0;
};

void say_ready(int& fd) {
  if (fd < 0) return;
  const char ready = 'r';
  [[maybe_unused]] const auto written = ::write(fd, &ready, 1);
  fd = -1;
}

SinkResult failed_result() {
  SinkResult result;
  result.failed = 1;
  return result;
}

SinkResult run_stream(const BenchOptions& options, const Address& relay, const TopicFilter& filter,
                      int ready_fd) {
  const SystemClock clock;
  Context context;
  Receiver::Options made;
  made.relay = relay;
  made.name = "bench " + filter.name();
  made.patterns = {filter.name(), std::string(kWarmUpKey)};
  made.overflow = options.overflow;
  Receiver receiver(made, context, clock);
  Accounts accounts(options, filter);
  receiver.on_gap([&](const Gap& gap) { accounts.gap(gap); });
  if (!receiver.open()) return failed_result();
  Patience patience(clock, options.patience_s);
  while (!accounts.complete() && !patience.is_over(accounts.progress())) {
    const auto batch = receiver.receive(std::chrono::milliseconds(100));
    if (!batch) return failed_result();
    if (!*batch) continue;
    const std::int64_t now_ns = clock.now().since_boot.count();
    for (const EventEntry& entry : (*batch)->entries()) {
      const std::string_view key = (*batch)->key_of(entry);
      if (key == kWarmUpKey) {
        say_ready(ready_fd);
      } else {
        accounts.take(key, (*batch)->body_of(entry), now_ns);
      }
    }
  }
  receiver.close();
  return accounts.finish();
}

// A prefix that lets through at least what the pattern matches; the rest is passed over here.
std::string prefix_of(const std::string& pattern) {
  return pattern.substr(0, pattern.find_first_of("*#"));
}

SinkResult run_publish(const BenchOptions& options, const Address& relay, const TopicFilter& filter,
                       int ready_fd) {
  const SystemClock clock;
  Context context;
  Socket socket(context, SocketKind::sub, {.receive_hwm = 10'000});
  if (!socket.connect(relay) || !socket.subscribe(prefix_of(filter.name())) ||
      !socket.subscribe(kWarmUpKey)) {
    return failed_result();
  }
  Accounts accounts(options, filter);
  Patience patience(clock, options.patience_s);
  pollfd wait{socket.fd(), POLLIN, 0};
  Frame key;
  Frame body;
  while (!accounts.complete() && !patience.is_over(accounts.progress())) {
    if (!socket.receive(key)) {
      if (!socket.readable()) ::poll(&wait, 1, 100);
      continue;
    }
    if (!key.more() || !socket.receive(body)) continue;
    if (key.text() == kWarmUpKey) {
      say_ready(ready_fd);
    } else if (filter.matches(key.text())) {
      accounts.take(key.text(), body.text(), clock.now().since_boot.count());
    }
  }
  return accounts.finish();
}

}  // namespace

void Latencies::add(std::int64_t ns, std::uint64_t events) {
  const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 1));
  const auto power = static_cast<std::size_t>(std::bit_width(value));
  const std::size_t shift = power > kStepBits + 1 ? power - kStepBits - 1 : 0;
  const std::size_t bucket = (shift << kStepBits) + static_cast<std::size_t>(value >> shift);
  buckets_[std::min(bucket, buckets_.size() - 1)] += events;
  count_ += events;
}

void Latencies::add(const Latencies& other) {
  for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
}

double Latencies::quantile_us(double part) const {
  auto left = static_cast<std::uint64_t>(std::ceil(part * static_cast<double>(count_)));
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    if (buckets_[i] < left) {
      left -= buckets_[i];
      continue;
    }
    // Values up to 64 have buckets of their own; above, the top bit is in the step already.
    const std::size_t shift = i < (std::size_t{2} << kStepBits) ? 0 : (i >> kStepBits) - 1;
    return static_cast<double>((i - (shift << kStepBits)) << shift) / 1000.0;
  }
  return 0;
}

SinkResult run_sink(const BenchOptions& options, std::size_t sink, int ready_fd) {
  const auto relay = Address::parse(options.receive);
  const auto filter = TopicFilter::parse({options.patterns[sink]});
  if (!relay || !filter) return failed_result();
  return options.sink == SinkKind::stream ? run_stream(options, *relay, *filter, ready_fd)
                                          : run_publish(options, *relay, *filter, ready_fd);
}

}  // namespace xylem::cli
