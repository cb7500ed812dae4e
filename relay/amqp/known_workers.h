#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "relay/base/clock.h"

namespace xylem {

// What a bridge remembers of each worker, by its hostname. Bounded in number and bytes: beyond, who
// was heard of longest ago is forgotten, and counted; a fleet that beats is never that. No thread,
// no clock. One owner thread.
class KnownWorkers {
 public:
  struct Limits {
    std::size_t workers_max = 65'536;
    std::size_t bytes_max = std::size_t{16} << 20;  // of names and signs of life
  };
  struct Worker {
    std::string hostname;
    std::string key;   // of its latest sign of life: a heartbeat, or that it is online
    std::string body;  // likewise
    Instant heard_at;  // when that came
    std::optional<Instant> sent_at;      // when one was last sent on
    std::optional<Instant> answered_at;  // likewise one that had been asked for
  };

  KnownWorkers() : KnownWorkers(Limits()) {}
  explicit KnownWorkers(const Limits& limits) : limits_(limits) {}

  // What is known of it, empty if it is new. Valid until the next call.
  [[nodiscard]] Worker& of(std::string_view hostname);
  // A sign of life of it.
  void hear(std::string_view hostname, std::string_view key, std::string_view body, Instant now);
  void forget(std::string_view hostname);

  // Those that were heard of longest ago come first.
  [[nodiscard]] auto begin() { return workers_.begin(); }
  [[nodiscard]] auto end() { return workers_.end(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  // How many were forgotten for want of room.
  [[nodiscard]] std::uint64_t forgotten() const { return forgotten_; }

 private:
  [[nodiscard]] static std::size_t bytes_of(const Worker& worker);
  void drop(std::list<Worker>::iterator worker);
  void make_room();

  Limits limits_;
  std::list<Worker> workers_;
  std::unordered_map<std::string_view, std::list<Worker>::iterator> by_hostname_;
  std::size_t bytes_ = 0;
  std::uint64_t forgotten_ = 0;
};

}  // namespace xylem
