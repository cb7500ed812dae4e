#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

namespace xylem::cluster {

// How durations are spread: counts in sixteen buckets an octave, so a percentile is right to 3.2 %.
// Two sketches add up to what one would have seen. From a millisecond to a day and a half; what is
// outside counts at the edge. 1.7 KiB, taken when there is something to count. Cost of add(): a few
// shifts; a logarithm took a tenth of what an event costs.
class Sketch {
 public:
  void add(double seconds);
  void merge(const Sketch& other);
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] double sum() const { return sum_; }
  // Nothing if nothing was counted. `share` is 0.5 for the median.
  [[nodiscard]] std::optional<double> percentile(double share) const;

  Sketch() = default;
  Sketch(const Sketch& other) { *this = other; }
  Sketch& operator=(const Sketch& other);
  Sketch(Sketch&&) = default;
  Sketch& operator=(Sketch&&) = default;

 private:
  static constexpr std::size_t kBuckets = 27 * 16 + 1;  // octaves, and what is below
  static constexpr double kLeastSeconds = 1.0 / 1024;
  using Buckets = std::array<std::uint32_t, kBuckets>;
  [[nodiscard]] Buckets& buckets();

  std::unique_ptr<Buckets> buckets_;
  std::uint64_t count_ = 0;
  double sum_ = 0;
};

}  // namespace xylem::cluster
