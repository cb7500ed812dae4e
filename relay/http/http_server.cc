#include "relay/http/http_server.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <list>
#include <optional>
#include <string>

#include "relay/http/api.h"
#include "relay/http/api_json.h"
#include "relay/http/connection_stages.h"
#include "relay/http/live_feed.h"
#include "relay/http/message.h"
#include "relay/http/routes.h"

namespace xylem {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Stages = ConnectionStages;

// What the kernel holds for a connection: little of answers that nobody reads and of requests that
// wait for their turn. It counts twice as much.
constexpr int kSendBufferBytes = 32 << 10;
constexpr int kReceiveBufferBytes = 16 << 10;
constexpr std::size_t kReadBytes = 4096;
// Fewer than connections_max, so that each has had its first bytes looked at before it can be the
// oldest; many, so that a crowd at the door does not keep the last of it from its turn.
constexpr int kAcceptsPerTurn = 64;
constexpr Duration kAcceptRetry = std::chrono::milliseconds(100);
// After the last answer, for what the other side has still to read.
constexpr Duration kLeaveMax = std::chrono::seconds(1);
// A viewer is told something every second.
constexpr Duration kWatchMax = std::chrono::seconds(60);

constexpr std::array<std::string_view, HttpServer::kLetGoCount> kLetGoNames{
    "idle",         "slow_request", "slow_answer", "crowded",
    "answer_bytes", "malformed",    "too_large",   "viewers"};

std::size_t connections_that_fit(std::size_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  return std::clamp<std::size_t>(limit.rlim_cur / 4, 1, wanted);
}

struct Connection : Stages::Member {
  Connection(tcp::socket taken, const Address& at) : socket(std::move(taken)), door(at) {}
  tcp::socket socket;
  const Address& door;
  std::list<Connection>::iterator self{};
  std::string bytes;     // that came and belong to no request yet
  std::size_t seen = 0;  // of them, without a header's end
  bool keep_alive = true;
  bool head_only = false;
  std::string head;
  std::shared_ptr<const Page> page;
  std::size_t answer_bytes = 0;
  std::optional<LiveFeed::Viewer> viewer;  // of who looks at /api/live
  std::uint64_t round = 0;                 // in which it was last asked what is new for it
};

}  // namespace

// All of it on the service thread, but for what start() and stop() of the server call.
//
// Something is always under way for a connection, and one thing only: a read, a write, or the
// making of its page. When that ends, the connection goes on, or is forgotten if it was closed
// meanwhile; so nobody holds one that is gone.
class HttpServer::Service {
 public:
  Service(const Limits& limits, const RelayView& view, Figures& figures)
      : limits_(limits),
        view_(view),
        figures_(figures),
        stages_({limits.idle_max, limits.request_max, limits.answer_max, kWatchMax, kLeaveMax}) {
    limits_.connections_max = connections_that_fit(limits.connections_max);
  }

  [[nodiscard]] Result<Address> listen(const Address& address);
  void run() { context_.run(); }
  void stop() {
    asio::post(context_, [this] { say_goodbye(); });
  }

 private:
  struct Door {
    tcp::acceptor acceptor;
    asio::steady_timer pause;
    Address address;
  };
  struct WantedPage {
    const Route* route;
    HttpRequest request;
    std::vector<Connection*> waiting;  // one, of those who come to look
  };

  void await_arrivals(Door& door);
  void let_in(Door& door);
  void admit(tcp::socket socket, const Address& address);
  [[nodiscard]] bool make_room();

  void read(Connection& each);
  void on_bytes(Connection& each);
  void on_request(Connection& each, const HttpRequest& request);
  void want(Connection& each, const Route& route, const HttpRequest& request);
  void make_a_page();
  void answer(Connection& each, std::shared_ptr<const Page> page);
  void send(Connection& each);
  void answered(Connection& each);
  void refuse(Connection& each, LetGo why, Page page);

  void begin_live(Connection& each, const HttpRequest& request);
  void tell(Connection& each, std::string head, std::string text);
  void await_round();
  void tell_next();
  void say_goodbye();

  void leave(Connection& each);

  void enter(Connection& each, Stages::Stage stage);
  void watch();
  void on_overdue();
  void count(LetGo why) { ++figures_.let_go[static_cast<std::size_t>(why)]; }
  void let_go(Stages::Member& member, LetGo why);
  void close(Connection& each);
  // Ends what was under way: with `next`, or for good.
  template <class Next>
  void go_on(Connection& each, error_code ec, Next next) {
    if (each.socket.is_open()) ec ? close(each) : next();
    if (!each.socket.is_open()) connections_.erase(each.self);
  }

