#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace xylem::cli {

// The load of every benchmark: JSON as Celery's workers send it, no two texts alike, so that
// nobody is flattered who shares or packs what real events do not share either.

// Event number n of a producer has this type: a task's life again and again, with a failure now and
// then and a heartbeat in between.
inline constexpr std::array<std::string_view, 5> kBenchTypes{
    "task-received", "task-started", "task-succeeded", "task-failed", "worker-heartbeat"};
[[nodiscard]] std::size_t bench_type(std::uint64_t n);
// How many of the first `events` of one producer have each type.
[[nodiscard]] std::array<std::uint64_t, kBenchTypes.size()> bench_type_counts(std::uint64_t events);
// The n of the event that has this number among those of its type.
[[nodiscard]] std::uint64_t bench_ordinal(std::size_t type, std::uint64_t index);
[[nodiscard]] const std::array<std::string, kBenchTypes.size()>& bench_keys();

inline constexpr std::string_view kBenchWarmUpType = "bench-warmup";
inline constexpr std::string_view kBenchWarmUpKey = "bench.warmup";
inline constexpr std::string_view kBenchWarmUpBody = R"({"type": "bench-warmup"})";
inline constexpr std::string_view kBenchListKey = "task.multi";  // Celery's, for lists

// One event as it is sent; views are valid until the pool's next().
struct BenchEvent {
  std::string_view type;
  std::string_view key;
  std::string_view body;
  std::int64_t timestamp_us = 0;
};

// The events of one producer in their order: prepared texts with Celery's fields in Celery's order
// (celery/events/event.py), printed as kombu prints them, each exactly `event_bytes` long. Below
// about 400 bytes an event has fewer fields. next() costs a look-up and the digits of the stamp.
inline constexpr std::size_t kBenchBytesMin = 100;
class BenchPool {
 public:
  static constexpr std::size_t kEvents = 1024;
  BenchPool(std::size_t producer, std::size_t event_bytes, std::uint64_t seed);
  // `sent_ns` is on the monotonic clock; 17 digits of it are kept.
  [[nodiscard]] BenchEvent next(std::int64_t sent_ns);

 private:
  struct Text {
    std::string body;
    std::int64_t timestamp_us;
  };
  std::array<std::vector<Text>, kBenchTypes.size()> texts_;
  std::array<std::uint64_t, kBenchTypes.size()> indices_{};
  std::array<std::string_view, kBenchTypes.size()> keys_;
  std::uint64_t n_ = 0;
  std::int64_t sent_ns_ = -1;
  std::array<char, 17> sent_digits_{};
};

struct BenchStamp {
  std::size_t producer = 0;
  std::size_t type = 0;
  std::uint64_t index = 0;  // among the producer's events of this type
  std::int64_t sent_ns = 0;
};
// Finds the first stamp at or after `from`, which moves behind it.
[[nodiscard]] bool read_bench_stamp(std::string_view text, std::size_t& from, BenchStamp& stamp);

}  // namespace xylem::cli
