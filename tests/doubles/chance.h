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
//
// A fuzzer's input takes the place of a seed: each choice reads as few of its bytes as it needs,
// and behind them everything is 0. So a grammar made of choices is a fuzzer's own language.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : engine_(seed) {}
  explicit Chance(std::span<const std::uint8_t> input) : input_(input), from_input_(true) {}

  [[nodiscard]] std::uint64_t any() { return from_input_ ? read(8) : engine_(); }
  // From 0 to n - 1.
  [[nodiscard]] std::size_t below(std::size_t n) {
    if (!from_input_) return static_cast<std::size_t>(engine_() % n);
    return static_cast<std::size_t>(read(n <= 0x100 ? 1 : n <= 0x1'0000 ? 2 : 4) % n);
  }
  [[nodiscard]] std::size_t between(std::size_t least, std::size_t most) {
    return least + below(most - least + 1);
  }
  [[nodiscard]] bool one_in(std::size_t n) { return below(n) == 0; }
  template <class T>
  [[nodiscard]] const T& of(std::span<const T> choices) {
    return choices[below(choices.size())];
  }

 private:
  std::uint64_t read(std::size_t bytes) {
    std::uint64_t value = 0;
    for (; bytes != 0 && !input_.empty(); --bytes) {
      value = value << 8 | input_.front();
      input_ = input_.subspan(1);
    }
    return value;
  }

  std::mt19937_64 engine_;
  std::span<const std::uint8_t> input_;
  bool from_input_ = false;
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
