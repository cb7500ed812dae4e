#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/peers/tcp_stream.h"
#include "relay/cli/bench_carrier.h"

namespace xylem::peers {

// The part of a protocol that a benchmark needs. Stateless but for what a handshake leaves behind.
class Protocol {
 public:
  virtual ~Protocol() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  // What a client says first; it is answered by `greeted`.
  virtual void greet(TcpStream& stream) const = 0;
  // True once the answers in `text` are complete.
  [[nodiscard]] virtual bool greeted(std::string_view text) const = 0;
  virtual void subscribe(TcpStream& stream, const std::string& pattern, std::size_t id) const = 0;
  virtual void publish(TcpStream& stream, std::string_view key, std::string_view body) const = 0;
  // Reads one message off the front of `text`, which is not yet consumed: how many bytes it had, 0
  // if it is not whole yet. `key` stays empty for what is no event.
  struct Message {
    std::size_t bytes = 0;
    std::string_view key;
    std::string_view body;
    bool wants_answer = false;  // then answer() is sent
  };
  [[nodiscard]] virtual Message read(std::string_view text) const = 0;
  virtual void answer(TcpStream& stream) const = 0;
  // What separates words in a key of this protocol; '.' becomes it and back.
  [[nodiscard]] virtual char separator() const { return '.'; }
};

[[nodiscard]] std::unique_ptr<Protocol> nats_protocol();
[[nodiscard]] std::unique_ptr<Protocol> redis_protocol();
[[nodiscard]] std::unique_ptr<Protocol> mqtt_protocol();

// `options` must outlive it.
[[nodiscard]] std::unique_ptr<cli::BenchCarrier> tcp_carrier(const cli::BenchOptions& options,
                                                             std::unique_ptr<Protocol> protocol);

}  // namespace xylem::peers