  Limits limits_;
  const RelayView& view_;
  Figures& figures_;
  const SystemClock clock_;
  asio::io_context context_{1};
  std::list<Door> doors_;
  Stages stages_;
  std::list<Connection> connections_;
  std::deque<WantedPage> wanted_;  // the first wanted first
  std::size_t answer_bytes_ = 0;
  std::optional<LiveFeed> feed_;
  asio::steady_timer round_due_{context_};
  std::uint64_t round_ = 0;
  asio::steady_timer due_{context_};
  std::optional<Instant> due_at_;
};

Result<Address> HttpServer::Service::listen(const Address& address) {
  error_code ec;
  const tcp::endpoint place(asio::ip::make_address(address.bare_ip("0.0.0.0"), ec), address.port());
  Door& door =
      doors_.emplace_back(Door{tcp::acceptor(context_), asio::steady_timer(context_), address});
  tcp::acceptor& acceptor = door.acceptor;
  if (!ec) acceptor.open(place.protocol(), ec);
  // Never SO_REUSEPORT, with which a second relay would silently share the port with the first.
  if (!ec) acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec) acceptor.set_option(asio::socket_base::send_buffer_size(kSendBufferBytes), ec);
  if (!ec) acceptor.set_option(asio::socket_base::receive_buffer_size(kReceiveBufferBytes), ec);
  if (!ec) acceptor.non_blocking(true, ec);
  if (!ec) acceptor.bind(place, ec);
  if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
  tcp::endpoint bound;
  if (!ec) bound = acceptor.local_endpoint(ec);
  if (ec) {
    return fail(ErrorCode::address_in_use,
                fmt::format("{} is in use by another program, or not an address of this machine",
                            address.text()));
  }
  await_arrivals(door);
  return Address::parse(fmt::format("http://{}:{}", address.host(), bound.port()));
}

void HttpServer::Service::await_arrivals(Door& door) {
  door.acceptor.async_wait(tcp::acceptor::wait_read, [this, &door](error_code) { let_in(door); });
}

void HttpServer::Service::let_in(Door& door) {
  bool made_room = false;
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    error_code ec;
    tcp::socket socket(context_);
    door.acceptor.accept(socket, ec);
    if (!ec) {
      admit(std::move(socket), door.address);
    } else if (ec == asio::error::would_block) {
      break;
    } else if (ec == asio::error::no_descriptors && !made_room && make_room()) {
      made_room = true;
    } else if (ec != asio::error::connection_aborted) {
      // Asking again at once would only tell the same.
      door.pause.expires_after(kAcceptRetry);
      return door.pause.async_wait([this, &door](error_code) { let_in(door); });
    }
  }
  await_arrivals(door);
}

void HttpServer::Service::admit(tcp::socket socket, const Address& address) {
  while (stages_.size() >= limits_.connections_max && make_room()) {
  }
  Connection& each = connections_.emplace_front(std::move(socket), address);
  each.self = connections_.begin();
  stages_.admit(each, clock_.now());
  figures_.connections = stages_.size();
  watch();
  read(each);
}

bool HttpServer::Service::make_room() {
  Stages::Member* const member = stages_.makes_room();
  if (member) let_go(*member, LetGo::crowded);
  return member != nullptr;
}

void HttpServer::Service::read(Connection& each) {
  const std::size_t have = each.bytes.size();
  each.bytes.resize(std::min(have + kReadBytes, limits_.header_bytes_max));
  each.socket.async_read_some(asio::buffer(each.bytes.data() + have, each.bytes.size() - have),
                              [this, &each, have](error_code ec, std::size_t more) {
                                each.bytes.resize(have + more);
                                go_on(each, ec, [&] { on_bytes(each); });
                              });
}

void HttpServer::Service::on_bytes(Connection& each) {
  if (each.stage() == Stages::idle) enter(each, Stages::asking);
  const auto end = header_end(each.bytes, each.seen);
  if (!end && !may_be_request(each.bytes)) {
    return refuse(each, LetGo::malformed, plain_page(400, "this is not HTTP/1.1"));
  }
  if (!end && each.bytes.size() >= limits_.header_bytes_max) {
    return refuse(each, LetGo::too_large, plain_page(431, "the header is too long"));
  }
  if (!end) {
    each.seen = each.bytes.size();
    return read(each);
  }
  const auto request = parse_request(std::string_view(each.bytes).substr(0, *end));
  each.bytes.erase(0, *end);
  each.seen = 0;
  if (!request) return refuse(each, LetGo::malformed, plain_page(400, request.error().message));
  on_request(each, *request);
}

void HttpServer::Service::on_request(Connection& each, const HttpRequest& request) {
  ++figures_.requests;
  // A body is never read, so that nothing behind it can be told from it.
  each.keep_alive = request.keep_alive && !request.has_body;
  each.head_only = request.method == "HEAD";
  if (auto refusal = refusal_of(request, each.door)) {
    return answer(each, std::make_shared<const Page>(std::move(*refusal)));
  }
  const Route* const route = find_route(request.target);
  const bool looks = route->path == kLivePath && !each.head_only;
  if (looks || !route->is_small) return want(each, *route, request);
  answer(each, std::make_shared<const Page>(route->make(view_, request.target)));
}

