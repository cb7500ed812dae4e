#include "relay/spool/log_catalog.h"

#include <algorithm>

#include "relay/base/check.h"

namespace xylem {

void LogCatalog::reset(std::vector<SegmentFacts> segments) {
  const std::lock_guard lock(mutex_);
  segments_ = std::move(segments);
  marks_.clear();
}

void LogCatalog::mark(std::uint64_t ordinal, const LogMark& mark) {
  const std::lock_guard lock(mutex_);
  std::vector<LogMark>& marks = marks_[ordinal];
  const auto behind = std::find_if(marks.begin(), marks.end(),
                                   [&](const LogMark& m) { return m.offset >= mark.offset; });
  const bool near_next = behind != marks.end() && behind->offset - mark.offset < kMarkBytes;
  const bool near_last =
      behind != marks.begin() && mark.offset - std::prev(behind)->offset < kMarkBytes;
  if (!near_next && !near_last) marks.insert(behind, mark);
}

template <class Behind>
std::uint64_t LogCatalog::offset_before(std::uint64_t ordinal, Behind behind) const {
  const std::lock_guard lock(mutex_);
  const auto known = marks_.find(ordinal);
  if (known == marks_.end()) return 0;
  const auto first = std::find_if(known->second.begin(), known->second.end(), behind);
  return first == known->second.begin() ? 0 : std::prev(first)->offset;
}

std::uint64_t LogCatalog::offset_at(std::uint64_t ordinal, Sequence sequence) const {
  return offset_before(ordinal, [&](const LogMark& mark) { return mark.first > sequence; });
}

std::uint64_t LogCatalog::offset_since(std::uint64_t ordinal, std::int64_t since_us) const {
  return offset_before(ordinal, [&](const LogMark& mark) { return mark.received_us >= since_us; });
}

std::vector<SegmentFacts> LogCatalog::segments_with(const Tail& tail) const {
  std::vector<SegmentFacts> all = segments_;
  if (!all.empty() && all.back().ordinal == tail.ordinal) {
    all.back().end = tail.end;
    all.back().bytes = tail.bytes;
    all.back().newest_us = tail.newest_us;
  }
  return all;
}

void LogCatalog::add(const SegmentFacts& segment) {
  const std::lock_guard lock(mutex_);
  segments_ = segments_with(tail_.read());
  segments_.push_back(segment);
}

void LogCatalog::remove_oldest() {
  const std::lock_guard lock(mutex_);
  XYLEM_CHECK(!segments_.empty(), "there is an oldest segment");
  if (need_) {
    const std::vector<SegmentFacts> all = segments_with(tail_.read());
    const std::vector<SegmentFacts> rest(all.begin() + 1, all.end());
    dropped_oldest_ += events_from(all, need_->read) - events_from(rest, need_->read);
    // The consumer may have the file open still; what was counted here it is not to take from it.
    LogPosition gone = all.front().end_position();
    if (!rest.empty()) gone = std::min(gone, LogPosition{rest.front().epoch, rest.front().first});
    need_->read = std::max(need_->read, gone);
  }
  marks_.erase(segments_.front().ordinal);
  segments_.erase(segments_.begin());
}

void LogCatalog::cut(std::uint64_t ordinal, Sequence end, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  for (SegmentFacts& segment : segments_) {
    if (segment.ordinal != ordinal) continue;
    segment.end = end;
    segment.bytes = bytes;
  }
  std::erase_if(marks_[ordinal], [&](const LogMark& mark) { return mark.offset >= bytes; });
}

void LogCatalog::remove_newest() {
  const std::lock_guard lock(mutex_);
  XYLEM_CHECK(!segments_.empty(), "there is a newest segment");
  marks_.erase(segments_.back().ordinal);
  segments_.pop_back();
}

std::vector<SegmentFacts> LogCatalog::segments() const {
  const std::lock_guard lock(mutex_);
  return segments_with(tail_.read());
}

template <class Wanted>
std::optional<SegmentFacts> LogCatalog::first_that(Wanted wanted) const {
  const std::vector<SegmentFacts> all = segments();
  const auto found = std::find_if(all.begin(), all.end(), wanted);
  if (found == all.end()) return std::nullopt;
  return *found;
}

std::optional<SegmentFacts> LogCatalog::at(const LogPosition& position) const {
  return first_that([&](const SegmentFacts& s) { return s.end_position() > position; });
}

std::optional<SegmentFacts> LogCatalog::since(std::int64_t since_us) const {
  return first_that([&](const SegmentFacts& s) { return s.newest_us >= since_us; });
}

std::optional<SegmentFacts> LogCatalog::after(std::uint64_t ordinal) const {
  return first_that([&](const SegmentFacts& s) { return s.ordinal > ordinal; });
}

Sequence LogCatalog::end_of(Epoch epoch) const {
  Sequence end{0};
  for (const SegmentFacts& segment : segments()) {
    if (segment.epoch == epoch) end = std::max(end, segment.end);
  }
  return end;
}

// A log that still has its first segment has let go of nothing.
bool LogCatalog::reaches(const LogPosition& position) const {
  const std::vector<SegmentFacts> all = segments();
  if (all.empty()) return false;
  const SegmentFacts& oldest = all.front();
  return oldest.ordinal == 1 || LogPosition{oldest.epoch, oldest.first} <= position;
}

bool LogCatalog::reaches(std::int64_t since_us) const {
  const std::vector<SegmentFacts> all = segments();
  if (all.empty()) return false;
  return all.front().ordinal == 1 || all.front().oldest_us <= since_us;
}

std::uint64_t LogCatalog::events_from(const std::vector<SegmentFacts>& segments,
                                      const LogPosition& position) {
  std::uint64_t events = 0;
  LogPosition at = position;
  for (const SegmentFacts& segment : segments) {
    if (segment.end_position() <= at) continue;
    const LogPosition from = std::max(at, LogPosition{segment.epoch, segment.first});
    events += segment.end.value - from.sequence.value;
    at = segment.end_position();
  }
  return events;
}

void LogCatalog::need(const Need& need) {
  const std::lock_guard lock(mutex_);
  const LogPosition read = need_ ? std::max(need_->read, need.read) : need.read;
  need_ = Need{need.done, read};
}

LogCatalog::Claim LogCatalog::claim(const LogPosition& begin, const LogPosition& end) {
  const std::lock_guard lock(mutex_);
  XYLEM_CHECK(need_.has_value(), "a consumer says first how far it is");
  Claim claim{need_->read, 0};
  if (end <= need_->read) return claim;
  if (begin > need_->read) {
    const std::vector<SegmentFacts> all = segments_with(tail_.read());
    claim.passed_over = events_from(all, need_->read) - events_from(all, begin);
  }
  need_->read = end;
  return claim;
}

std::optional<LogCatalog::Need> LogCatalog::needed() const {
  const std::lock_guard lock(mutex_);
  return need_;
}

LogCatalog::Account LogCatalog::account() const {
  const std::lock_guard lock(mutex_);
  const Tail tail = tail_.read();
  const LogPosition read = need_ ? need_->read : LogPosition{};
  return {tail.passed, tail.dropped + dropped_oldest_, events_from(segments_with(tail), read)};
}

}  // namespace xylem
