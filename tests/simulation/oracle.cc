#include "tests/simulation/oracle.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "relay/codec/shaped_batch.h"

namespace xylem::simulation {
namespace {

constexpr std::string_view kTypes[] = {"task-sent", "task-failed", "worker-heartbeat"};
constexpr std::string_view kKeys[] = {"task.sent", "task.failed", "worker.heartbeat"};
constexpr std::string_view kIdName = R"("uuid": ")";
constexpr std::uint32_t kFillerMax = 120;

}  // namespace

Oracle::Counts& Oracle::Counts::operator+=(const Counts& more) {
  for (const auto count : {&Counts::strange, &Counts::events, &Counts::promised, &Counts::delivered,
                           &Counts::again, &Counts::excused, &Counts::in_gaps, &Counts::admitted,
                           &Counts::damaged, &Counts::gaps, &Counts::moved}) {
    this->*count += more.*count;
  }
  return *this;
}

void Oracle::violated(std::string what) {
  if (!violation_) violation_ = std::move(what);
}

Oracle::Id Oracle::draw(std::uint32_t worker, const Levels& levels, bool by_sidecar) {
  if (worker >= next_of_worker_.size()) {
    next_of_worker_.resize(worker + 1);
    newest_of_worker_.resize(worker + 1);
  }
  Event event;
  event.worker = worker;
  event.n = next_of_worker_[worker]++;
  event.levels = levels;
  event.by_sidecar = by_sidecar;
  events_.push_back(event);
  return static_cast<Id>(events_.size() - 1);
}

std::string Oracle::key_of(Id id) { return std::string(kKeys[id % std::size(kKeys)]); }

std::string Oracle::body_of(Id id) const {
  const Event& event = events_[id];
  const std::uint32_t filler = (id * 2'654'435'761U >> 16) % kFillerMax;
  return fmt::format(R"({{"type": "{}", {}{}", "hostname": "w{}", "n": {}, "args": "{:x<{}}"}})",
                     kTypes[id % std::size(kTypes)], kIdName, id, event.worker, event.n, "",
                     filler);
}

std::optional<Oracle::Id> Oracle::id_of(std::string_view key, std::string_view body) const {
  const std::size_t at = body.find(kIdName);
  if (at == std::string_view::npos) return std::nullopt;
  Id id = 0;
  const char* begin = body.data() + at + kIdName.size();
  const auto [end, failure] = std::from_chars(begin, body.data() + body.size(), id);
  const bool known = failure == std::errc{} && id < events_.size();
  if (!known || body != body_of(id) || key != key_of(id)) return std::nullopt;
  return id;
}

// What bears the mark of ours is ours, to the last byte.
std::optional<Oracle::What> Oracle::what_of(std::string_view key, std::string_view body) const {
  if (const auto id = id_of(key, body)) return *id;
  if (!strangers_ || body.find(kIdName) != std::string_view::npos) return std::nullopt;
  const std::hash<std::string_view> hash;
  return kStrange | (hash(key) * 31 ^ hash(body));
}

void Oracle::promised(Id id) {
  Event& event = events_[id];
  if (event.promised) return;
  event.promised = true;
  ++promised_;
  if (event.deliveries == 0 && !event.excused) owed_.insert(id);
}

AckLevel Oracle::level_at(const Relay& relay, const Event& event) const {
  return event.levels[event.by_sidecar && !relay.is_sidecar ? 1 : 0];
}

