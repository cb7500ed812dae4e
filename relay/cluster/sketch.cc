#include "relay/cluster/sketch.h"

#include <algorithm>
#include <bit>

namespace xylem::cluster {
namespace {

// A double's exponent and the first four bits of its fraction, which together grow as it does.
constexpr int kShift = 48;

}  // namespace

Sketch& Sketch::operator=(const Sketch& other) {
  if (this == &other) return *this;
  buckets_ = other.buckets_ ? std::make_unique<Buckets>(*other.buckets_) : nullptr;
  count_ = other.count_;
  sum_ = other.sum_;
  return *this;
}

Sketch::Buckets& Sketch::buckets() {
  if (!buckets_) buckets_ = std::make_unique<Buckets>();
  return *buckets_;
}

void Sketch::add(double seconds) {
  if (!(seconds >= 0)) return;  // nor what is no number
  std::size_t bucket = 0;
  if (seconds > kLeastSeconds) {
    const std::uint64_t steps = (std::bit_cast<std::uint64_t>(seconds) >> kShift) -
                                (std::bit_cast<std::uint64_t>(kLeastSeconds) >> kShift);
    bucket = std::min<std::uint64_t>(steps + 1, kBuckets - 1);
  }
  ++buckets()[bucket];
  ++count_;
  sum_ += seconds;
}

void Sketch::merge(const Sketch& other) {
  if (!other.buckets_) return;
  Buckets& mine = buckets();
  for (std::size_t i = 0; i < kBuckets; ++i) mine[i] += (*other.buckets_)[i];
  count_ += other.count_;
  sum_ += other.sum_;
}

std::optional<double> Sketch::percentile(double share) const {
  if (count_ == 0) return std::nullopt;
  const double wanted = share * static_cast<double>(count_);
  std::uint64_t seen = 0;
  std::size_t bucket = 0;
  for (; bucket + 1 < kBuckets; ++bucket) {
    seen += (*buckets_)[bucket];
    if (static_cast<double>(seen) >= wanted && seen != 0) break;
  }
  if (bucket == 0) return kLeastSeconds;
  // The middle of its bucket.
  const std::uint64_t least = (std::bit_cast<std::uint64_t>(kLeastSeconds) >> kShift) + bucket - 1;
  return (std::bit_cast<double>(least << kShift) + std::bit_cast<double>((least + 1) << kShift)) /
         2;
}

}  // namespace xylem::cluster
