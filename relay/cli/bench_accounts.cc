#include "relay/cli/bench_accounts.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace xylem::cli {

BenchAccounts::BenchAccounts(const BenchOptions& options, const TopicFilter& filter,
                             const Clock& clock)
    : clock_(clock),
      paced_(options.rate > 0),
      next_(options.producers),
      next_in_epoch_(options.producers),
      last_(options.producers) {
  const auto counts = bench_type_counts(options.events / options.producers);
  for (std::size_t type = 0; type < kBenchTypes.size(); ++type) {
    keys_[type] = bench_keys()[type];
    wanted_[type] = filter.matches(keys_[type]);
    if (wanted_[type]) result_.expected += counts[type] * options.producers;
  }
}

void BenchAccounts::epoch_is(Epoch epoch) {
  if (epoch.value == epoch_.value) return;
  epoch_ = epoch;
  std::fill(next_in_epoch_.begin(), next_in_epoch_.end(), Numbers{});
}

void BenchAccounts::take(std::string_view key, std::string_view body) {
  BenchStamp stamp;
  std::size_t from = 0;
  if (key == kBenchListKey) {
    const std::size_t whole = result_.received;
    while (read_bench_stamp(body, from, stamp)) book(stamp, 0);
    if (result_.received != whole) result_.bytes += body.size();
  } else if (read_bench_stamp(body, from, stamp)) {
    if (key != keys_[stamp.type]) ++result_.misrouted;
    book(stamp, body.size());
  } else if (key == kBenchWarmUpKey) {
    warm_ = true;
  }
}

void BenchAccounts::book(const BenchStamp& stamp, std::size_t bytes) {
  if (stamp.producer >= next_.size() || !wanted_[stamp.type]) return;
  std::uint64_t& next_in_epoch = next_in_epoch_[stamp.producer][stamp.type];
  if (stamp.index < next_in_epoch) {
    ++result_.duplicates;
    return;
  }
  next_in_epoch = stamp.index + 1;
  std::uint64_t& next = next_[stamp.producer][stamp.type];
  if (stamp.index < next) {
    ++result_.repeated;
    return;
  }
  next = stamp.index + 1;
  ++result_.received;
  result_.bytes += bytes;
  result_.latencies.add(now_ns_ - stamp.sent_ns, 1);
  if (result_.first_ns == 0) result_.first_ns = now_ns_;
  result_.last_ns = now_ns_;
  last_[stamp.producer] = stamp;
}

std::vector<std::uint64_t> BenchAccounts::reached() const {
  std::vector<std::uint64_t> reached;
  for (const BenchStamp& last : last_) reached.push_back(bench_ordinal(last.type, last.index));
  return reached;
}

SinkResult BenchAccounts::finish() {
  result_.lost = result_.expected - std::min(result_.expected, progress());
  return result_;
}

void Latencies::add(std::int64_t ns, std::uint64_t events) {
  const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 1));
  const auto power = static_cast<std::size_t>(std::bit_width(value));
  const std::size_t shift = power > kStepBits + 1 ? power - kStepBits - 1 : 0;
  const std::size_t bucket = (shift << kStepBits) + static_cast<std::size_t>(value >> shift);
  buckets_[std::min(bucket, buckets_.size() - 1)] += events;
  count_ += events;
}

void Latencies::add(const Latencies& other) {
  for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
}

double Latencies::quantile_us(double part) const {
  auto left = static_cast<std::uint64_t>(std::ceil(part * static_cast<double>(count_)));
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    if (buckets_[i] < left) {
      left -= buckets_[i];
      continue;
    }
    // Values up to 64 have buckets of their own; above, the top bit is in the step already.
    const std::size_t shift = i < (std::size_t{2} << kStepBits) ? 0 : (i >> kStepBits) - 1;
    return static_cast<double>((i - (shift << kStepBits)) << shift) / 1000.0;
  }
  return 0;
}

}  // namespace xylem::cli