void Oracle::stamped(const std::string& relay, bool is_sidecar, const Batch& batch) {
  Relay& at = relays_[relay];
  at.is_sidecar = is_sidecar;
  OneEpoch& epoch = at.epochs[batch.epoch().value];
  if (batch.first_sequence().value != epoch.events.size() + 1) {
    return violated(fmt::format("{} gave sequence {} behind {}", relay,
                                batch.first_sequence().value, epoch.events.size()));
  }
  const auto plain = batch.is_shaped() ? expand(batch) : nullptr;
  const Batch& whole = plain ? *plain : batch;
  const std::uint64_t source = batch.origin().source.value;
  if (source != 0) {
    for (const std::size_t piece : std::exchange(epoch.open_pieces, {})) {
      epoch.events[piece].source = source;
      take(relay, at, epoch, epoch.events[piece]);
    }
  }
  for (const EventEntry& entry : whole.entries()) {
    const auto what = what_of(whole.key_of(entry), whole.body_of(entry));
    if (!what) return violated(fmt::format("{} took what nobody sent", relay));
    if (whole.sequence_of(entry).value != epoch.events.size() + 1) {
      return violated(fmt::format("{} gave sequences with holes", relay));
    }
    if (batch.origin().more) epoch.open_pieces.push_back(epoch.events.size());
    epoch.events.push_back({*what, source});
    ++at.taken[*what];
    if (!batch.origin().more) take(relay, at, epoch, epoch.events.back());
  }
}

void Oracle::take(const std::string& name, Relay& relay, OneEpoch& epoch, const Stamped& stamped) {
  if (stamped.is_strange()) return;
  const Id id = stamped.id();
  Event& event = events_[id];
  const bool again =
      std::any_of(epoch.by_source.begin(), epoch.by_source.end(), [&](const auto& source) {
        return source.first != stamped.source && source.second.contains(id);
      });
  counts_.moved += again;
  if (!epoch.by_source[stamped.source].insert(id).second) {
    violated(fmt::format("{} took event {} twice in one epoch", name, id));
  }
  const auto logged = relay.logged.find(stamped.source);
  if (logged != relay.logged.end() && logged->second.contains(id) && !relay.damaged) {
    violated(fmt::format("{} took event {} again, which its log has", name, id));
  }
  const auto [newest, first] = epoch.newest.try_emplace({stamped.source, event.worker}, event.n);
  if (!first && event.n <= newest->second) {
    violated(fmt::format("{} took event {} ({} of worker {}) behind {}", name, id, event.n,
                         event.worker, newest->second));
  }
  newest->second = event.n;
  // The order in which a worker's events come by anywhere for the first time, at this hop.
  if (relay.is_sidecar || event.was_stamped) return;
  event.was_stamped = true;
  Newest& newest_anywhere = newest_of_worker_[event.worker];
  if (event.n + 1 < newest_anywhere.end) {
    // What the quota let go of while its worker had moved can still be on its way to the relay that
    // was away: it comes late, or not at all.
    if (relay.damaged && newest_anywhere.relay != name) return;
    violated(fmt::format("{} took event {} ({} of worker {}), new, when {} had come by before",
                         name, id, event.n, event.worker, newest_anywhere.end - 1));
  }
  newest_anywhere = {event.n + 1, name};
}

void Oracle::excuse(Relay& relay, const Stamped& lost) {
  if (lost.is_strange()) return;
  Event& event = events_[lost.id()];
  if (level_at(relay, event) != AckLevel::written || event.excused) return;
  event.excused = true;
  owed_.erase(lost.id());
}

void Oracle::keep(Relay& relay, const Stamped& stamped) {
  if (relay.is_sidecar) ++relay.kept[stamped.what];
  if (!stamped.is_strange()) relay.logged[stamped.source].insert(stamped.id());
}

void Oracle::ended(const std::string& relay, const End& end) {
  Relay& at = relays_[relay];
  const std::vector<Stamped>& events = at.epochs[at.epoch.value].events;
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (i < end.synced.value) {
      keep(at, events[i]);
    } else if (i < end.written.value) {
      at.unsynced.push_back(events[i]);
    }
  }
  if (!end.power_lost) return;
  for (const Stamped& lost : at.unsynced) excuse(at, lost);
  at.unsynced.clear();
}

void Oracle::recovered(const std::string& relay, Epoch epoch) {
  Relay& at = relays_[relay];
  if (epoch <= at.epoch) {
    violated(fmt::format("{} began epoch {}, which is not later than before", relay, epoch.value));
  }
  at.epoch = epoch;
  for (const Stamped& kept : at.unsynced) keep(at, kept);
  at.unsynced.clear();
}

