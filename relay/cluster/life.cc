#include "relay/cluster/life.h"

#include <algorithm>
#include <cstring>
#include <tuple>

namespace xylem::cluster {
namespace {

constexpr std::array<std::string_view, kKindCount> kKindNames{"sent",    "received", "started",
                                                              "custom",  "retried",  "rejected",
                                                              "revoked", "failed",   "succeeded"};
constexpr std::array<std::string_view, kKindCount> kStates{
    "PENDING", "RECEIVED", "STARTED", "", "RETRY", "REJECTED", "REVOKED", "FAILURE", "SUCCESS"};

bool same_process(const Sighting& a, const Sighting& b) {
  return a.host == b.host && a.pid == b.pid;
}

// Of one process only: its clock never goes back.
bool precedes(const Sighting& a, const Sighting& b) {
  if (a.clock != 0 && b.clock != 0 && a.clock != b.clock) return a.clock < b.clock;
  return a.timestamp_us < b.timestamp_us;
}

// What counts more comes later. The clock before the time: within a delivery they are of one
// process, as a rule.
auto weight(const Placed& each) {
  const Sighting& s = *each.sighting;
  return std::tuple(each.attempt, each.delivery, s.kind, s.clock, s.timestamp_us);
}

}  // namespace

std::string_view name_of(Kind kind) { return kKindNames[static_cast<std::size_t>(kind)]; }
std::string_view state_of(Kind kind) { return kStates[static_cast<std::size_t>(kind)]; }

Kind kind_of(std::string_view subject) {
  for (std::size_t i = 0; i < kKindCount; ++i) {
    if (kKindNames[i] == subject) return static_cast<Kind>(i);
  }
  return Kind::custom;
}

ValueHead value_head_at(const char* at) {
  ValueHead head;
  std::memcpy(&head.field, at, 1);
  std::memcpy(&head.bytes, at + 1, sizeof head.bytes);
  return head;
}

void put_value_head(char* at, const ValueHead& head) {
  std::memcpy(at, &head.field, 1);
  std::memcpy(at + 1, &head.bytes, sizeof head.bytes);
}

std::string_view Sighting::value(EventField field) const {
  const char* at = values();
  for (const char* const end = at + values_bytes; at != end;) {
    const ValueHead head = value_head_at(at);
    at += ValueHead::kBytes;
    if (head.field == field) return {at, head.bytes};
    at += head.bytes;
  }
  return {};
}

int compare(const Sighting& a, const Sighting& b, const Names& hosts) {
  const auto key = [](const Sighting& s) {
    return std::tuple(s.timestamp_us, s.kind, s.clock, s.pid, s.retries, s.flags);
  };
  if (key(a) != key(b)) return key(a) < key(b) ? -1 : 1;
  if (a.host != b.host) return hosts.text(a.host) < hosts.text(b.host) ? -1 : 1;
  const std::string_view one(a.values(), a.values_bytes);
  const std::string_view other(b.values(), b.values_bytes);
  return one.compare(other);
}

Life::Life(const Sighting* newest) {
  for (; newest != nullptr && size_ != kSightingsMax; newest = newest->older) {
    placed_[size_++] = {newest, 0, 0};
  }
  std::reverse(placed_.begin(), placed_.begin() + static_cast<std::ptrdiff_t>(size_));
  place_deliveries();
  place_on_their_host();
  place_by_time();
  sort();
}

// Receptions say themselves which attempt they are, and so does what a client sends.
void Life::place_deliveries() {
  for (std::size_t i = 0; i < size_; ++i) {
    Placed& each = placed_[i];
    const Sighting& s = *each.sighting;
    if (s.kind == Kind::sent) {
      each.attempt = s.retries == Sighting::kNoRetries ? 0 : s.retries;
      is_placed_ |= 1U << i;
    } else if (s.kind == Kind::received && s.retries != Sighting::kNoRetries) {
      each.attempt = s.retries;
      for (std::size_t j = 0; j < i; ++j) {
        const Sighting& earlier = *placed_[j].sighting;
        each.delivery += earlier.kind == Kind::received && earlier.retries == s.retries;
      }
      is_placed_ |= 1U << i;
    }
  }
}

// What a worker says of a task that it received belongs to that reception, or to as many attempts
// later as the same worker has retried since.
void Life::place_on_their_host() {
  for (std::size_t i = 0; i < size_; ++i) {
    if ((is_placed_ >> i & 1U) != 0) continue;
    Placed& each = placed_[i];
    const Placed* reception = nullptr;
    for (std::size_t j = 0; j < size_; ++j) {
      const Sighting& other = *placed_[j].sighting;
      if (other.kind != Kind::received || other.retries == Sighting::kNoRetries) continue;
      if (!same_process(other, *each.sighting) || !precedes(other, *each.sighting)) continue;
      if (reception == nullptr || precedes(*reception->sighting, other)) reception = &placed_[j];
    }
    if (reception == nullptr) continue;
    std::uint32_t retries_since = 0;
    for (std::size_t j = 0; j < size_; ++j) {
      const Sighting& other = *placed_[j].sighting;
      retries_since += j != i && other.kind == Kind::retried &&
                       same_process(other, *each.sighting) &&
                       precedes(*reception->sighting, other) && precedes(other, *each.sighting);
    }
    each.attempt = reception->attempt + retries_since;
    each.delivery = retries_since == 0 ? reception->delivery : 0;
    is_placed_ |= 1U << i;
  }
}

// Whose reception is not known, lost or still to come, stands where its time puts it.
void Life::place_by_time() {
  for (std::size_t i = 0; i < size_; ++i) {
    if ((is_placed_ >> i & 1U) != 0) continue;
    Placed& each = placed_[i];
    for (std::size_t j = 0; j < i; ++j) {
      const Placed& earlier = placed_[j];
      const Kind kind = earlier.sighting->kind;
      if (kind == Kind::sent) continue;
      const std::uint32_t attempt = earlier.attempt + (kind == Kind::retried);
      const std::uint32_t delivery =
          kind == Kind::retried ? 0
                                : earlier.delivery + (each.sighting->kind == Kind::received &&
                                                      kind == Kind::received);
      if (std::tie(attempt, delivery) > std::tie(each.attempt, each.delivery)) {
        each.attempt = attempt;
        each.delivery = delivery;
      }
    }
    is_placed_ |= 1U << i;
  }
}

void Life::sort() {
  const auto begin = placed_.begin();
  const auto end = begin + static_cast<std::ptrdiff_t>(size_);
  // Stable, and their order before was that of compare(); so no two are ever equal.
  for (auto at = begin; at != end; ++at) {
    for (auto to = at; to != begin && weight(*to) < weight(*(to - 1)); --to) {
      std::swap(*to, *(to - 1));
    }
  }
  for (std::size_t i = size_; i-- > 0;) {
    if (placed_[i].sighting->kind != Kind::sent) {
      current_ = &placed_[i];
      return;
    }
  }
  if (size_ != 0) current_ = &placed_[size_ - 1];
}

const Placed* Life::origin_of(EventField field) const {
  for (std::size_t i = size_; i-- > 0;) {
    if (!placed_[i].sighting->value(field).empty()) return &placed_[i];
  }
  return nullptr;
}

std::string_view Life::value(EventField field) const {
  const Placed* const origin = origin_of(field);
  return origin == nullptr ? std::string_view() : origin->sighting->value(field);
}

const Placed* Life::last(Kind kind) const {
  for (std::size_t i = size_; i-- > 0;) {
    if (placed_[i].sighting->kind == kind) return &placed_[i];
  }
  return nullptr;
}

const Placed* Life::last_of_attempt(Kind kind) const {
  if (current_ == nullptr) return nullptr;
  for (std::size_t i = size_; i-- > 0;) {
    const Placed& each = placed_[i];
    if (each.sighting->kind != kind || each.attempt != current_->attempt) continue;
    if (kind == Kind::sent || each.delivery == current_->delivery) return &each;
  }
  return nullptr;
}

NameId Life::worker() const {
  if (current_ == nullptr || current_->sighting->kind == Kind::sent) return {};
  return current_->sighting->host;
}

std::uint32_t Life::attempts() const { return current_ == nullptr ? 0 : current_->attempt + 1; }

const Sighting* Life::revoke_asked() const {
  for (const Placed& each : placed()) {
    const Sighting& s = *each.sighting;
    if (s.kind != Kind::revoked || (s.flags & Sighting::terminated) == 0) continue;
    for (const Placed& other : placed()) {
      if (other.sighting->kind == Kind::started && other.attempt == each.attempt) return &s;
    }
  }
  return nullptr;
}

const Sighting* Life::revoke_done() const {
  const Sighting* const asked = revoke_asked();
  for (const Placed& each : placed()) {
    if (each.sighting->kind == Kind::revoked && each.sighting != asked) return each.sighting;
  }
  return nullptr;
}

}  // namespace xylem::cluster
