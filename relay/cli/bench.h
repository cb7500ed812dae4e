#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "relay/base/clock.h"
#include "relay/codec/control_codec.h"

namespace xylem::cli {

// xylem bench: processes that offer numbered events, processes that receive them and know from the
// numbers what was lost, doubled or out of order, and a relay between them. Everything that both
// ends must agree on is here.

enum class Lane { single, list, batch };  // how producers push
enum class SinkKind { stream, publish };  // how subscribers receive

struct BenchOptions {
  Lane lane = Lane::batch;
  SinkKind sink = SinkKind::stream;
  std::uint64_t events = 1'000'000;  // of all producers together
  std::size_t producers = 1;
  std::vector<std::string> patterns{"#"};  // one subscriber each
  std::size_t event_bytes = 400;
  std::size_t list_events = 24;
  double rate = 0;  // events per second of all producers together; 0: as fast as it goes
  Overflow overflow = Overflow::block;
  std::string push;  // endpoints of a running relay; empty: a relay of our own
  std::string receive;
  double patience_s = 10;  // without any progress, then what is missing counts as lost
};

// Event number n of a producer has this type: a task's life again and again, with a failure now and
// then and a heartbeat in between.
inline constexpr std::array<std::string_view, 5> kBenchTypes{
    "task-received", "task-started", "task-succeeded", "task-failed", "worker-heartbeat"};
[[nodiscard]] std::size_t bench_type(std::uint64_t n);
// How many of the first `events` of one producer have each type.
[[nodiscard]] std::array<std::uint64_t, kBenchTypes.size()> bench_type_counts(std::uint64_t events);

// The event's JSON, exactly `event_bytes` long (at least kBenchBytesMin). Reused: only the stamp
// changes from event to event of one type.
inline constexpr std::size_t kBenchBytesMin = 128;
class BenchEvent {
 public:
  BenchEvent(std::size_t type, std::size_t producer, std::size_t event_bytes);
  // `index` counts the producer's events of this type; `sent_ns` is on the monotonic clock.
  [[nodiscard]] std::string_view stamped(std::uint64_t index, std::int64_t sent_ns);
  [[nodiscard]] std::string_view type() const { return type_; }
  [[nodiscard]] std::string_view key() const { return key_; }

 private:
  std::string_view type_;
  std::string key_;
  std::string text_;
  std::size_t stamp_at_;
};
struct BenchStamp {
  std::size_t producer = 0;
  std::uint64_t index = 0;
  std::int64_t sent_ns = 0;
};
[[nodiscard]] bool read_bench_stamp(std::string_view body, BenchStamp& stamp);
inline constexpr std::string_view kBenchWarmUpType = "bench-warmup";

// Latencies in nanoseconds, to 3 % or better. Plain counts, so that children can send them to their
// parent as bytes.
class Latencies {
 public:
  void add(std::int64_t ns, std::uint64_t events);
  void add(const Latencies& other);
  [[nodiscard]] std::uint64_t count() const { return count_; }
  // 0 <= part <= 1; the largest latency of that part of the events, in microseconds.
  [[nodiscard]] double quantile_us(double part) const;

 private:
  static constexpr std::size_t kStepBits = 5;  // 32 steps per power of two
  std::array<std::uint64_t, (64 << kStepBits)> buckets_{};
  std::uint64_t count_ = 0;
};

// What one subscriber saw. Trivially copyable: it crosses a pipe.
struct SinkResult {
  std::uint64_t expected = 0;
  std::uint64_t received = 0;
  std::uint64_t lost = 0;        // never came, and no gap notice said so
  std::uint64_t gapped = 0;      // a gap notice said that they would not come
  std::uint64_t duplicates = 0;  // or out of order: a number at or below one already seen
  std::uint64_t bytes = 0;
  std::int64_t first_ns = 0;  // when the first and the last came
  std::int64_t last_ns = 0;
  std::uint64_t failed = 0;  // 1: could not even connect
  Latencies latencies{};
};
struct ProducerResult {
  std::uint64_t sent = 0;
  std::int64_t first_ns = 0;
  std::int64_t last_ns = 0;
  double cpu_s = 0;
};

// Run in child processes. `ready_fd` gets one byte once a subscriber receives; a producer waits for
// one byte on `go_fd`.
[[nodiscard]] ProducerResult run_producer(const BenchOptions& options, std::size_t producer,
                                          int go_fd);
[[nodiscard]] SinkResult run_sink(const BenchOptions& options, std::size_t sink, int ready_fd);

struct BenchResult {
  BenchOptions options;
  std::vector<ProducerResult> producers;
  std::vector<SinkResult> sinks;
  double relay_cpu_s = 0;  // of the relay process during the run; 0 if it is not ours
  std::uint64_t relay_peak_bytes = 0;

  [[nodiscard]] std::uint64_t sent() const;
  [[nodiscard]] double seconds() const;  // from the first event sent to the last received
  [[nodiscard]] bool lossless() const;
};
[[nodiscard]] std::string bench_text(const BenchResult& result);
[[nodiscard]] std::string bench_json(const BenchResult& result);

}  // namespace xylem::cli
