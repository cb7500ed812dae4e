#include "tests/simulation/network.h"

#include <algorithm>
#include <cstring>

#include "relay/base/check.h"

namespace xylem::simulation {
namespace {
constexpr Duration kReconnectMax = std::chrono::seconds(1);
}

Network::Counts& Network::Counts::operator+=(const Counts& more) {
  for (const auto count :
       {&Counts::delivered, &Counts::lost, &Counts::dropped, &Counts::doubled, &Counts::swapped,
        &Counts::resets, &Counts::held, &Counts::connections, &Counts::refused, &Counts::full,
        &Counts::unreachable, &Counts::cut_off}) {
    this->*count += more.*count;
  }
  return *this;
}

// A DEALER that connects or a ROUTER that is bound.
class Network::NetworkSocket final : public RawSocket {
 public:
  NetworkSocket(Network& network, std::string process, SocketKind kind,
                const SocketOptions& options)
      : network_(network), process_(std::move(process)), kind_(kind), options_(options) {}
  ~NetworkSocket() override { network_.close(*this); }

  Result<Address> bind(const Address& address) override {
    if (!network_.listening_.try_emplace(address.text(), this).second) {
      return fail(ErrorCode::address_in_use, address.text() + " is in use");
    }
    bound_.push_back(address.text());
    return address;
  }
  Result<void> connect(const Address& address) override {
    target_ = address.text();
    retry_at_ = network_.now_;
    network_.clients_.push_back(this);
    return {};
  }
  void subscribe(std::string_view) override {}
  void refuse_when_full(bool) override {}
  void ask_whether_gone(std::string_view) override {}
  void linger(int) override {}

  bool receive(Frame& frame) override {
    if (inbound_.empty()) return false;
    auto& [routing_id, message] = inbound_.front();
    const bool identity = kind_ == SocketKind::router && !identity_was_read_;
    const std::string& text = identity ? routing_id : message;
    message_of(frame).rebuild(text.data(), text.size());
    set_more(frame, identity);
    identity_was_read_ = identity;
    if (!identity) inbound_.pop_front();
    return true;
  }
  SendOutcome send(Frame& frame, bool more) override {
    return kind_ == SocketKind::router ? route(frame, more) : send_on(frame);
  }
  int fd() override { return -1; }
  bool readable() override { return !inbound_.empty(); }
  bool writable() override {
    if (kind_ == SocketKind::router) return true;
    if (connection_ != nullptr) return has_room(connection_->there);
    return !options_.immediate && may_wait();
  }

 private:
  friend class Network;
  [[nodiscard]] bool has_room(const Way& way) const {
    return options_.send_hwm == 0 ||
           way.under_way.size() < static_cast<std::size_t>(options_.send_hwm);
  }
  [[nodiscard]] bool may_wait() const {
    return options_.send_hwm == 0 || waiting_.size() < static_cast<std::size_t>(options_.send_hwm);
  }
  [[nodiscard]] bool takes_more() const {
    return options_.receive_hwm == 0 ||
           inbound_.size() < static_cast<std::size_t>(options_.receive_hwm);
  }
  SendOutcome send_on(Frame& frame) {
    if (!writable()) {
      ++network_.counts_.full;
      return SendOutcome::full;
    }
    if (connection_ != nullptr) {
      network_.send(*connection_, connection_->there, Message(frame.text()));
    } else {
      waiting_.emplace_back(frame.text());
    }
    return SendOutcome::sent;
  }
  // First the routing id, which says whether there is such a peer, then what is for it.
  SendOutcome route(Frame& frame, bool more) {
    if (more) {
      const auto peer = peers_.find(std::string(frame.text()));
      if (peer == peers_.end()) {
        ++network_.counts_.unreachable;
        return SendOutcome::unreachable;
      }
      if (!has_room(peer->second->back)) {
        ++network_.counts_.full;
        return SendOutcome::full;
      }
      routed_ = peer->second;
      return SendOutcome::sent;
    }
    if (Connection* to = std::exchange(routed_, nullptr)) {
      network_.send(*to, to->back, Message(frame.text()));
    }
    return SendOutcome::sent;
  }

