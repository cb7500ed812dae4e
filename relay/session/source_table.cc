#include "relay/session/source_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

namespace xylem {
namespace {
// Far beyond what anybody sends, and far below where counting would begin anew.
constexpr std::uint64_t kBatchNumberMax = std::uint64_t{1} << 63;
// A time on the monotonic clock may lie before its beginning, but not without end.
constexpr std::int64_t kAgeMaxUs = std::chrono::microseconds(std::chrono::years(10)).count();
}  // namespace

void SourceTable::recover(const SourcePlaces& places, Instant now, std::int64_t wall_us) {
  std::vector<std::pair<std::int64_t, std::uint64_t>> newest_first;
  for (const auto& [id, place] : places) newest_first.emplace_back(place.heard_us, id);
  std::sort(newest_first.rbegin(), newest_first.rend());
  newest_first.resize(std::min(newest_first.size(), limits_.sources_max));
  for (const auto& [heard_us, id] : newest_first) {
    const std::int64_t age_us = clipped_difference(wall_us, heard_us);
    const std::chrono::microseconds age(std::clamp<std::int64_t>(age_us, 0, kAgeMaxUs));
    sources_.insert_or_assign(id, Source{.id = {id},
                                         .receiver = AckedReceiver(places.at(id).newest.after(1)),
                                         .name = {},
                                         .level = AckLevel::synced,
                                         .peer = {},
                                         .address = {},
                                         .heard_at = {now.since_boot - age},
                                         .recovered = true,
                                         .clock_offset_us = {},
                                         .is_kept = true});
  }
}

Result<void> SourceTable::check(const SourceHello& hello) const {
  if (hello.protocol != kAckedProtocol) {
    return fail(ErrorCode::refused, fmt::format("protocol {} is spoken here, and not {}",
                                                kAckedProtocol, hello.protocol));
  }
  if (hello.source.value == 0 || hello.first_unacked.value == 0) {
    return fail(ErrorCode::refused, "a SourceHello names its source and its first batch, from 1");
  }
  if (hello.first_unacked.value > kBatchNumberMax) {
    return fail(ErrorCode::refused, "no source has sent so many batches");
  }
  if (hello.name.size() > 128) {
    return fail(ErrorCode::refused, "a name has at most 128 bytes");
  }
  if (hello.level > limits_.level_max) {
    return fail(ErrorCode::refused,
                fmt::format("acks at '{}' take a spool, and this relay has none; it can "
                            "acknowledge at 'received'",
                            name_of(hello.level)));
  }
  return {};
}

std::size_t SourceTable::places_of(const std::optional<std::string>& address) const {
  const auto known = address ? places_.find(*address) : places_.end();
  return known == places_.end() ? 0 : known->second;
}

void SourceTable::move_to(Source& source, const std::optional<std::string>& address) {
  if (address) ++places_[*address];
  if (source.address) {
    const auto before = places_.find(*source.address);
    if (--before->second == 0) places_.erase(before);
  }
  source.address = address;
}

void SourceTable::forget(Sources::iterator source) {
  move_to(source->second, std::nullopt);
  if (!source->second.peer.empty()) peers_.erase(source->second.peer);
  sources_.erase(source);
}

// One that is not kept and gone goes first, so that a connection that speaks for one source after
// the other takes no place of others; then one that has not come back since the start; then, of the
// address that has most, the one not heard of for longest. What that one sends again is taken for
// new. An address that has its share makes room among its own.
Result<void> SourceTable::make_room(const std::string& address, Instant now) {
  const std::size_t here = places_of(address);
  const bool has_share = here >= share();
  if (!has_share && sources_.size() < limits_.sources_max) return {};
  const auto rank = [&](const Source& source) {
    return std::tuple(has_share && source.address != address, !source.peer.empty(), source.is_kept,
                      !source.recovered, SIZE_MAX - places_of(source.address), source.heard_at);
  };
  const auto first = std::min_element(
      sources_.begin(), sources_.end(),
      [&](const auto& a, const auto& b) { return rank(a.second) < rank(b.second); });
  const Source& source = first->second;
  const bool is_connected = !source.peer.empty();
  const bool has_more = !is_connected && places_of(source.address) > here + 1;
  const bool needs_its_place = is_connected || (source.is_kept && !source.recovered && !has_more);
  if (needs_its_place && now - source.heard_at < kKept) {
    return fail(ErrorCode::refused,
                has_share ? fmt::format("{} sources are as many as one address may have here (half "
                                        "of acked.sources_max)",
                                        share())
                          : fmt::format("{} sources are as many as this relay knows "
                                        "(acked.sources_max)",
                                        limits_.sources_max));
  }
  forget(first);
  return {};
}

Result<SourceWelcome> SourceTable::on_hello(const Connection& from, const SourceHello& hello,
                                            Instant now) {
  const std::string& peer = from.peer;
  if (auto sound = check(hello); !sound) return tl::unexpected(sound.error());
  Source* before = of_peer(peer);
  if (before != nullptr && before->id != hello.source) before->is_kept = false;
  disconnect(peer);
  auto known = sources_.find(hello.source.value);
  if (known == sources_.end()) {
    if (auto room = make_room(from.address, now); !room) return tl::unexpected(room.error());
    Source made{.id = hello.source,
                .receiver = AckedReceiver(hello.first_unacked),
                .name = {},
                .peer = {},
                .address = {},
                .heard_at = now,
                .clock_offset_us = {}};
    known = sources_.emplace(hello.source.value, std::move(made)).first;
  }
  Source& source = known->second;
  if (!source.peer.empty()) peers_.erase(source.peer);
  peers_.emplace(peer, source.id);
  source.receiver.on_hello(hello.first_unacked);
  if (hello.level > source.level) source.receiver.raise_level(hello.first_unacked);
  source.name = hello.name;
  source.level = hello.level;
  source.session = ++session_;
  source.peer = peer;
  move_to(source, from.address);
  source.heard_at = now;
  source.recovered = false;
  using Milliseconds = std::chrono::duration<std::uint32_t, std::milli>;
  return SourceWelcome{
      kAckedProtocol,          source.session,
      source.receiver.acked(), limits_.window_bytes,
      limits_.frame_bytes_max, std::chrono::duration_cast<Milliseconds>(limits_.heartbeat).count()};
}

SourceTable::Source* SourceTable::of_peer(const std::string& peer) {
  const auto known = peers_.find(peer);
  return known == peers_.end() ? nullptr : find(known->second);
}

SourceTable::Source* SourceTable::find(SourceId id) {
  const auto known = sources_.find(id.value);
  return known == sources_.end() ? nullptr : &known->second;
}

void SourceTable::disconnect(const std::string& peer) {
  const auto known = peers_.find(peer);
  if (known == peers_.end()) return;
  if (Source* source = find(known->second)) source->peer.clear();
  peers_.erase(known);
}

}  // namespace xylem
