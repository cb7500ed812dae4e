#include "relay/http/http_server.h"

#include <fmt/format.h>
#include <httplib.h>

#include <algorithm>
#include <thread>

namespace xylem {
namespace {

constexpr std::size_t kThreads = 8;  // an idle connection holds one for as long as the timeouts say
constexpr std::size_t kRequestBytesMax = 64 << 10;
constexpr time_t kReadSeconds = 1;
constexpr time_t kKeepAliveSeconds = 1;

// A name in Host that is not ours means a page of somebody else's whose DNS was turned to us.
bool host_is_ours(const std::string& host, const Address& address) {
  const std::string name =
      host.substr(0, host.rfind(':') == std::string::npos || host.back() == ']' ? std::string::npos
                                                                                : host.rfind(':'));
  const auto ours = {std::string("localhost"), std::string("127.0.0.1"), std::string("[::1]"),
                     address.host()};
  const bool anything = !address.is_local();  // listening beyond loopback was asked for
  return anything || name.empty() || std::find(ours.begin(), ours.end(), name) != ours.end();
}

void answer(httplib::Response& response, const Page& page) {
  response.status = page.status;
  response.set_content(page.body, page.content_type);
}

}  // namespace

struct HttpServer::Listener {
  httplib::Server server;
  ServiceThread thread;
};

HttpServer::HttpServer(Options options, const RelayView& view)
    : options_(std::move(options)), view_(view) {}

HttpServer::~HttpServer() { stop(); }

Result<void> HttpServer::start() {
  for (Address address : options_.listen) {
    auto listener = std::make_unique<Listener>();
    httplib::Server& server = listener->server;
    server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    server.set_payload_max_length(kRequestBytesMax);
    server.set_read_timeout(kReadSeconds);
    server.set_keep_alive_timeout(kKeepAliveSeconds);
    // httplib's own default also sets SO_REUSEPORT, with which a second relay would silently share
    // the port with the first.
    server.set_socket_options([](socket_t socket) {
      const int yes = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    server.set_default_headers({{"X-Content-Type-Options", "nosniff"},
                                {"Content-Security-Policy", "default-src 'none'"},
                                {"Cache-Control", "no-store"}});
    server.set_pre_routing_handler(
        [address](const httplib::Request& request, httplib::Response& response) {
          if (host_is_ours(request.get_header_value("Host"), address)) {
            return httplib::Server::HandlerResponse::Unhandled;
          }
          answer(response, {403, "text/plain", "this Host is not served here\n"});
          return httplib::Server::HandlerResponse::Handled;
        });
    const auto page = [&server](const char* path, auto make) {
      server.Get(path, [make](const httplib::Request&, httplib::Response& response) {
        answer(response, make());
      });
    };
    page("/", [] { return index_page(); });
    page("/metrics", [this] { return metrics_page(view_); });
    page("/healthz", [this] { return health_page(view_.liveness()); });
    page("/readyz", [this] { return health_page(view_.readiness()); });
    page("/api/taps", [this] { return taps_page(view_); });

    std::string host = address.ip();
    if (host.front() == '[') host = host.substr(1, host.size() - 2);
    if (host == "*") host = "0.0.0.0";
    int port = address.port();
    if (port == 0) {
      port = server.bind_to_any_port(host);
    } else if (!server.bind_to_port(host, port)) {
      port = -1;
    }
    if (port < 0) {
      return fail(ErrorCode::address_in_use,
                  fmt::format("{} is in use by another program, or not an address of this machine",
                              address.text()));
    }
    XYLEM_TRY(Address bound, Address::parse(fmt::format("http://{}:{}", address.host(), port)));
    bound_.push_back(bound);
    listener->thread = ServiceThread("http", [&server] { server.listen_after_bind(); });
    // A stop() that came before the loop runs would be forgotten by it.
    while (!server.is_running()) std::this_thread::yield();
    listeners_.push_back(std::move(listener));
  }
  return {};
}

void HttpServer::stop() {
  for (const auto& listener : listeners_) {
    listener->server.stop();
    listener->thread.join();
  }
  listeners_.clear();
}

}  // namespace xylem
