#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "relay/codec/control_codec.h"
#include "relay/transport/context.h"

namespace xylem::cli {

// xylem bench: processes that offer numbered events, processes that receive them and know from the
// numbers what was lost, doubled or out of order, and a relay between them. What a run is and what
// it found; both ends and the report read it.

// How producers push: events singly or in lists through plain ZeroMQ, or with the C++ library, at
// once or with Celery's buffered task group.
enum class Lane { single, list, batch, buffered };
enum class SinkKind { stream, publish };  // how subscribers receive

struct BenchOptions {
  Lane lane = Lane::batch;
  SinkKind sink = SinkKind::stream;
  std::uint64_t events = 1'000'000;  // of all producers together
  std::size_t producers = 1;
  std::vector<std::string> patterns{"#"};  // one subscriber each
  std::size_t extra_patterns = 0;          // of each subscriber; they match nothing
  std::size_t stalled = 0;                 // so many of the last subscribers are held up
  std::size_t event_bytes = 400;
  std::size_t list_events = 24;
  double rate = 0;  // events per second of all producers together; 0: as fast as it goes
  Overflow overflow = Overflow::block;
  // Endpoints of running relays, which producers take in turn; none: a relay of our own.
  std::vector<std::string> push;
  std::string receive;
  // Whose sockets producers and subscribers have; none: libzmq's for plain ones, else the library's
  // own choice.
  std::optional<Context::Engine> ends;
  double patience_s = 10;  // without any progress, then what is missing counts as lost
  std::uint64_t seed = 1;  // of the events' texts
  // Producers wait while a subscriber is so many events behind; 0: the carrier holds them back.
  std::uint64_t window_events = 0;

  [[nodiscard]] Context::Engine plain_ends() const {
    return ends.value_or(Context::Engine::libzmq);
  }
  [[nodiscard]] Context::Engine library_ends() const {
    return ends.value_or(Context::kDefaultEngine);
  }
};

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
  std::uint64_t repeated = 0;    // seen in a life of the relay before; at least once is promised
  std::uint64_t misrouted = 0;   // came under another event's key
  std::uint64_t bytes = 0;
  std::int64_t first_ns = 0;  // when the first and the last came
  std::int64_t last_ns = 0;
  std::uint64_t failed = 0;   // 1: could not even connect
  std::uint64_t cut_off = 0;  // 1: the connection ended before everything had come
  Latencies latencies{};

  [[nodiscard]] bool lossless() const {
    return failed == 0 && lost == 0 && gapped == 0 && duplicates == 0 && misrouted == 0;
  }
};
struct ProducerResult {
  std::uint64_t sent = 0;
  std::int64_t first_ns = 0;
  std::int64_t last_ns = 0;
  double cpu_s = 0;
};

struct BenchResult {
  std::string carrier;
  BenchOptions options;
  std::vector<ProducerResult> producers;
  std::vector<SinkResult> sinks;  // the stalled ones last
  double relay_cpu_s = 0;         // of the relay's processes during the run; 0: not known
  std::uint64_t relay_peak_bytes = 0;

  [[nodiscard]] std::uint64_t sent() const;
  // The rest is about the subscribers that were not held up.
  [[nodiscard]] std::vector<SinkResult> steady() const;
  [[nodiscard]] std::uint64_t delivered() const;
  [[nodiscard]] double seconds() const;  // from the first event sent to the last received
  [[nodiscard]] bool lossless() const;
};
[[nodiscard]] std::string bench_text(const BenchResult& result);
[[nodiscard]] std::string bench_json(const BenchResult& result);

}  // namespace xylem::cli
