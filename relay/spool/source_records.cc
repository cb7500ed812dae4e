#include "relay/spool/source_records.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "relay/base/clock.h"

namespace xylem {
namespace {

// A source and its newest batch; or 0 and the time at which those behind it were last heard of.
struct Pair {
  std::uint64_t source = 0;
  std::uint64_t value = 0;
};
static_assert(sizeof(Pair) == 16, "as docs/spool.md draws it");

// Times are told to the minute, so that sources of one time need one pair for it.
constexpr std::int64_t kMinuteUs = 60'000'000;

using Entry = std::pair<std::int64_t, std::uint64_t>;  // when, who

std::vector<Entry> by_time(const SourcePlaces& sources) {
  std::vector<Entry> entries;
  entries.reserve(sources.size());
  for (const auto& [source, place] : sources) entries.emplace_back(place.heard_us, source);
  std::sort(entries.begin(), entries.end());
  return entries;
}

}  // namespace

std::vector<std::byte> write_sources(const SourcePlaces& sources) {
  std::vector<Pair> pairs;
  pairs.reserve(sources.size() + 1);
  std::int64_t told_us = INT64_MIN;
  for (const auto& [heard_us, source] : by_time(sources)) {
    if (const std::int64_t minute_us = heard_us - heard_us % kMinuteUs; minute_us != told_us) {
      told_us = minute_us;
      pairs.push_back({0, static_cast<std::uint64_t>(minute_us)});
    }
    pairs.push_back({source, sources.at(source).newest.value});
  }
  std::vector<std::byte> bytes(pairs.size() * sizeof(Pair));
  if (!pairs.empty()) std::memcpy(bytes.data(), pairs.data(), bytes.size());
  return bytes;
}

void read_sources(const SegmentReader::Record& record, SourcePlaces& sources) {
  // An older program told no times.
  std::int64_t heard_us = record.header.received_us;
  for (std::size_t at = 0; at + sizeof(Pair) <= record.header.length; at += sizeof(Pair)) {
    Pair pair;
    std::memcpy(&pair, record.payload.begin() + at, sizeof pair);
    if (pair.source == 0) {
      heard_us = static_cast<std::int64_t>(pair.value);
    } else {
      note_source({pair.source}, {pair.value}, heard_us, sources);
    }
  }
}

void note_source(SourceId source, BatchNumber number, std::int64_t heard_us,
                 SourcePlaces& sources) {
  SourcePlace& place = sources[source.value];
  place.newest = std::max(place.newest, number);
  place.heard_us = std::max(place.heard_us, heard_us);
}

void forget_sources(SourcePlaces& sources, std::size_t most, std::int64_t now_us,
                    std::int64_t age_us) {
  std::erase_if(sources, [&](const auto& known) {
    return clipped_difference(now_us, known.second.heard_us) > age_us;
  });
  if (sources.size() <= most) return;
  std::vector<Entry> entries = by_time(sources);
  entries.resize(sources.size() - most + most / 8);
  for (const auto& [heard_us, source] : entries) sources.erase(source);
}

}  // namespace xylem