  Network& network_;
  std::string process_;
  SocketKind kind_;
  SocketOptions options_;
  std::deque<std::pair<std::string, Message>> inbound_;  // with the routing id, at a router
  bool identity_was_read_ = false;
  // A dealer's:
  std::string target_;
  Connection* connection_ = nullptr;
  Instant retry_at_;
  int retries_ = 0;
  std::deque<Message> waiting_;  // for a connection, if it may
  // A router's:
  std::vector<std::string> bound_;
  std::map<std::string, Connection*> peers_;
  Connection* routed_ = nullptr;
};

class Network::NetworkContext final : public Context {
 public:
  NetworkContext(Network& network, std::string process)
      : network_(network), process_(std::move(process)) {}
  Result<std::unique_ptr<RawSocket>> open(SocketKind kind, const SocketOptions& options) override {
    XYLEM_CHECK(kind == SocketKind::router || kind == SocketKind::dealer,
                "a socket that the simulation has");
    return std::make_unique<NetworkSocket>(network_, process_, kind, options);
  }

 private:
  Network& network_;
  std::string process_;
};

Network::~Network() = default;

std::unique_ptr<Context> Network::process(const std::string& name) {
  return std::make_unique<NetworkContext>(*this, name);
}

void Network::put(Way& way, UnderWay under_way) {
  way.last = std::max(way.last, under_way.due);
  under_way.due = way.last;
  way.under_way.push_back(std::move(under_way));
}

void Network::send(Connection& connection, Way& way, Message message) {
  const auto delay = Duration(chance_.below(static_cast<std::size_t>(delay_max_.count()) + 1));
  const auto rough = rough_.find(connection.address);
  const std::size_t one_in = rough == rough_.end() ? 0 : rough->second;
  const auto strikes = [&] { return one_in != 0 && chance_.one_in(one_in); };
  if (strikes()) {
    ++counts_.dropped;
    return;
  }
  const bool twice = strikes();
  counts_.doubled += twice;
  if (twice) put(way, {now_ + delay, message});
  put(way, {now_ + delay, std::move(message)});
  const std::size_t n = way.under_way.size();
  if (n > 1 && strikes() && !way.under_way[n - 2].end) {
    std::swap(way.under_way[n - 1].message, way.under_way[n - 2].message);
    ++counts_.swapped;
  }
}

void Network::end(Way& way, bool keep_some) {
  const std::size_t kept = keep_some ? chance_.below(way.under_way.size() + 1) : 0;
  counts_.lost += way.under_way.size() - kept;
  way.under_way.resize(kept);
  way.last = {};
  const auto delay = Duration(chance_.below(static_cast<std::size_t>(delay_max_.count()) + 1));
  const Instant after = kept == 0 ? now_ : way.under_way.back().due;
  put(way, {std::max(now_ + delay, after), {}, true});
}

// What a socket has not sent yet may go with it; what comes to it is lost.
void Network::close(NetworkSocket& socket) {
  std::erase(clients_, &socket);
  for (const std::string& address : socket.bound_) listening_.erase(address);
  const bool told = !silent_.contains(socket.process_);
  for (const auto& connection : connections_) {
    if (connection->client == &socket) {
      connection->client = nullptr;
      if (told) end(connection->there, true);
    }
    if (connection->server == &socket) {
      connection->server = nullptr;
      if (told) end(connection->back, true);
    }
  }
}

void Network::reset(Connection& connection) {
  ++counts_.resets;
  end(connection.there, false);
  end(connection.back, false);
}

bool Network::reset_some() {
  if (connections_.empty()) return false;
  reset(*connections_[chance_.below(connections_.size())]);
  return true;
}

void Network::wake(const std::string& process) {
  if (silent_.erase(process) == 0) return;
  for (const auto& connection : connections_) {
    if (connection->client_process == process && connection->client == nullptr) {
      end(connection->there, false);
    }
    if (connection->server_process == process && connection->server == nullptr) {
      end(connection->back, false);
    }
  }
}

void Network::part(const std::string& one, const std::string& other, Parting parting) {
  if (parting == Parting::cut) {
    cut_.insert({one, other});
    for (const auto& connection : connections_) {
      if (is_cut(connection->client_process, connection->server_process)) reset(*connection);
    }
    return;
  }
  if (parting != Parting::hold_back) held_.insert({one, other});
  if (parting != Parting::hold_there) held_.insert({other, one});
}

void Network::heal(const std::string& one, const std::string& other) {
  for (const auto& way : {std::pair(one, other), std::pair(other, one)}) {
    held_.erase(way);
    cut_.erase(way);
  }
}

void Network::heal_all() {
  held_.clear();
  cut_.clear();
}

bool Network::is_held(const std::string& from, const std::string& to) const {
  return held_.contains({from, to});
}

bool Network::is_cut(const std::string& one, const std::string& other) const {
  return cut_.contains({one, other}) || cut_.contains({other, one});
}

bool Network::connect(NetworkSocket& client) {
  const auto listening = listening_.find(client.target_);
  const bool there = listening != listening_.end() &&
                     !is_cut(client.process_, listening->second->process_) &&
                     !is_held(client.process_, listening->second->process_) &&
                     !is_held(listening->second->process_, client.process_);
  if (!there) {
    ++counts_.refused;
    const auto first = std::chrono::milliseconds(std::max(client.options_.reconnect_ms, 1));
    const auto wait = std::min<Duration>(first * (1 << std::min(client.retries_++, 5)),
                                         std::min<Duration>(kReconnectMax, first * 8));
    client.retry_at_ = now_ + wait;
    return false;
  }
  NetworkSocket& server = *listening->second;
  auto made = std::make_unique<Connection>();
  made->client = &client;
  made->server = &server;
  made->client_process = client.process_;
  made->server_process = server.process_;
  made->address = client.target_;
  made->routing_id.assign(5, '\0');
  std::memcpy(made->routing_id.data() + 1, &next_routing_id_, sizeof next_routing_id_);
  ++next_routing_id_;
  client.connection_ = made.get();
  client.retries_ = 0;
  server.peers_[made->routing_id] = made.get();
  connections_.push_back(std::move(made));
  ++counts_.connections;
  for (; !client.waiting_.empty(); client.waiting_.pop_front()) {
    send(*client.connection_, client.connection_->there, client.waiting_.front());
  }
  return true;
}

std::size_t Network::deliver(Connection& connection, bool there) {
  Way& way = there ? connection.there : connection.back;
  NetworkSocket* const to = there ? connection.server : connection.client;
  if (to == nullptr) return 0;
  const std::string& here = there ? connection.client_process : connection.server_process;
  const std::string& over = there ? connection.server_process : connection.client_process;
  if (is_held(here, over)) {
    counts_.held += !way.under_way.empty() && way.under_way.front().due <= now_;
    return 0;
  }
  std::size_t moved = 0;
  for (; !way.under_way.empty() && way.under_way.front().due <= now_; ++moved) {
    if (way.under_way.front().end) {
      if (there) {
        to->peers_.erase(connection.routing_id);
        connection.server = nullptr;
      } else {
        to->connection_ = nullptr;
        to->retry_at_ = now_ + std::chrono::milliseconds(to->options_.reconnect_ms);
        connection.client = nullptr;
      }
      return moved + 1;
    }
    if (!to->takes_more()) break;
    const std::int64_t most = to->options_.frame_bytes_max;
    if (most >= 0 && way.under_way.front().message.size() > static_cast<std::size_t>(most)) {
      reset(connection);
      ++counts_.cut_off;
      return moved + 1;
    }
    to->inbound_.emplace_back(there ? connection.routing_id : std::string(),
                              std::move(way.under_way.front().message));
    way.under_way.pop_front();
    ++counts_.delivered;
  }
  return moved;
}

std::size_t Network::tick() {
  std::size_t moved = 0;
  for (NetworkSocket* client : clients_) {
    const bool wants = client->connection_ == nullptr && now_ >= client->retry_at_;
    moved += wants && connect(*client);
  }
  for (const auto& connection : connections_) {
    moved += deliver(*connection, true);
    moved += deliver(*connection, false);
  }
  std::erase_if(connections_, [](const auto& connection) {
    return connection->client == nullptr && connection->server == nullptr;
  });
  return moved;
}

Instant Network::next_due() const {
  Instant due{Duration::max()};
  for (const NetworkSocket* client : clients_) {
    if (client->connection_ == nullptr) due = std::min(due, client->retry_at_);
  }
  for (const auto& connection : connections_) {
    const Connection& c = *connection;
    const auto look = [&](const Way& way, const NetworkSocket* to, const auto& from_to) {
      const bool moves = to != nullptr && !way.under_way.empty() && !held_.contains(from_to);
      if (moves) due = std::min(due, way.under_way.front().due);
    };
    look(c.there, c.server, std::pair(c.client_process, c.server_process));
    look(c.back, c.client, std::pair(c.server_process, c.client_process));
  }
  return due;
}

}  // namespace xylem::simulation
