#include "relay/pipeline/pipeline_agent.h"

#include <algorithm>

namespace xylem {

PipelineAgent::PipelineAgent(Epoch epoch, const Clock& clock, std::vector<SourceEdge*> sources,
                             std::vector<SinkEdge*> sinks)
    : epoch_(epoch), clock_(clock), sources_(std::move(sources)), sinks_(std::move(sinks)) {}

std::size_t PipelineAgent::room() const {
  std::size_t room = kBatchesPerTurn;
  for (const SinkEdge* sink : sinks_) room = std::min(room, sink->room());
  return room;
}

std::size_t PipelineAgent::do_work(Instant now) {
  std::size_t work = 0;
  bool stalled = false;
  for (SourceEdge* source : sources_) {
    const std::size_t room_now = room();
    stalled |= room_now == 0 && !source->empty();
    const std::size_t count = source->pop(std::span(run_).first(room_now));
    if (count == 0) continue;
    const std::int64_t received_us = clock_.wall_us();
    for (Batch* batch : std::span(run_).first(count)) {
      batch->stamp(epoch_, next_, received_us);
      next_ = next_.after(batch->size());
      figures_.events += batch->size();
      const BatchRef shared{std::unique_ptr<Batch>(batch)};
      for (SinkEdge* sink : sinks_) sink->push(BatchRef(shared).release());
    }
    source->add_stamped(count, {next_.value - 1});
    figures_.batches += count;
    work += count;
  }
  note_stall(stalled, now);
  if (work != 0) {
    for (SinkEdge* sink : sinks_) sink->ring_consumer();
    next_shown_.store(next_.value, std::memory_order_relaxed);
    shown_.publish(figures_);
  }
  return work;
}

void PipelineAgent::note_stall(bool stalled, Instant now) {
  if (stalled == stalled_) return;
  stalled_ = stalled;
  figures_.stalls += stalled;
  stalled_since_ns_.store(stalled ? now.since_boot.count() : 0, std::memory_order_relaxed);
  shown_.publish(figures_);
}

bool PipelineAgent::has_work() {
  const bool waiting = std::any_of(sources_.begin(), sources_.end(),
                                   [](const SourceEdge* source) { return !source->empty(); });
  if (!waiting) return false;
  bool all_have_room = true;
  for (SinkEdge* sink : sinks_) all_have_room &= sink->room() != 0 || !sink->await_room(1);
  return all_have_room;
}

Agent::Drain PipelineAgent::drain(Instant now) {
  while (do_work(now) != 0) {
  }
  const bool empty = std::all_of(sources_.begin(), sources_.end(),
                                 [](const SourceEdge* source) { return source->empty(); });
  return empty ? Drain::finished : Drain::unfinished;
}

std::uint64_t PipelineAgent::on_stop() {
  std::uint64_t left = 0;
  for (SourceEdge* source : sources_) {
    for (std::size_t n; (n = source->pop(run_)) != 0;) {
      for (Batch* batch : std::span(run_).first(n)) {
        left += batch->size();
        const std::unique_ptr<Batch> sole(batch);
      }
    }
  }
  return left;
}

Duration PipelineAgent::stalled_for(Instant now) const {
  const std::int64_t since = stalled_since_ns_.load(std::memory_order_relaxed);
  return since == 0 ? Duration(0) : now - Instant{Duration(since)};
}

void PipelineAgent::sample(Samples& samples) const {
  const Figures figures = shown_.read();
  samples.push_back({Metric::pipeline_events, static_cast<double>(figures.events), {}});
  samples.push_back({Metric::pipeline_batches, static_cast<double>(figures.batches), {}});
  samples.push_back({Metric::pipeline_stalls, static_cast<double>(figures.stalls), {}});
  samples.push_back(
      {Metric::pipeline_next_sequence, static_cast<double>(next_sequence().value), {}});
}

}  // namespace xylem
