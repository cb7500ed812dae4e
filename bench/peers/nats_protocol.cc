#include <charconv>

#include "bench/peers/tcp_client.h"

namespace xylem::peers {
namespace {

std::size_t number_of(std::string_view text) {
  std::size_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// https://docs.nats.io/reference/reference-protocols/nats-protocol
class NatsProtocol final : public Protocol {
 public:
  [[nodiscard]] std::string name() const override { return "nats"; }
  void greet(TcpStream& stream) const override {
    stream.append("CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":false}\r\nPING\r\n");
  }
  [[nodiscard]] bool greeted(std::string_view text) const override {
    return text.find("PONG\r\n") != std::string_view::npos;
  }
  // The same words: '*' is one word; '#' of any number is '>' of one or more.
  void subscribe(TcpStream& stream, const std::string& pattern, std::size_t id) const override {
    std::string subject = pattern;
    if (subject.ends_with('#')) subject.back() = '>';
    stream.append("SUB " + subject + ' ');
    stream.append_number(id);
    stream.append("\r\n");
  }
  void publish(TcpStream& stream, std::string_view key, std::string_view body) const override {
    stream.append("PUB ");
    stream.append(key);
    stream.append(' ');
    stream.append_number(body.size());
    stream.append("\r\n");
    stream.append(body);
    stream.append("\r\n");
  }
  [[nodiscard]] Message read(std::string_view text) const override {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    const std::string_view line = text.substr(0, end - 1);
    Message message;
    message.bytes = end + 1;
    message.wants_answer = line == "PING";
    if (!line.starts_with("MSG ")) return message;
    // MSG <subject> <sid> <bytes>
    const std::size_t subject_end = line.find(' ', 4);
    const std::size_t body_bytes = number_of(line.substr(line.rfind(' ') + 1));
    if (text.size() < message.bytes + body_bytes + 2) return {};
    message.key = line.substr(4, subject_end - 4);
    message.body = text.substr(message.bytes, body_bytes);
    message.bytes += body_bytes + 2;
    return message;
  }
  void answer(TcpStream& stream) const override { stream.append("PONG\r\n"); }
};

}  // namespace

std::unique_ptr<Protocol> nats_protocol() { return std::make_unique<NatsProtocol>(); }

}  // namespace xylem::peers
