#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "relay/base/clock.h"
#include "relay/base/ids.h"
#include "relay/base/log.h"
#include "relay/base/result.h"
#include "relay/codec/control_codec.h"
#include "relay/event/batch.h"
#include "relay/session/acked_sender.h"
#include "relay/transport/socket.h"

namespace xylem {

// The connection of a source to a relay's acked endpoint: the socket around AckedSender, and when
// to make a new one. It is no thread: its owner calls do_work() again and again, and sleeps on fd()
// while has_work() is false. All calls on the owner's thread. docs/protocol.md §7 has the rules.
class AckedLink {
 public:
  struct Options {
    Address relay;
    std::string name;  // for people, in the relay's logs
    SourceId source;
    AckLevel level = AckLevel::written;
    // Of the relay whose events these are, if they are a relay's: they are not sent to one that
    // sends them on to it.
    RelayId own{};
    // Without a word from the relay for so long, the connection is made anew.
    Duration silence_max = std::chrono::seconds(5);
    int linger_ms = 0;
  };
  // Where batches are kept until they are acknowledged.
  class Store {
   public:
    virtual ~Store() = default;
    // REQUIRES a number that was offered and is above AckedSender::acked(). Its frame is stamped
    // with the source and that number. Called again when it has to go again.
    [[nodiscard]] virtual BatchRef batch(BatchNumber number) = 0;
    // The relay refuses this batch whenever it comes, for the reason that it gives. From now on
    // batch() answers with one of the same number that has no events.
    virtual void give_up(BatchNumber number, const std::string& why) = 0;
  };

  // All must outlive the link. The sender may move from one link to the next.
  AckedLink(Options options, Context& context, AckedSender& sender, Store& store,
            const Clock& clock);

  // Returns how many frames moved.
  [[nodiscard]] std::size_t do_work(Instant now);
  [[nodiscard]] bool has_work();
  // -1 while there is no socket. May change with every do_work().
  [[nodiscard]] int fd() const { return fd_; }
  // After the sender has skipped numbers.
  void say_hello_again();
  // The sender begins anew, under another name.
  void begin_anew(SourceId source);
  // Says Bye; what is unacknowledged stays the owner's.
  void close();

  // The relay has said Welcome on this connection.
  [[nodiscard]] bool is_welcome() const { return stage_ == Stage::welcome; }
  // Any frame but a refusal, last.
  [[nodiscard]] Instant heard_at() const { return heard_at_; }
  // The largest frame that the relay takes; a larger batch must not be offered.
  [[nodiscard]] std::uint64_t frame_bytes_max() const { return frame_bytes_max_; }
  // A batch under way is larger: the relay came back with another limit. Nothing is sent until the
  // owner begins anew, with smaller ones.
  [[nodiscard]] bool is_too_narrow() const { return too_narrow_; }
  // Why the relay said no, or there is no way to it, last; empty since it said Welcome.
  [[nodiscard]] const std::string& refusal() const { return refusal_; }
  [[nodiscard]] std::uint64_t connections() const { return connections_; }
  // Where the relay sends on to, itself first, as it said last; empty if it does not say.
  [[nodiscard]] const RelayChain& relays() const { return relays_; }
  // What is sent there would come back, so nothing is; asked again with growing waits.
  [[nodiscard]] bool is_loop() const { return is_loop_; }

 private:
  enum class Stage : std::uint8_t { closed, connecting, said_hello, welcome };
  static constexpr std::size_t kFramesPerTurn = 64;

  [[nodiscard]] bool open(Instant now);
  void shut(Instant now, Duration wait);
  void say_hello();
  void notice_connection();
  [[nodiscard]] std::size_t read_controls(Instant now);
  void on_control(const Control& control, Instant now);
  void on_bye(const Bye& bye, Instant now);
  void refused(const std::string& why, Instant now);
  void back_off(Instant now, Duration more = Duration(0));
  [[nodiscard]] bool closes_loop(const RelayChain& relays, Instant now);
  [[nodiscard]] std::size_t send_batches(Instant now);

  Options options_;
  Context& context_;
  AckedSender& sender_;
  Store& store_;
  const Clock& clock_;
  DistinctLog log_;
  std::optional<Socket> socket_;
  int fd_ = -1;
  Stage stage_ = Stage::closed;
  std::uint64_t session_ = 0;
  std::uint64_t frame_bytes_max_ = std::uint64_t{1} << 20;
  bool too_narrow_ = false;
  Instant opened_at_;
  Instant heard_at_;
  Instant retry_at_;
  Duration backoff_{0};
  std::string refusal_;
  RelayChain relays_;
  bool is_loop_ = false;
  std::uint64_t connections_ = 0;
};

}  // namespace xylem
