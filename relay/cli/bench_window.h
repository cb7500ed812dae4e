#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace xylem::cli {

// How far every subscriber has come into every producer's events, in memory that producer and
// subscriber processes share: with it producers hold themselves back in front of brokers that would
// rather store without bound, or cut a subscriber off, than hold them back.
class BenchWindow {
 public:
  // Before forking. `events`: of one producer's, how many a subscriber may be behind; 0: no limit.
  BenchWindow(std::size_t sinks, std::size_t producers, std::uint64_t events);
  ~BenchWindow();
  BenchWindow(const BenchWindow&) = delete;
  BenchWindow& operator=(const BenchWindow&) = delete;

  [[nodiscard]] bool is_open(std::size_t producer, std::uint64_t n) const;
  void reached(std::size_t sink, std::span<const std::uint64_t> of_producers);
  // Nobody waits for this subscriber any more.
  void leave(std::size_t sink);

 private:
  using Place = std::atomic<std::uint64_t>;
  [[nodiscard]] Place& at(std::size_t sink, std::size_t producer) const;
  std::size_t sinks_;
  std::size_t producers_;
  std::size_t stride_;  // every subscriber writes to cache lines of its own
  std::uint64_t events_;
  Place* places_ = nullptr;
};

}  // namespace xylem::cli
