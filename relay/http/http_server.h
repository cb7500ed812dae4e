#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "relay/agent/service_thread.h"
#include "relay/base/clock.h"
#include "relay/base/result.h"
#include "relay/http/pages.h"
#include "relay/transport/address.h"

namespace xylem {

// The HTTP endpoint: read-only pages for people, probes and scrapers, on one thread of its own that
// never waits for anybody. Who asks for nothing, or slowly, or does not read, costs the others
// nothing and is let go of. start() and stop() from one thread; sample() from any.
class HttpServer {
 public:
  struct Limits {
    // With as many, one makes room for the next: the oldest of those that wait for the same thing
    // as most. Never more than a quarter of the descriptors that the process may have.
    std::size_t connections_max = 512;
    std::size_t header_bytes_max = 8 << 10;
    // Of all answers that are under way; beyond it the oldest are cut off, but never the newest.
    std::size_t answer_bytes_max = 32 << 20;
    // A scraper keeps its connection from one scrape to the next, a minute at most by custom.
    Duration idle_max = std::chrono::seconds(75);
    Duration request_max = std::chrono::seconds(5);  // from a request's first byte to its last
    Duration answer_max = std::chrono::seconds(10);  // until an answer is taken
    std::size_t viewers_max = 64;                    // of /api/live; more are told 503
    Duration live_every = std::chrono::milliseconds(100);  // what changes is told so often
  };
  struct Options {
    std::vector<Address> listen;
    Limits limits = {};
  };
  // Why a connection was let go of, but for those that the other side ended, or asked to end.
  enum class LetGo : std::uint8_t {
    idle,          // idle_max
    slow_request,  // request_max
    slow_answer,   // answer_max
    crowded,       // connections_max, or no descriptor was left
    answer_bytes,  // answer_bytes_max
    malformed,     // told so: 400
    too_large,     // header_bytes_max; told so: 431
    viewers,       // viewers_max: not let go of, but told so: 503
  };
  static constexpr std::size_t kLetGoCount = 8;

  // `view` must outlive the server.
  HttpServer(Options options, const RelayView& view);
  ~HttpServer();

  // Errors: address_in_use, io.
  [[nodiscard]] Result<void> start();
  // Answers that are under way are cut off; viewers of /api/live are told.
  void stop();
  [[nodiscard]] const std::vector<Address>& bound() const { return bound_; }
  void sample(Samples& samples) const;

 private:
  class Service;
  struct Figures {
    std::atomic<std::uint64_t> connections{0};
    std::atomic<std::uint64_t> requests{0};
    std::atomic<std::uint64_t> answer_bytes{0};
    std::atomic<std::uint64_t> viewers{0};
    std::atomic<std::uint64_t> live_rows{0};
    std::atomic<std::uint64_t> live_lost{0};
    std::array<std::atomic<std::uint64_t>, kLetGoCount> let_go{};
  };
  Options options_;
  const RelayView& view_;
  Figures figures_;
  std::unique_ptr<Service> service_;
  ServiceThread thread_;
  std::vector<Address> bound_;
};

}  // namespace xylem
