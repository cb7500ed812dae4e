#include "relay/cluster/state_agent.h"

#include <algorithm>

#include "relay/codec/shaped_batch.h"

namespace xylem::cluster {
namespace {

constexpr std::size_t kBatchesAtOnce = 64;

}  // namespace

StateAgent::StateAgent(const Options& options, SinkEdge& edge, const Clock& clock,
                       std::function<bool()> is_cut_off)
    : edge_(edge),
      clock_(clock),
      is_cut_off_(std::move(is_cut_off)),
      tap_(options.tap),
      shared_(options.state, options.compat),
      entry_(board_.add("state", "#", std::string(name_of(options.tap.overflow)))) {}

// What was before is not known.
Result<void> StateAgent::on_start() {
  ticked_ = clock_.now();
  const std::lock_guard lock(shared_.mutex);
  applied_us_ = shared_.known_since_us = shared_.now_us = clock_.wall_us();
  shared_.state.note_blindness({0, applied_us_, 0});
  return {};
}

std::size_t StateAgent::do_work(Instant now) {
  std::size_t work = take_batches();
  work += apply_some();
  if (now - ticked_ >= kTick) tick(now);
  if (work != 0) show();
  return work;
}

// All of it, however much is waiting: the ring belongs to the pipeline.
std::size_t StateAgent::take_batches() {
  std::size_t taken = 0;
  std::array<const Batch*, kBatchesAtOnce> next{};
  for (std::size_t n; (n = edge_.pop(next)) != 0; taken += n) {
    for (std::size_t i = 0; i < n; ++i) {
      const BatchRef batch = BatchRef::adopt(next[i]);
      tap_.offer(batch->size(), batch);
    }
  }
  return taken;
}

bool StateAgent::next_batch() {
  while (!tap_.empty()) {
    if (const auto* gap = std::get_if<Gap>(&tap_.front())) {
      is_missing_ = true;
      missing_ += gap->count;
      tap_.delivered();
      continue;
    }
    current_ = std::get<BatchRef>(tap_.front());
    tap_.delivered();
    if (current_->is_shaped()) current_ = BatchRef(expand(*current_));
    next_entry_ = 0;
    if (is_missing_) {
      shared_.state.note_blindness({applied_us_, current_->received_us(), missing_});
      is_missing_ = false;
      missing_ = 0;
    }
    return true;
  }
  return false;
}

std::size_t StateAgent::apply_some() {
  if (!behind()) return 0;
  std::size_t applied = 0;
  const std::lock_guard lock(shared_.mutex);
  while (applied < kEventsPerTurn && (current_ || next_batch())) {
    const std::int64_t arrived_us = current_->received_us();
    const std::size_t end = std::min(current_->size(), next_entry_ + kEventsPerTurn - applied);
    for (; next_entry_ < end; ++next_entry_, ++applied) {
      const EventEntry& entry = current_->entries()[next_entry_];
      // What cannot be opened has no type, and is counted as that.
      static_cast<void>(fields_.open(current_->body_of(entry)));
      shared_.state.apply(fields_, arrived_us, current_->is_replayed());
      shared_.compat.count(fields_, arrived_us, current_->is_replayed());
      shared_.as_of = current_->sequence_of(entry).value;
      note_change();
    }
    applied_us_ = shared_.now_us = arrived_us;
    if (next_entry_ == current_->size()) current_ = BatchRef();
  }
  return applied;
}

void StateAgent::note_change() {
  const TaskNumber number = shared_.state.changed();
  if (number == kNoTask) return;
  const auto hash = static_cast<std::uint32_t>(shared_.state.tasks().at(number).hash);
  shared_.changes.add({shared_.as_of, number, hash});
}

// Who is silent is only known as far as everything has been heard.
void StateAgent::tick(Instant now) {
  const std::int64_t wall_us = clock_.wall_us();
  const Duration passed = now - ticked_;
  ticked_ = now;
  const bool was_away = passed > kPause || (is_cut_off_ && is_cut_off_());
  const std::lock_guard lock(shared_.mutex);
  if (was_away) {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(passed).count();
    shared_.state.note_blindness({wall_us - us, wall_us, 0});
  }
  if (!behind()) shared_.now_us = wall_us;
  shared_.state.pass_time(shared_.now_us);
  shared_.compat.pass_time({shared_.now_us, shared_.state.blindnesses().back().to_us});
  verdicts_ = {};
  for (const Worker& worker : shared_.state.workers().all()) {
    ++verdicts_[static_cast<std::size_t>(shared_.state.verdict(worker, shared_.now_us))];
  }
  show();
}

Agent::Drain StateAgent::drain(Instant) {
  static_cast<void>(take_batches());
  static_cast<void>(apply_some());
  show();
  return has_work() ? Drain::unfinished : Drain::finished;
}

// On the agent's own thread, which alone changes the state: reading needs no lock.
void StateAgent::show() {
  const State& state = shared_.state;
  const std::uint64_t turned_away = state.names().turned_away() + state.hosts().turned_away() +
                                    state.queues().turned_away() + state.states().turned_away();
  shown_.publish({state.counters(), shared_.compat.counters(), state.tasks().size(), state.bytes(),
                  turned_away, state.blindnesses().size(), verdicts_});
  entry_->figures.publish(
      {tap_.ledger(), tap_.held_bytes(), tap_.delivered_bytes(), tap_.oldest_held_us()});
}

void StateAgent::sample(Samples& samples, std::int64_t now_us) const {
  board_.sample(samples, now_us);
  const Shown shown = shown_.read();
  const auto add = [&](Metric metric, std::uint64_t value, const char* label = nullptr,
                       std::string_view text = {}) {
    samples.push_back({metric, static_cast<double>(value), {}});
    if (label != nullptr) samples.back().labels.emplace_back(label, std::string(text));
  };
  const State::Counters& counters = shown.counters;
  add(Metric::state_tasks, shown.tasks);
  add(Metric::state_bytes, shown.bytes);
  for (std::size_t i = 0; i < kVerdicts; ++i) {
    add(Metric::state_workers, shown.workers[i], "verdict", name_of(static_cast<Verdict>(i)));
  }
  add(Metric::state_events, counters.task_events, "kind", "task");
  add(Metric::state_events, counters.worker_events, "kind", "worker");
  add(Metric::state_events, counters.other_events, "kind", "other");
  add(Metric::state_repeated, counters.repeated);
  for (std::size_t i = 0; i < kStateRefusals; ++i) {
    add(Metric::state_refused, counters.refused[i], "reason",
        name_of(static_cast<StateRefusal>(i)));
  }
  for (std::size_t i = 0; i < kEvictions; ++i) {
    add(Metric::state_evicted, counters.evicted[i], "reason", name_of(static_cast<Eviction>(i)));
  }
  add(Metric::state_cut_values, counters.values_cut);
  add(Metric::state_dropped_sightings, counters.sightings_dropped);
  add(Metric::state_names_turned_away, shown.names_turned_away);
  add(Metric::state_orphaned, counters.orphaned);
  add(Metric::state_buried, counters.buried);
  add(Metric::state_blindnesses, shown.blindnesses);
  if (!shared_.compat.is_on()) return;
  add(Metric::compat_series, shown.compat.series);
  add(Metric::compat_folded, shown.compat.folded_values);
  add(Metric::compat_forgotten, shown.compat.forgotten_tasks);
}

}  // namespace xylem::cluster