void HttpServer::Service::want(Connection& each, const Route& route, const HttpRequest& request) {
  const auto known = std::find_if(wanted_.begin(), wanted_.end(), [&](const WantedPage& page) {
    return page.route == &route && route.path != kLivePath &&
           (!route.is_by_target || page.request.target == request.target);
  });
  if (known != wanted_.end()) return known->waiting.push_back(&each);
  wanted_.push_back({&route, request, {&each}});
  if (wanted_.size() == 1) asio::post(context_, [this] { make_a_page(); });
}

// One in a turn: between two of them whatever else is due is done.
void HttpServer::Service::make_a_page() {
  const WantedPage wanted = std::move(wanted_.front());
  wanted_.pop_front();
  if (!wanted_.empty()) asio::post(context_, [this] { make_a_page(); });
  if (wanted.route->path == kLivePath) {
    Connection& each = *wanted.waiting.front();
    return go_on(each, {}, [&] { begin_live(each, wanted.request); });
  }
  const auto page = std::make_shared<const Page>(wanted.route->make(view_, wanted.request.target));
  for (Connection* const each : wanted.waiting) {
    go_on(*each, {}, [&] { answer(*each, page); });
  }
}

void HttpServer::Service::answer(Connection& each, std::shared_ptr<const Page> page) {
  each.head = header_of(*page, each.keep_alive);
  each.page = std::move(page);
  send(each);
}

void HttpServer::Service::send(Connection& each) {
  enter(each, Stages::answering);
  const std::string_view body = each.head_only ? std::string_view() : each.page->body;
  each.answer_bytes = each.head.size() + body.size();
  answer_bytes_ += each.answer_bytes;
  while (answer_bytes_ > limits_.answer_bytes_max && stages_.oldest(Stages::answering) != &each) {
    let_go(*stages_.oldest(Stages::answering), LetGo::answer_bytes);
  }
  figures_.answer_bytes = answer_bytes_;
  const std::array<asio::const_buffer, 2> parts{asio::buffer(each.head),
                                                asio::buffer(body.data(), body.size())};
  asio::async_write(each.socket, parts, [this, &each](error_code ec, std::size_t) {
    go_on(each, ec, [&] { answered(each); });
  });
}

void HttpServer::Service::answered(Connection& each) {
  figures_.answer_bytes = answer_bytes_ -= std::exchange(each.answer_bytes, 0);
  each.page.reset();
  // Until the next round nothing is under way for a viewer.
  if (each.viewer) return enter(each, Stages::watching);
  if (!each.keep_alive) {
    error_code ignored;
    each.socket.shutdown(tcp::socket::shutdown_send, ignored);
    enter(each, Stages::leaving);
    return leave(each);
  }
  enter(each, Stages::idle);
  // A request that came with the one before.
  each.bytes.empty() ? read(each) : on_bytes(each);
}

void HttpServer::Service::refuse(Connection& each, LetGo why, Page page) {
  count(why);
  each.keep_alive = false;
  each.head_only = false;
  answer(each, std::make_shared<const Page>(std::move(page)));
}

void HttpServer::Service::begin_live(Connection& each, const HttpRequest& request) {
  const auto refused = [&](int status, std::string_view code, std::string_view why) {
    answer(each, std::make_shared<const Page>(problem_page(status, code, why)));
  };
  if (view_.state() == nullptr) return refused(503, "state_is_off", "this relay keeps no state");
  if (figures_.viewers >= limits_.viewers_max) {
    count(LetGo::viewers);
    return refused(503, "too_many_viewers", "as many look as may; come back later");
  }
  if (!feed_) feed_.emplace(*view_.state());
  auto begun =
      feed_->begin(query_of_target(request.target)["q"], request.last_event_id, clock_.now());
  if (!begun) return refused(400, "bad_filter", begun.error().message);
  each.viewer = std::move(begun->first);
  if (++figures_.viewers == 1) await_round();
  tell(each, live_header(), std::move(begun->second));
}

void HttpServer::Service::tell(Connection& each, std::string head, std::string text) {
  each.head = std::move(head);
  each.page = std::make_shared<const Page>(Page{200, "", std::move(text)});
  figures_.live_rows = feed_->shown();
  figures_.live_lost = feed_->lost();
  send(each);
}

void HttpServer::Service::await_round() {
  round_due_.expires_after(limits_.live_every);
  round_due_.async_wait([this](error_code ec) {
    ++round_;
    if (!ec) tell_next();
  });
}

