#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "relay/transport/native_thread.h"
#include "relay/transport/poller.h"
#include "relay/transport/received_bytes.h"
#include "relay/zmtp/connection.h"
#include "relay/zmtp/output.h"

namespace xylem {

// One connection of a native socket: a descriptor that never blocks, with ZMTP on it. Reads at most
// one slab at a time, and keeps no more than a message that is not whole yet.
class NativePeer final : public Poller::Watcher {
 public:
  // Whom it belongs to. A peer that has closed says so once, and nothing after that; it must not be
  // destroyed by the call that says it.
  class Owner {
   public:
    virtual void on_connected(NativePeer& peer) = 0;
    // There may be something to read. Said once until read() finds nothing.
    virtual void on_readable(NativePeer& peer) = 0;
    // There is room again in what was full.
    virtual void on_writable(NativePeer& peer) = 0;
    virtual void on_closed(NativePeer& peer) = 0;

   protected:
    ~Owner() = default;
  };
  struct Options {
    zmtp::SocketType type;
    zmtp::MessageReader::Limits limits;
  };
  // Takes the descriptor of a connection.
  NativePeer(int fd, const Options& options, NativeThread& thread, Owner& owner);
  ~NativePeer() override;
  NativePeer(const NativePeer&) = delete;
  NativePeer& operator=(const NativePeer&) = delete;

  // Sends the opening. Once.
  void open();

  // Whether there is something for next(). Reads, one system call, once all that was read before is
  // taken. False if nothing came, or it has closed now.
  [[nodiscard]] bool read();
  // What stands next in what was read. Views are valid until read(), and as long as received() is
  // held. REQUIRES that read() said so, after every NeedsMore.
  [[nodiscard]] zmtp::Connection::Step next();
  [[nodiscard]] const ReceivedRef& received() const { return read_; }

  [[nodiscard]] zmtp::Output& output() { return output_; }
  // Writes what waits, as much as goes.
  void flush();

  [[nodiscard]] bool is_connected() const { return connection_.is_connected() && fd_ >= 0; }
  [[nodiscard]] bool is_closed() const { return fd_ < 0; }
  [[nodiscard]] const zmtp::Peer& peer() const { return connection_.peer(); }
  [[nodiscard]] Poller::Time made_at() const { return made_at_; }
  // For how long nothing has come over TCP, as the kernel has it. 0 over ipc, whose peers do not
  // vanish without a word.
  [[nodiscard]] std::chrono::milliseconds silent_for() const;
  void close();
  // Ends it, and counts why.
  void end(NativeFigures::Ended why);
  // Says that nothing more comes from here, and takes no more notice of what comes from there.
  void finish_writing();

  // To be called after octets were put into output().
  void count_output();

  // For its owner: a number of its own, and whether it stands in the owner's lists.
  std::uint32_t id = 0;
  bool has_joined = false;
  bool is_listed_ready = false;
  bool is_listed_dirty = false;

 private:
  void on_ready(std::uint32_t events) override;
  void on_time(Poller::Time now) override;
  void shake_hands();
  [[nodiscard]] bool make_room();
  [[nodiscard]] bool may_hold(std::size_t bytes);
  void count_input();
  void put_aside();
  void answer();
  void write_out();

  static constexpr auto kHandshakeMax = std::chrono::seconds(5);
  static constexpr std::size_t kPiecesPerWrite = 64;
  static constexpr std::size_t kAnswerBehindBytesMax = std::size_t{64} << 10;
  // Whoever has announced PINGs hears of us as often while we do not read.
  static constexpr auto kSignOfLife = std::chrono::seconds(1);
  // What a peer may hold of a message without being one of those that are cut off.
  static constexpr std::size_t kInputAlwaysBytes = ReceiveSlabs::kBytes / 2;

  int fd_;
  NativeThread& thread_;
  Poller& poller_;
  Owner& owner_;
  Poller::Token token_;
  Poller::Time made_at_ = Poller::now();
  Poller::Alarm alarm_;
  zmtp::SocketType type_;
  zmtp::Connection connection_;
  zmtp::Output output_;
  std::shared_ptr<const std::string> name_;
  bool is_readable_ = false;      // as far as we know
  bool is_ending_ = false;        // the other side has finished, which is told only once
  bool awaits_writable_ = false;  // the kernel had no room

  // What was read and is not taken: [begin_, end_) of read_. Between two reads the rest is in
  // aside_, or, if much more of its message is to come, in a piece of memory of its own.
  ReceivedRef read_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool is_own_ = false;
  bool is_read_ = false;  // something is there that next() has not looked at
  std::size_t needed_ = 1;
  std::string aside_;
  std::size_t input_counted_ = 0;
  std::size_t output_counted_ = 0;

  // Of who has sent PINGs: whether anything came since the last look, and how often nothing did.
  bool is_watched_ = false;
  bool has_come_ = false;
  std::uint32_t silent_looks_ = 0;
};

}  // namespace xylem
