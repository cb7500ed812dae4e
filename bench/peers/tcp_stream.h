#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "relay/base/clock.h"

namespace xylem::peers {

// A TCP connection with coalesced writes and reads: what the fastest client of a text or binary
// protocol does. Not blocking, so that an end that sends a lot can read in between.
class TcpStream {
 public:
  // `endpoint` is tcp://HOST:PORT. Null: out of reach.
  [[nodiscard]] static std::unique_ptr<TcpStream> connect(const std::string& endpoint);
  explicit TcpStream(int fd) : fd_(fd), in_(kReadBytes) {}
  ~TcpStream();
  TcpStream(const TcpStream&) = delete;
  TcpStream& operator=(const TcpStream&) = delete;

  // Appends to what is sent next; wants_flush() says when that is enough for one write.
  void append(std::string_view bytes) { out_ += bytes; }
  void append(char byte) { out_ += byte; }
  void append_number(std::size_t number);
  [[nodiscard]] bool wants_flush() const { return out_.size() >= kWriteBytes; }
  [[nodiscard]] bool nothing_to_send() const { return sent_ == out_.size(); }
  // Sends what the connection takes now; false: it is broken.
  [[nodiscard]] bool send_some();
  // Waits until it can be read, or, if `to_send`, written.
  void wait(Duration timeout, bool to_send);

  // Reads what is there behind what was not yet consumed; false: nothing was, or it ended.
  [[nodiscard]] bool read_some();
  [[nodiscard]] std::string_view unread() const { return {in_.data() + begin_, end_ - begin_}; }
  void consume(std::size_t bytes) { begin_ += bytes; }
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  static constexpr std::size_t kWriteBytes = std::size_t{64} << 10;
  static constexpr std::size_t kReadBytes = std::size_t{512} << 10;
  int fd_;
  std::string out_;
  std::size_t sent_ = 0;
  std::vector<char> in_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool ended_ = false;
};

}  // namespace xylem::peers
