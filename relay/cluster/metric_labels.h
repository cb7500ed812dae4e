#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace xylem::cluster {

// What the label for a worker's or sender's host says. Workers' own series always have the host.
enum class HostnameLabel : std::uint8_t {
  theirs,   // full for Flower, host for celery-exporter
  full,     // celery@web-1
  host,     // web-1: what is behind the first @
  generic,  // the word "generic", so that hosts make no series of tasks
};

// Of one program's metrics.
struct MetricLimits {
  HostnameLabel hostname = HostnameLabel::theirs;
  std::size_t series_max = 0;
  std::size_t tasks_max = 0;
  std::uint64_t seed = 0;  // of the hashes
};

// As nodesplit() of Celery: what is behind the first '@', or all of it.
[[nodiscard]] constexpr std::string_view host_of(std::string_view hostname) {
  const std::size_t at = hostname.find('@');
  return at == std::string_view::npos ? hostname : hostname.substr(at + 1);
}

// The buckets of the Python client, in seconds.
inline constexpr std::array kRuntimeBounds{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25,
                                           0.5,   0.75, 1.0,   2.5,  5.0,   7.5, 10.0};

// What the relay knows of silence: now, and until when it was blind, which is nobody's silence.
struct Silence {
  std::int64_t now_us = 0;
  std::int64_t blind_until_us = 0;
};

// Workers and when each was last heard. As with celery-exporter's defaults, one that has been
// silent for five minutes is offline, and after ten its series go. Bounded by the series that show
// them.
class SeenHosts {
 public:
  static constexpr std::int64_t kOfflineUs = 300'000'000;
  static constexpr std::int64_t kForgottenUs = 600'000'000;
  // Each means a look at every series; the others go a tick later.
  static constexpr int kForgottenAtOnce = 4;

  void see(std::string_view host, std::int64_t at_us) {
    const auto known = hosts_.find(host);
    known == hosts_.end() ? void(hosts_.emplace(host, Seen{at_us, false}))
                          : void(known->second = {at_us, false});
  }
  // It is offline; false if nobody knows it.
  bool leave(std::string_view host) {
    const auto known = hosts_.find(host);
    if (known == hosts_.end()) return false;
    known->second.is_offline = true;
    return true;
  }
  // Calls `offline` and `forget` with those whose time has come.
  template <class Offline, class Forget>
  void pass_time(const Silence& silence, Offline offline, Forget forget) {
    int forgotten = 0;
    for (auto each = hosts_.begin(); each != hosts_.end();) {
      auto& [host, seen] = *each;
      const std::int64_t silent_us = silence.now_us - std::max(seen.at_us, silence.blind_until_us);
      if (silent_us > kOfflineUs && !std::exchange(seen.is_offline, true)) offline(host);
      if (silent_us <= kForgottenUs || forgotten == kForgottenAtOnce) {
        ++each;
        continue;
      }
      ++forgotten;
      forget(host);
      each = hosts_.erase(each);
    }
  }

 private:
  struct Seen {
    std::int64_t at_us = 0;
    bool is_offline = false;
  };
  std::map<std::string, Seen, std::less<>> hosts_;
};

}  // namespace xylem::cluster
