#pragma once

#include <optional>
#include <string_view>

#include "relay/http/message.h"
#include "relay/http/pages.h"
#include "relay/transport/address.h"

namespace xylem {

// A page and how it is made.
struct Route {
  std::string_view path;
  // `target` as it was asked for, with its query.
  Page (*make)(const RelayView& view, std::string_view target);
  // Small enough to be made at once. Of pages that are not, one is made in a turn, for all who wait
  // for it, so that those who want many keep nobody from a small one.
  bool is_small;
  // Only for the same target the page is the same.
  bool is_by_target = false;
};

// Null if there is no such page. A query behind the path means
// nothing but to the API.
[[nodiscard]] const Route* find_route(std::string_view target);
// The page of a refusal: 403, 404, 405, 400; or nothing, and then find_route() has a route.
// `address` is where the request came in: on loopback only its own names are served, so that a page
// of somebody else's, whose DNS was turned to us, reads nothing.
[[nodiscard]] std::optional<Page> refusal_of(const HttpRequest& request, const Address& address);
// One sentence, for people.
[[nodiscard]] Page plain_page(int status, std::string_view sentence);

}  // namespace xylem
