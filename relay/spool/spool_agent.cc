#include "relay/spool/spool_agent.h"

#include <fmt/format.h>

#include <array>
#include <span>
#include <utility>

namespace xylem {

SpoolAgent::SpoolAgent(const Options& options, Spool& spool, RecordNumber newest,
                       LogProgress& progress, SinkEdge& edge, const Clock& clock)
    : options_(options),
      spool_(spool),
      writer_(spool.options(), spool.disk(), spool.catalog(), spool.recovered(), newest),
      progress_(progress),
      edge_(edge),
      clock_(clock),
      log_(clock),
      entry_(board_.add("log", "#", std::string(name_of(spool.options().overflow)))) {}

std::size_t SpoolAgent::do_work(Instant now) {
  if (now < retry_at_) return 0;
  if (!is_in_place(now)) return 0;
  std::size_t work = 0;
  if (sync_is_due(now) && !sync(now)) return 0;
  take_group();
  const std::size_t batches = whole();
  if (batches != 0 && write_group(batches, now)) work += batches;
  // Right behind the write: then one sync serves all that came while the last one ran.
  if (sync_wanted_ && sync(now)) ++work;
  if (now - trimmed_at_ >= kTrimInterval) {
    trimmed_at_ = now;
    writer_.trim(clock_.wall_us());
  }
  if (work != 0) show();
  return work;
}

void SpoolAgent::take_group() {
  if (whole() != 0) return;
  std::uint64_t bytes = 0;
  const std::size_t most = group_.size() + kBatchesPerGroup;
  for (std::array<const Batch*, 1> next{};
       group_.size() < most && bytes < kGroupBytes && edge_.pop(next) != 0;) {
    group_.push_back(BatchRef::adopt(next[0]));
    bytes += group_.back()->frame().size();
  }
}

// A frame that became several batches is the log's as a whole or not at all: its source is told of
// the whole, and would send all of it again. All sources' batches come over one edge in order, so
// the next that has a name is the frame's last.
std::size_t SpoolAgent::whole() const {
  std::size_t whole = 0;
  bool open = false;
  for (std::size_t i = 0; i < group_.size(); ++i) {
    const BatchOrigin& origin = group_[i]->origin();
    open = origin.more || (open && origin.source.value == 0);
    if (!open) whole = i + 1;
  }
  return whole;
}

// Also while there is nothing to sync, so that a probe says it before the first event is lost.
bool SpoolAgent::is_in_place(Instant now) {
  if (now - looked_at_ < kLookInterval) return true;
  if (auto there = spool_.disk().in_place(); !there) {
    gone_ = true;
    say_trouble(there.error().message, now);
    return false;
  }
  // Trouble of another kind ends where a write or sync succeeds.
  if (std::exchange(gone_, false)) say_trouble({}, now);
  looked_at_ = now;
  return true;
}

bool SpoolAgent::write_group(std::size_t batches, Instant now) {
  const std::span<const BatchRef> group = std::span(group_).first(batches);
  switch (writer_.append(group, clock_.wall_us())) {
    case LogWriter::Outcome::written:
    case LogWriter::Outcome::dropped: break;
    case LogWriter::Outcome::full:
      say_trouble("the spool's quota is used up by what was not sent on yet", now);
      return false;
    case LogWriter::Outcome::failed: say_trouble(writer_.error().message, now); return false;
  }
  for (const BatchRef& batch : group) sync_wanted_ |= batch->origin().sync;
  const Batch& last = *group.back();
  written_ = {last.first_sequence().value + last.size() - 1};
  group_.erase(group_.begin(), group_.begin() + static_cast<std::ptrdiff_t>(batches));
  say_trouble({}, now);
  return true;
}

bool SpoolAgent::sync_is_due(Instant now) const {
  if (synced_ == written_) return false;
  return sync_wanted_ || writer_.unsynced_bytes() >= kUnsyncedBytes ||
         now - synced_at_ >= options_.sync_interval;
}

bool SpoolAgent::sync(Instant now) {
  if (auto synced = writer_.sync(); !synced) {
    say_trouble(synced.error().message, now);
    return false;
  }
  synced_ = written_;
  synced_at_ = now;
  sync_wanted_ = false;
  say_trouble({}, now);
  show();
  return true;
}

void SpoolAgent::say_trouble(const std::string& why, Instant now) {
  if (!why.empty()) {
    retry_at_ = now + kRetry;
    log_.warn("spool " + why, fmt::format("spool: {}; trying again", why));
  }
  if (why == trouble_) return;  // this thread alone writes it
  if (why.empty()) XYLEM_LOG(info, "spool: writing again");
  const std::lock_guard lock(trouble_mutex_);
  trouble_ = why;
}

std::string SpoolAgent::trouble() const {
  const std::lock_guard lock(trouble_mutex_);
  return trouble_;
}

void SpoolAgent::show() {
  progress_.show(written_, synced_);
  for (Doorbell* bell : waiting_) bell->ring();
  const LogWriter::Figures& figures = writer_.figures();
  shown_.publish({figures, written_.value, synced_.value});
  TapFigures tap;
  for (const BatchRef& batch : group_) {
    tap.ledger.held += batch->size();
    tap.held_bytes += batch->frame().size();
  }
  tap.ledger.delivered = figures.events;
  tap.ledger.dropped[static_cast<std::size_t>(DropReason::spool_quota)] = figures.dropped_newest;
  tap.ledger.accepted = tap.ledger.held + written_.value;
  tap.delivered_bytes = figures.bytes;
  if (!group_.empty()) tap.oldest_held_us = group_.front()->received_us();
  entry_->figures.publish(tap);
}

Agent::Drain SpoolAgent::drain(Instant now) {
  static_cast<void>(do_work(now));
  if (!edge_.empty() || !group_.empty() || now < retry_at_) return Drain::unfinished;
  if (synced_ != written_ && !sync(now)) return Drain::unfinished;
  return Drain::finished;
}

std::uint64_t SpoolAgent::on_stop() {
  std::uint64_t left = 0;
  const std::vector<BatchRef> unwritten = group_;
  for (const BatchRef& batch : unwritten) left += batch->size();
  for (std::array<const Batch*, 1> rest{}; edge_.pop(rest) != 0;) {
    left += BatchRef::adopt(rest[0])->size();
  }
  if (auto finished = writer_.finish(); !finished) {
    XYLEM_LOG(warning, "spool: {}", finished.error().message);
  }
  show();
  return left;
}

void SpoolAgent::sample(Samples& samples, std::int64_t now_us) const {
  board_.sample(samples, now_us);
  const Shown shown = shown_.read();
  const auto add = [&](Metric metric, std::uint64_t value) {
    samples.push_back({metric, static_cast<double>(value), {}});
  };
  std::uint64_t bytes = 0;
  const std::vector<SegmentFacts> segments = spool_.catalog().segments();
  for (const SegmentFacts& segment : segments) bytes += segment.bytes;
  add(Metric::spool_bytes, bytes);
  add(Metric::spool_segments, segments.size());
  add(Metric::spool_written_sequence, shown.written);
  add(Metric::spool_synced_sequence, shown.synced);
  add(Metric::spool_syncs, shown.log.syncs);
  add(Metric::spool_write_failures, shown.log.write_failures);
  add(Metric::spool_sync_failures, shown.log.sync_failures);
  add(Metric::spool_segments_removed, shown.log.segments_removed);
  add(Metric::spool_damaged_bytes, spool_.recovered().damaged_bytes);
  add(Metric::spool_set_aside, spool_.recovered().set_aside.size());
}

}  // namespace xylem