void Oracle::delivered(const std::string& relay, Epoch epoch, Sequence sequence,
                       std::string_view key, std::string_view body) {
  const auto what = what_of(key, body);
  if (!what) return violated(fmt::format("{} delivered what nobody sent: {}", relay, body));
  const Relay& at = relays_[relay];
  const auto known = at.epochs.find(epoch.value);
  const bool stamped = known != at.epochs.end() && sequence.value != 0 &&
                       sequence.value <= known->second.events.size();
  if (!stamped || known->second.events[sequence.value - 1].what != *what) {
    return violated(fmt::format("{} delivered event {} as {} of epoch {}, which it is not", relay,
                                *what, sequence.value, epoch.value));
  }
  if (*what >= kStrange) {
    ++counts_.strange;
    return;
  }
  const Id id = static_cast<Id>(*what);
  ++events_[id].deliveries;
  owed_.erase(id);
}

void Oracle::missing(const std::string& relay, const Place& from, const Place& to) {
  relays_[relay].gaps.emplace_back(from, to);
}

bool Oracle::is_in_a_gap(Id id) const {
  for (const auto& [name, relay] : relays_) {
    for (const auto& [from, to] : relay.gaps) {
      for (const auto& [epoch, known] : relay.epochs) {
        for (std::size_t i = 0; i < known.events.size(); ++i) {
          const Place place{{epoch}, {i + 1}};
          if (known.events[i].what == id && place >= from && place < to) return true;
        }
      }
    }
  }
  return false;
}

Oracle::Hop Oracle::hop_behind(const std::string& sidecar) const {
  const Relay& first = relays_.at(sidecar);
  Hop hop;
  Tally here = first.kept;
  const auto now = first.epochs.find(first.epoch.value);
  if (now != first.epochs.end()) {
    for (const Stamped& stamped : now->second.events) ++here[stamped.what];
  }
  for (const auto& [what, times] : first.taken) hop.accepted += times;
  Tally there;
  for (const auto& [name, relay] : relays_) {
    if (name == sidecar) continue;
    for (const auto& [what, times] : relay.taken) {
      there[what] += times;
      hop.arrived += times;
    }
  }
  for (const auto& [what, times] : here) {
    const auto found = there.find(what);
    hop.missing += times - std::min(times, found == there.end() ? 0 : found->second);
  }
  return hop;
}

void Oracle::judge() {
  std::vector<Id> lost;
  for (const Id id : owed_) {
    if (is_in_a_gap(id)) {
      ++counts_.in_gaps;
    } else {
      lost.push_back(id);
    }
  }
  if (flipped_) counts_.damaged += lost.size();
  if (flipped_ || lost.empty()) return;
  if (lost.size() <= admitted_losses_) {
    counts_.admitted += lost.size();
    owed_.clear();
    return;
  }
  const Event& first = events_[lost.front()];
  std::string where;
  for (const auto& [name, relay] : relays_) {
    for (const auto& [epoch, known] : relay.epochs) {
      for (std::size_t i = 0; i < known.events.size(); ++i) {
        if (known.events[i].what == lost.front()) {
          where += fmt::format(", {} of epoch {} at {}", i + 1, epoch, name);
        }
      }
    }
  }
  violated(
      fmt::format("{} promised events are lost ({} admitted); the first is {}, {} of worker "
                  "{}, sent at {} and {}{}",
                  lost.size(), admitted_losses_, lost.front(), first.n, first.worker,
                  name_of(first.levels[0]), name_of(first.levels[1]), where));
}

Oracle::Counts Oracle::counts() const {
  Counts all = counts_;
  all.events = events_.size();
  all.promised = promised_;
  for (const Event& event : events_) {
    all.delivered += event.deliveries != 0;
    all.again += event.deliveries > 1;
    all.excused += event.excused && event.promised && event.deliveries == 0;
  }
  for (const auto& [name, relay] : relays_) all.gaps += relay.gaps.size();
  return all;
}

}  // namespace xylem::simulation