// One viewer in a turn, as pages are made. Who has not taken what it was told waits for a round.
void HttpServer::Service::tell_next() {
  const auto next = std::find_if(connections_.begin(), connections_.end(), [this](auto& each) {
    return each.stage() == Stages::watching && each.round != round_;
  });
  if (next == connections_.end()) {
    if (figures_.viewers != 0) await_round();
    return;
  }
  next->round = round_;
  std::string text = feed_->next(*next->viewer, clock_.now());
  if (!text.empty()) tell(*next, {}, std::move(text));
  asio::post(context_, [this] { tell_next(); });
}

void HttpServer::Service::say_goodbye() {
  for (Connection& each : connections_) {
    if (each.stage() != Stages::watching) continue;
    error_code ignored;
    each.socket.non_blocking(true, ignored);
    static_cast<void>(
        each.socket.write_some(asio::buffer(LiveFeed::bye("the relay stops")), ignored));
  }
  context_.stop();
}

// A socket that is closed while there is something to read takes its last answer with it.
void HttpServer::Service::leave(Connection& each) {
  each.bytes.resize(kReadBytes);
  each.socket.async_read_some(asio::buffer(each.bytes), [this, &each](error_code ec, std::size_t) {
    go_on(each, ec, [&] { leave(each); });
  });
}

void HttpServer::Service::enter(Connection& each, Stages::Stage stage) {
  stages_.enter(each, stage, clock_.now());
  watch();
}

// Wakes when the first patience ends, or before.
void HttpServer::Service::watch() {
  const auto first = stages_.deadline();
  if (!first || (due_at_ && *due_at_ <= *first)) return;
  due_at_ = first;
  due_.expires_after(*first - clock_.now());
  due_.async_wait([this](error_code ec) {
    if (!ec) on_overdue();
  });
}

void HttpServer::Service::on_overdue() {
  const Instant now = clock_.now();
  while (Stages::Member* const member = stages_.overdue(now)) {
    switch (member->stage()) {
      case Stages::idle: let_go(*member, LetGo::idle); break;
      case Stages::asking: let_go(*member, LetGo::slow_request); break;
      case Stages::answering: let_go(*member, LetGo::slow_answer); break;
      case Stages::watching: let_go(*member, LetGo::slow_answer); break;
      case Stages::leaving: close(static_cast<Connection&>(*member)); break;
    }
  }
  due_at_.reset();
  watch();
}

void HttpServer::Service::let_go(Stages::Member& member, LetGo why) {
  count(why);
  close(static_cast<Connection&>(member));
}

// What is under way for it ends with an error, and finds it closed.
void HttpServer::Service::close(Connection& each) {
  stages_.remove(each);
  figures_.connections = stages_.size();
  figures_.answer_bytes = answer_bytes_ -= std::exchange(each.answer_bytes, 0);
  error_code ignored;
  each.socket.close(ignored);
  figures_.viewers -= each.viewer ? 1 : 0;
  if (each.stage() == Stages::watching) connections_.erase(each.self);
}

HttpServer::HttpServer(Options options, const RelayView& view)
    : options_(std::move(options)), view_(view) {}

HttpServer::~HttpServer() { stop(); }

Result<void> HttpServer::start() {
  if (options_.listen.empty()) return {};
  try {
    service_ = std::make_unique<Service>(options_.limits, view_, figures_);
  } catch (const boost::system::system_error& error) {
    return fail(ErrorCode::io, fmt::format("http cannot begin: {}", error.what()));
  }
  for (const Address& address : options_.listen) {
    XYLEM_TRY(Address bound, service_->listen(address));
    bound_.push_back(bound);
  }
  thread_ = ServiceThread("http", [this] { service_->run(); });
  return {};
}

void HttpServer::stop() {
  if (service_) service_->stop();
  thread_.join();
  service_.reset();
}

void HttpServer::sample(Samples& samples) const {
  const auto count = [](const std::atomic<std::uint64_t>& figure) {
    return static_cast<double>(figure.load(std::memory_order_relaxed));
  };
  samples.push_back({Metric::http_connections, count(figures_.connections), {}});
  samples.push_back({Metric::http_answer_bytes, count(figures_.answer_bytes), {}});
  samples.push_back({Metric::http_viewers, count(figures_.viewers), {}});
  samples.push_back({Metric::http_live_rows, count(figures_.live_rows), {}});
  samples.push_back({Metric::http_live_lost, count(figures_.live_lost), {}});
  samples.push_back({Metric::http_requests, count(figures_.requests), {}});
  for (std::size_t i = 0; i < kLetGoCount; ++i) {
    samples.push_back({Metric::http_let_go,
                       count(figures_.let_go[i]),
                       {{"reason", std::string(kLetGoNames[i])}}});
  }
}

}  // namespace xylem
