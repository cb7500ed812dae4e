#include <array>
#include <charconv>

#include "bench/peers/tcp_client.h"

namespace xylem::peers {
namespace {

// RESP 2: https://redis.io/docs/latest/develop/reference/protocol-spec/
class RedisProtocol final : public Protocol {
 public:
  [[nodiscard]] std::string name() const override { return "redis"; }
  void greet(TcpStream& stream) const override { append(stream, {"PING"}); }
  [[nodiscard]] bool greeted(std::string_view text) const override {
    return text.find("+PONG\r\n") != std::string_view::npos;
  }
  // A glob's '*' goes over dots: what it lets through too much the subscriber passes over.
  void subscribe(TcpStream& stream, const std::string& pattern, std::size_t) const override {
    std::string glob = pattern;
    for (char& c : glob)
      if (c == '#') c = '*';
    append(stream, {glob.find('*') == std::string::npos ? "SUBSCRIBE" : "PSUBSCRIBE", glob});
  }
  void publish(TcpStream& stream, std::string_view key, std::string_view body) const override {
    append(stream, {"PUBLISH", key, body});
  }
  [[nodiscard]] Message read(std::string_view text) const override {
    std::size_t at = 0;
    std::string_view line;
    if (!take_line(text, at, line)) return {};
    Message message;
    if (!line.starts_with('*')) {  // the answer to a PUBLISH
      message.bytes = at;
      return message;
    }
    std::array<std::string_view, 4> parts;
    const std::size_t count = number_of(line);
    for (std::size_t i = 0; i < count && i < parts.size(); ++i) {
      if (!take_line(text, at, line)) return {};
      if (line.starts_with(':')) continue;  // SUBSCRIBE's count
      const std::size_t bytes = number_of(line);
      if (text.size() < at + bytes + 2) return {};
      parts[i] = text.substr(at, bytes);
      at += bytes + 2;
    }
    message.bytes = at;
    if (parts[0] == "message") {
      message.key = parts[1];
      message.body = parts[2];
    } else if (parts[0] == "pmessage") {
      message.key = parts[2];
      message.body = parts[3];
    }
    return message;
  }
  void answer(TcpStream&) const override {}

 private:
  static void append(TcpStream& stream, std::initializer_list<std::string_view> parts) {
    stream.append('*');
    stream.append_number(parts.size());
    for (const std::string_view part : parts) {
      stream.append("\r\n$");
      stream.append_number(part.size());
      stream.append("\r\n");
      stream.append(part);
    }
    stream.append("\r\n");
  }
  static bool take_line(std::string_view text, std::size_t& at, std::string_view& line) {
    const std::size_t end = text.find('\n', at);
    if (end == std::string_view::npos) return false;
    line = text.substr(at, end - 1 - at);
    at = end + 1;
    return true;
  }
  static std::size_t number_of(std::string_view line) {
    std::size_t number = 0;
    std::from_chars(line.data() + 1, line.data() + line.size(), number);
    return number;
  }
};

}  // namespace

std::unique_ptr<Protocol> redis_protocol() { return std::make_unique<RedisProtocol>(); }

}  // namespace xylem::peers
