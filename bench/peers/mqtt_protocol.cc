#include <unistd.h>

#include <algorithm>

#include "bench/peers/tcp_client.h"

namespace xylem::peers {
namespace {

// MQTT 3.1.1, QoS 0: https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/mqtt-v3.1.1.html
constexpr char kConnect = 0x10;
constexpr char kPublish = 0x30;
constexpr char kSubscribe = static_cast<char>(0x82);

void append_length(TcpStream& stream, std::size_t length) {
  do {
    const auto low = static_cast<unsigned char>(length % 128);
    length /= 128;
    stream.append(static_cast<char>(length > 0 ? low | 0x80 : low));
  } while (length > 0);
}

void append_short(TcpStream& stream, std::size_t value) {
  stream.append(static_cast<char>(value >> 8));
  stream.append(static_cast<char>(value & 0xff));
}

class MqttProtocol final : public Protocol {
 public:
  [[nodiscard]] std::string name() const override { return "mosquitto"; }
  [[nodiscard]] char separator() const override { return '/'; }

  // A clean session without keep-alive, and a client identifier of the broker's choice.
  void greet(TcpStream& stream) const override {
    stream.append(kConnect);
    append_length(stream, 12);
    append_short(stream, 4);
    stream.append("MQTT\x04\x02");
    append_short(stream, 0);
    append_short(stream, 0);
  }
  [[nodiscard]] bool greeted(std::string_view text) const override {
    return text.size() >= 4 && text[0] == 0x20 && text[3] == 0;
  }
  void subscribe(TcpStream& stream, const std::string& pattern, std::size_t id) const override {
    std::string topic = pattern;
    std::replace(topic.begin(), topic.end(), '.', '/');
    std::replace(topic.begin(), topic.end(), '*', '+');
    stream.append(kSubscribe);
    append_length(stream, 2 + 2 + topic.size() + 1);
    append_short(stream, id);
    append_short(stream, topic.size());
    stream.append(topic);
    stream.append('\0');
  }
  void publish(TcpStream& stream, std::string_view key, std::string_view body) const override {
    stream.append(kPublish);
    append_length(stream, 2 + key.size() + body.size());
    append_short(stream, key.size());
    stream.append(key);
    stream.append(body);
  }
  [[nodiscard]] Message read(std::string_view text) const override {
    std::size_t length = 0;
    std::size_t at = 1;
    for (std::size_t shift = 0; at < text.size(); shift += 7) {
      const auto byte = static_cast<unsigned char>(text[at++]);
      length |= static_cast<std::size_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) != 0) continue;
      if (text.size() < at + length) return {};
      Message message;
      message.bytes = at + length;
      if ((text[0] & 0xf0) != kPublish) return message;
      const std::size_t key_bytes = static_cast<std::size_t>(static_cast<unsigned char>(text[at]))
                                        << 8 |
                                    static_cast<unsigned char>(text[at + 1]);
      message.key = text.substr(at + 2, key_bytes);
      message.body = text.substr(at + 2 + key_bytes, length - 2 - key_bytes);
      return message;
    }
    return {};
  }
  void answer(TcpStream&) const override {}
};

}  // namespace

std::unique_ptr<Protocol> mqtt_protocol() { return std::make_unique<MqttProtocol>(); }

}  // namespace xylem::peers
