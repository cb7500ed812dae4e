#include "relay/http/routes.h"

#include <algorithm>
#include <array>

#include "relay/http/api.h"
#include "relay/http/flower_api.h"
#include "relay/http/live_feed.h"

namespace xylem {
namespace {

using View = const RelayView&;
using Target = std::string_view;
constexpr std::array<Route, 5> kRoutes{{
    {"/", [](View, Target) { return index_page(); }, true},
    {"/healthz", [](View view, Target) { return health_page(view.liveness()); }, true},
    {"/readyz", [](View view, Target) { return health_page(view.readiness()); }, true},
    {"/metrics", [](View view, Target) { return metrics_page(view); }, false},
    {"/api/taps", [](View view, Target) { return taps_page(view); }, false},
}};
constexpr Route kApi{kApiPrefix, api_page, false, true};
// Who asks for its head alone; the server begins the rest itself.
constexpr Route kLive{kLivePath,
                      [](View, Target) {
                        return Page{200, "text/event-stream", ""};
                      },
                      true};
constexpr Route kFlower{"/api/task", flower_page, false, true};

// A name in Host that is not ours means a page of somebody else's whose DNS was turned to us.
bool host_is_ours(std::string_view host, const Address& address) {
  if (!address.is_local()) return true;  // listening beyond loopback was asked for
  if (!host.empty() && host.back() != ']') host = host.substr(0, host.rfind(':'));
  const auto ours = {std::string_view("localhost"), std::string_view("127.0.0.1"),
                     std::string_view("[::1]"), std::string_view(address.host())};
  return host.empty() || std::find(ours.begin(), ours.end(), host) != ours.end();
}

}  // namespace

const Route* find_route(std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  if (path.starts_with(kApiPrefix)) return &kApi;
  if (path == kLivePath) return &kLive;
  if (is_flower_path(path)) return &kFlower;
  const auto found = std::find_if(kRoutes.begin(), kRoutes.end(),
                                  [path](const Route& route) { return route.path == path; });
  return found == kRoutes.end() ? nullptr : &*found;
}

std::optional<Page> refusal_of(const HttpRequest& request, const Address& address) {
  if (!host_is_ours(request.host, address)) return plain_page(403, "this Host is not served here");
  if (find_route(request.target) == nullptr) return plain_page(404, "no such page; / lists them");
  if (request.method != "GET" && request.method != "HEAD") {
    Page page = plain_page(405, "the pages here are for reading: GET or HEAD");
    page.allow = "GET, HEAD";
    return page;
  }
  if (request.has_body) return plain_page(400, "a request for a page has no body");
  return std::nullopt;
}

Page plain_page(int status, std::string_view sentence) {
  return {status, "text/plain; charset=utf-8", std::string(sentence) + "\n"};
}

}  // namespace xylem
