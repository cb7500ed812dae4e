#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace xylem::testing {

// Where the random tests get their numbers. One seed is one run:
//
//   for (const std::uint64_t seed : seeds(200)) {
//     SCOPED_TRACE(named(seed));
//     Chance chance(seed);
//
// XYLEM_TEST_SEED=17 repeats the run that a failure named.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : engine_(seed) {}

  [[nodiscard]] std::uint64_t any() { return engine_(); }
  // From 0 to n - 1.
  [[nodiscard]] std::size_t below(std::size_t n) { return static_cast<std::size_t>(engine_() % n); }
  [[nodiscard]] std::size_t between(std::size_t least, std::size_t most) {
    return least + below(most - least + 1);
  }
  [[nodiscard]] bool one_in(std::size_t n) { return below(n) == 0; }
  template <class T>
  [[nodiscard]] const T& of(std::span<const T> choices) {
    return choices[below(choices.size())];
  }

 private:
  std::mt19937_64 engine_;
};

inline std::vector<std::uint64_t> seeds(std::size_t count) {
  if (const char* wanted = std::getenv("XYLEM_TEST_SEED")) {
    return {std::strtoull(wanted, nullptr, 10)};
  }
  std::vector<std::uint64_t> all;
  for (std::uint64_t seed = 1; seed <= count; ++seed) all.push_back(seed);
  return all;
}

inline std::string named(std::uint64_t seed) {
  return "XYLEM_TEST_SEED=" + std::to_string(seed) + " repeats this run";
}

}  // namespace xylem::testing
