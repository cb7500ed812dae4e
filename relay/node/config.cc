#include "relay/node/config.h"

#include <fmt/format.h>

#include "relay/base/check.h"

namespace xylem {
namespace {

std::vector<Address> one(std::string_view text) {
  auto address = Address::parse(text);
  XYLEM_CHECK(address.has_value(), "a default address is an address");
  return {*address};
}

}  // namespace

Config::Config() {
  push.listen = one("tcp://127.0.0.1:7600");
  acked.listen = one("tcp://127.0.0.1:7601");
  publish.listen = one("tcp://127.0.0.1:7602");
  stream.listen = one("tcp://127.0.0.1:7603");
  http.listen = one("http://127.0.0.1:7680");
}

std::string text_of(const std::vector<Problem>& problems) {
  std::string text;
  for (const Problem& problem : problems)
    text += fmt::format("{}: {}\n", problem.where, problem.what);
  return text;
}

}  // namespace xylem
