#include "relay/cluster/failures.h"

#include <algorithm>
#include <cctype>

namespace xylem::cluster {
namespace {

constexpr std::size_t kTextBytesMax = 256;

}  // namespace

std::string_view exception_type(std::string_view exception) {
  const auto end = std::find_if(exception.begin(), exception.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && c != '.';
  });
  const std::string_view name =
      exception.substr(0, static_cast<std::size_t>(end - exception.begin()));
  return name.empty() ? "(unknown)" : name.substr(0, kTextBytesMax);
}

std::string place_of(std::string_view traceback) {
  const std::size_t at = traceback.rfind("File \"");
  if (at == std::string_view::npos) return {};
  const std::string_view rest = traceback.substr(at + 6);
  const std::string_view line = rest.substr(0, rest.find('\n'));
  const std::size_t quote = line.find('"');
  const std::size_t number = line.find(", line ");
  const std::size_t in = line.find(", in ");
  if (quote == std::string_view::npos || number == std::string_view::npos) return {};
  std::string place(line.substr(0, quote));
  place += ':';
  place += line.substr(number + 7, in == std::string_view::npos ? in : in - number - 7);
  if (in != std::string_view::npos) {
    place += ' ';
    place += line.substr(in + 5);
  }
  return place.substr(0, kTextBytesMax);
}

void Failures::add(const Seen& seen) {
  Key key{std::string(exception_type(seen.exception)), place_of(seen.traceback)};
  auto at = groups_.find(key);
  if (at == groups_.end()) {
    if (groups_.size() + 1 >= groups_max_) key = {"(other)", ""};
    at = groups_.try_emplace(std::move(key)).first;
    if (at->second.first_us == 0) at->second.first_us = seen.arrived_us;
  }
  Group& group = at->second;
  ++(seen.retried ? group.retried : group.failed);
  group.last_us = std::max(group.last_us, seen.arrived_us);
  group.task = seen.task.substr(0, kTextBytesMax);
  group.example = seen.uuid;
}

}  // namespace xylem::cluster
