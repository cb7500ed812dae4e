#pragma once

#include <memory>
#include <string>
#include <vector>

#include "relay/cli/bench_carrier.h"
#include "relay/transport/socket.h"

namespace xylem::cli {

// Plain ZeroMQ, as a program in any language would use it: PUSH on one end, SUB on the other. Also
// the clients of the libzmq peers, so that both are measured with the same ends.
enum class Frames {
  key_and_body,  // two frames, as on Xylem's plain lanes
  joined         // key, a zero byte, body
};

struct PlainEnd {
  Frames frames;
  Context::Engine engine;
};

class PlainPush final : public BenchProducer {
 public:
  // Null: the endpoint is none, or out of reach.
  [[nodiscard]] static std::unique_ptr<PlainPush> open(const std::string& endpoint,
                                                       const PlainEnd& end);
  explicit PlainPush(const PlainEnd& end);

  void send(const BenchEvent& event) override;
  // A frame of the caller's making.
  void send_frame(std::string_view text, bool more = false);
  void flush() override { socket_.flush(); }
  std::uint64_t close() override { return 0; }

 private:
  Context context_;
  Socket socket_;
  Frames frames_;
  std::string joined_;
};

class PlainSub final : public BenchSink {
 public:
  // Subscribes to a prefix of each pattern; the accounts pass over what else that lets through.
  [[nodiscard]] static std::unique_ptr<PlainSub> open(const std::string& endpoint,
                                                      const PlainEnd& end,
                                                      const std::vector<std::string>& patterns);
  explicit PlainSub(const PlainEnd& end);

  [[nodiscard]] bool receive(BenchAccounts& accounts, Duration timeout) override;
  // The next frame, or null when nothing came for `timeout`; for frames of the caller's making.
  [[nodiscard]] const Frame* receive_frame(Duration timeout);

 private:
  void take_first(BenchAccounts& accounts);
  Context context_;
  Socket socket_;
  Frames frames_;
  Frame first_;
  Frame body_;
};

}  // namespace xylem::cli
