#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "relay/base/clock.h"
#include "relay/transport/context.h"
#include "tests/doubles/chance.h"

namespace xylem::simulation {

using testing::Chance;

// A network between simulated processes, in the place of libzmq: DEALER sockets that connect to
// ROUTER sockets, as ZeroMQ 4.3.4 does it over TCP.
//
//   inside a connection   what is sent arrives, in order, after a while
//   when one ends         what is under way is lost; the ROUTER's side knows the next connection by
//                         another routing id; the DEALER connects again by itself
//   when a machine dies   nobody is told until it is back
//
// On addresses that are made rough, single messages are lost, doubled and swapped as well, which
// the acked protocol withstands and TCP does not do. One thread.
class Network {
 public:
  struct Counts {
    std::uint64_t delivered = 0;
    std::uint64_t lost = 0;  // with a connection
    std::uint64_t dropped = 0;
    std::uint64_t doubled = 0;
    std::uint64_t swapped = 0;
    std::uint64_t resets = 0;
    std::uint64_t held = 0;  // times that a parted way had something to deliver
    std::uint64_t connections = 0;
    std::uint64_t refused = 0;  // connects that found nobody
    std::uint64_t full = 0;
    std::uint64_t unreachable = 0;
    std::uint64_t cut_off = 0;  // for a frame above the receiver's limit
    Counts& operator+=(const Counts& more);
  };

  // `now` is the time of the whole simulation.
  Network(std::uint64_t seed, const Instant& now) : chance_(seed), now_(now) {}
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // Sockets of one process; the network must outlive it.
  [[nodiscard]] std::unique_ptr<Context> process(const std::string& name);

  // Delivers what is due and connects who wants to be. Returns how much it did.
  std::size_t tick();
  // When tick() will have something to do next, as far as is known now.
  [[nodiscard]] Instant next_due() const;

  void set_delay_max(Duration delay) { delay_max_ = delay; }
  // Every so manieth message to and from this address is lost, doubled or swapped; 0: none.
  void make_rough(const std::string& address, std::size_t one_in) { rough_[address] = one_in; }

  enum class Parting : std::uint8_t {
    cut,         // connections end, and none can be made
    hold,        // nothing arrives until it is healed, and nobody knows
    hold_there,  // likewise, from the first to the second
    hold_back
  };
  void part(const std::string& one, const std::string& other, Parting parting);
  void heal(const std::string& one, const std::string& other);
  void heal_all();
  // One connection, any; false if there is none.
  bool reset_some();
  // What dies without a word. Call before its sockets are closed, and wake() when it is back.
  void silence(const std::string& process) { silent_.insert(process); }
  void wake(const std::string& process);

  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  class NetworkSocket;
  class NetworkContext;
  struct Connection;
  using Message = std::string;
  struct UnderWay {
    Instant due;
    Message message;
    bool end = false;
  };
  // One direction of a connection.
  struct Way {
    std::deque<UnderWay> under_way;
    Instant last;
  };
  struct Connection {
    NetworkSocket* client = nullptr;  // nullptr: that end is closed
    NetworkSocket* server = nullptr;
    std::string client_process;
    std::string server_process;
    std::string address;
    std::string routing_id;
    Way there;  // to the server
    Way back;
  };

  void send(Connection& connection, Way& way, Message message);
  void put(Way& way, UnderWay under_way);
  // The end of a connection follows what is kept of the messages under way.
  void end(Way& way, bool keep_some);
  void close(NetworkSocket& socket);
  void reset(Connection& connection);
  [[nodiscard]] std::size_t deliver(Connection& connection, bool there);
  [[nodiscard]] bool connect(NetworkSocket& client);
  [[nodiscard]] bool is_held(const std::string& from, const std::string& to) const;
  [[nodiscard]] bool is_cut(const std::string& one, const std::string& other) const;

  Chance chance_;
  const Instant& now_;
  Duration delay_max_ = std::chrono::milliseconds(2);
  std::map<std::string, std::size_t> rough_;
  std::map<std::string, NetworkSocket*> listening_;
  std::vector<NetworkSocket*> clients_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::set<std::pair<std::string, std::string>> held_;  // from, to
  std::set<std::pair<std::string, std::string>> cut_;   // both ways round
  std::set<std::string> silent_;
  std::uint32_t next_routing_id_ = 1;
  Counts counts_;
};

}  // namespace xylem::simulation
