#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace xylem::cluster {

// The class at the front of Python's repr of an exception: `ValueError` of `ValueError('x')`.
[[nodiscard]] std::string_view exception_type(std::string_view exception);
// Where a traceback ends: file, line and function of its last `File "…", line N, in f`.
[[nodiscard]] std::string place_of(std::string_view traceback);

// Failures and retries by what was raised and where, bounded in number: what comes when it is full
// joins one group called "(other)". One owner thread.
class Failures {
 public:
  struct Key {
    std::string exception;
    std::string place;
    auto operator<=>(const Key&) const = default;
  };
  struct Group {
    std::uint64_t failed = 0;
    std::uint64_t retried = 0;
    std::int64_t first_us = 0;
    std::int64_t last_us = 0;
    std::string task;     // the name of the last
    std::string example;  // its uuid
  };
  struct Seen {
    std::string_view exception;
    std::string_view traceback;
    std::string_view task;
    std::string_view uuid;
    std::int64_t arrived_us = 0;
    bool retried = false;
  };
  explicit Failures(std::size_t groups_max) : groups_max_(groups_max) {}

  void add(const Seen& seen);
  [[nodiscard]] const std::map<Key, Group>& groups() const { return groups_; }

 private:
  std::size_t groups_max_;
  std::map<Key, Group> groups_;
};

}  // namespace xylem::cluster
