#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include "relay/base/clock.h"
#include "relay/base/ids.h"
#include "relay/base/result.h"
#include "relay/codec/control_codec.h"
#include "relay/event/source_place.h"
#include "relay/session/acked_receiver.h"

namespace xylem {

// The sources of a relay's acked endpoint: what each has sent, and over which connection it is to
// be answered. A source outlives its connections, so that what it sends again is known. No socket,
// no clock. One owner thread. docs/protocol.md §7 has the rules.
class SourceTable {
 public:
  struct Limits {
    std::uint64_t window_bytes = std::uint64_t{8} << 20;
    std::uint64_t frame_bytes_max = std::uint64_t{1} << 20;
    std::size_t sources_max = 1024;
    Duration heartbeat = std::chrono::seconds(1);
    // The most that an Ack of this relay can mean: without a spool, received.
    AckLevel level_max = AckLevel::received;
  };
  // Where a Hello came from.
  struct Connection {
    std::string peer;     // ZeroMQ's routing id; never shown to anybody
    std::string address;  // all local sockets have one, the empty one
  };
  struct Source {
    SourceId id;
    AckedReceiver receiver;
    std::string name;
    AckLevel level = AckLevel::received;
    std::uint64_t session = 0;
    std::string peer;                    // of its connection; empty while it has none
    std::optional<std::string> address;  // of the connection that spoke for it last in this life
    Instant heard_at;
    bool recovered = false;  // and has not come back since
    // What its wall clock says, once added to it, is ours; nothing if it tells no time.
    std::optional<std::int64_t> clock_offset_us;
    // It has sent events, which it could send again, over a connection that has spoken for nobody
    // else since. Any other is kept as long as it is connected.
    bool is_kept = false;
    // The last batch with events; batches behind it have none, and are done when it is.
    BatchNumber newest_told{};
  };

  // `seed` makes session numbers, which tell sessions apart and grant nothing.
  SourceTable(const Limits& limits, std::uint64_t seed) : limits_(limits), session_(seed) {}

  // What the spool has on the disk of sources, before the relay starts: of more than
  // sources_max those that were heard of last. `wall_us` is now by the clock of their places.
  void recover(const SourcePlaces& places, Instant now, std::int64_t wall_us);

  // A connection introduces itself; its source is answered there from now on. If it wants acks to
  // mean more than before, what it has sent is done only once on_done() says so again. Errors:
  // refused, also for want of a place: one address may have half of them.
  [[nodiscard]] Result<SourceWelcome> on_hello(const Connection& from, const SourceHello& hello,
                                               Instant now);
  // The source of a connection, or nullptr: then it is to say Hello.
  [[nodiscard]] Source* of_peer(const std::string& peer);
  [[nodiscard]] Source* find(SourceId id);
  // The connection is gone; its source is kept.
  void disconnect(const std::string& peer);

  [[nodiscard]] std::size_t connected() const { return peers_.size(); }
  [[nodiscard]] std::size_t size() const { return sources_.size(); }
  [[nodiscard]] const Limits& limits() const { return limits_; }
  // Calls `visit(Source&)` for each that has a connection.
  template <class Visit>
  void for_connected(Visit visit) {
    for (auto& [id, source] : sources_) {
      if (!source.peer.empty()) visit(source);
    }
  }

 private:
  // A source that was heard of within this, in this life, is not forgotten for another.
  static constexpr Duration kKept = std::chrono::minutes(1);

  using Sources = std::unordered_map<std::uint64_t, Source>;

  [[nodiscard]] Result<void> check(const SourceHello& hello) const;
  [[nodiscard]] Result<void> make_room(const std::string& address, Instant now);
  [[nodiscard]] std::size_t share() const { return (limits_.sources_max + 1) / 2; }
  [[nodiscard]] std::size_t places_of(const std::optional<std::string>& address) const;
  void move_to(Source& source, const std::optional<std::string>& address);
  void forget(Sources::iterator source);

  Limits limits_;
  std::uint64_t session_;
  Sources sources_;                                     // by SourceId; bounded by sources_max
  std::map<std::string, SourceId, std::less<>> peers_;  // by routing id; one for each connection
  std::map<std::string, std::size_t, std::less<>> places_;  // of addresses that have one
};

}  // namespace xylem
